"""With rollouts: what a revision needs for its share of the requests, and who gets what when there is too little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .config import Config, Metric
from .learn import Learned
from .need import capacity_of, unit_of
from .profile import Profile

ALL = 100


def needed(
    config: Config, total: Profile, weight: int, *, learned: Learned | None = None, seconds: float = 0.0
) -> int | None:
    """Return the replicas that a revision needs for `weight` per cent of all requests; 0 for none of them.

    None where nobody can tell what a pod takes; then its share of the replicas that serve is what there is to go by.

    Args:
        config: what was asked for.
        total: the load of the model, `together` of both revisions.
        weight: the share, in per cent.
        learned: what is known of the revision's own pods; where they were not seen to answer yet, those that the total
            was measured on speak for them.
        seconds: how far ahead it has to last. 0: the load as it is, for the next step of a canary, whose pods are
            there before its weight. For a promotion or a rollback the time that its pods take to start, `starts_in`,
            and what moving the weight takes besides: then it is the upper bound of a growing load.
    """
    if weight <= 0:
        return 0
    own = learned if learned is not None and learned.service is not None else total.learned
    arrived = total.ahead(seconds) * min(weight, ALL) / ALL
    if arrived <= 0:
        return 1
    needs = [_need(metric, config, own, arrived) for metric in config.metrics]
    known = [need for need in needs if need is not None]
    return max(1, *known) if known else None


def _need(metric: Metric, config: Config, own: Learned, arrived: float) -> int | None:
    capacity, unit = capacity_of(metric, config, own), unit_of(metric.kind, own)
    return capacity.need(arrived * unit) if capacity is not None and unit > 0 else None


@dataclass(frozen=True)
class Wish:
    """What a revision of a rollout asks for."""

    least: int
    """Replicas that the load which it has now needs."""
    wanted: int
    """Replicas that it is to have for what comes next: a greater share, or the way back."""

    def __post_init__(self) -> None:
        if self.least < 0:
            raise ValueError(f"replicas are at least 0, not {self.least}")


@dataclass(frozen=True)
class Shares:
    """Who gets how many replicas."""

    stable: int
    canary: int
    short: int = 0
    """Replicas that both together want and do not get."""
    too_heavy: bool = False
    """Not even the load that they have now fits: weight has to go back to the stable before anything else."""

    @property
    def message(self) -> str:
        """Plain English; empty where nothing is short."""
        if self.too_heavy:
            return (
                f"scaling.maxReplicas leaves {self.stable} replicas for the stable revision and {self.canary} for the "
                "canary, which is less than their requests need: raise maxReplicas"
            )
        if self.short:
            return (
                f"{self.short} more replicas are wanted than scaling.maxReplicas allows for both revisions together: "
                "raise maxReplicas, or the rollout goes on in smaller steps"
            )
        return ""


def divide(most: int, stable: Wish, canary: Wish) -> Shares:
    """Return who gets how many of at most `most` replicas.

    First what the stable's requests need, then what the canary's do, then what the canary needs to go on, and last what
    the stable keeps for the way back. A canary that has requests keeps one pod in any case: without it they would fail.
    """
    held = min(stable.least, most - 1 if canary.least else most)
    given = min(canary.least, most - held)
    too_heavy = held < stable.least or given < canary.least
    more = min(max(0, canary.wanted - given), most - held - given)
    back = min(max(0, stable.wanted - held), most - held - given - more)
    wanted = max(stable.least, stable.wanted) + max(canary.least, canary.wanted)
    shares = (held + back, given + more)
    return Shares(*shares, short=max(0, wanted - sum(shares)), too_heavy=too_heavy)


def reachable(
    most: int, present: int, wanted: int, stable_needs: Callable[[int], int], canary_needs: Callable[[int], int]
) -> int:
    """Return the highest weight of the canary up to `wanted` that fits into `most` replicas, at least the present one.

    Its pods are there before its weight, while the stable still has its present share. Asked again after each step it
    goes on to 100 in any limit that holds the whole load and two pods more.

    Args:
        most: replicas of both revisions together.
        present: the canary's weight, in per cent.
        wanted: the weight of its step.
        stable_needs: replicas that the stable needs for a weight.
        canary_needs: the same of the canary.
    """
    room = most - stable_needs(ALL - present)
    return next((weight for weight in range(wanted, present, -1) if canary_needs(weight) <= room), present)
