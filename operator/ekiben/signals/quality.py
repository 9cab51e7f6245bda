"""What makes evidence bad: a named condition that holds a rollout, and neither promotes nor rolls back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .arm import Arm

_PATIENCE_SECONDS = 30.0
_PATIENCE_TICKS = 3
_EXPECTED = 20.0
"""Requests that the canary should have had before its having none is no chance any more: e^-20."""


@dataclass(frozen=True)
class Problem:
    """Why the evidence cannot be used now."""

    reason: str
    """SourceDown, StaleMetrics, NotRouted, NoTraffic, UnknownQuery, or what the analysis says."""
    message: str


@dataclass
class Traffic:
    """Whether requests reach the canary as its share says."""

    share: float = 0.0
    """Share of the requests that the canary should have, 0 to 1."""
    since: float = 0.0
    """Since when, seconds since the epoch."""
    stable_alone: int = 0
    """Requests of the stable since the canary's last one."""

    def change(self, share: float, now: float) -> None:
        """Begin anew at another share."""
        self.share, self.since, self.stable_alone = share, now, 0

    def observe(self, canary: int, stable: int) -> None:
        """Take in what both counted since the last reading."""
        self.stable_alone = 0 if canary else self.stable_alone + stable

    @property
    def expected(self) -> float:
        """Requests that the canary should have had since its last one."""
        return self.stable_alone * self.share / (1 - self.share) if self.share < 1 else 0.0


def problem(canary: Arm, stable: Arm, traffic: Traffic, tick: float, now: float) -> Problem | None:
    """Return what is wrong now, the first that there is; None where nothing is."""
    for arm in (canary, stable):
        if arm.stale and arm.not_routed:
            return Problem("NotRouted", arm.reasons)
    several = canary.several or stable.several
    if canary.stale and stable.stale and canary.pods and stable.pods and not several:
        down = canary.source_down or stable.source_down
        who = "" if down else "no pod of either revision can be read, so that the way to them is broken: "
        return Problem("SourceDown", who + (stable.reasons or canary.reasons))
    for arm in (canary, stable):
        if arm.stale:
            return Problem("StaleMetrics", arm.stale_message())
    patience = max(_PATIENCE_TICKS * tick, _PATIENCE_SECONDS)
    idle = now - max(traffic.since, canary.last_completion or 0.0)
    if idle < patience or canary.waiting_since is not None:
        return _nothing_to_compare(canary, stable, traffic, patience, now)
    # No number that changes from look to look stands in these: each would be a write of the status.
    share = f"revision {canary.revision} should get {100 * traffic.share:.3g} % of the requests"
    if traffic.expected >= _EXPECTED:
        return Problem(
            "NotRouted",
            f"{share}, and has answered none for {patience:.0f} s or longer while the stable revision answers them: "
            "callers do not come through the route that has the weights, or their connections outlive its changes",
        )
    return Problem(
        "NoTraffic",
        f"{share} but has answered none for {patience:.0f} s or longer: nothing can be said about it until requests "
        "come through the gateway",
    )


def _nothing_to_compare(canary: Arm, stable: Arm, traffic: Traffic, patience: float, now: float) -> Problem | None:
    """Return what is wrong where the canary answers and the stable revision does not."""
    silent = now - max(traffic.since, stable.last_completion or 0.0)
    answers = canary.last_completion is not None and now - canary.last_completion < patience
    if traffic.share >= 1 or silent < patience or not answers or stable.missed:
        return None
    why = ", though requests wait for it" if stable.waiting_since is not None else ""
    return Problem(
        "NoTraffic",
        f"revision {stable.revision}, with which the canary is compared, has answered none for {patience:.0f} s or "
        f"longer{why}: the canary answers, and nothing says how it compares",
    )


def blind_spots(canary: Arm, stable: Arm, tick: float, now: float) -> str:
    """Return what is not seen of either revision, though the rest of it is; empty where there is nothing."""
    patience = max(_PATIENCE_TICKS * tick, _PATIENCE_SECONDS)
    return "; ".join(filter(None, (arm.blind_spot(patience, now) for arm in (canary, stable))))


def unknown_queries(names: Sequence[str]) -> Problem:
    """Return what is wrong where a resource refers to business metrics that nobody has defined."""
    one = len(names) == 1
    shown = ", ".join(names)
    return Problem(
        "UnknownQuery",
        f"rollout.analysis.metrics names {shown}, which the operator's configuration does not define: have the "
        f"platform team define {'it' if one else 'them'}, or begin anew without {'it' if one else 'them'}",
    )


def needs(seconds: float | None) -> str:
    """Say how long "not worse" still takes, in one unit; empty where that is not known."""
    if seconds is None:
        return ""
    for size, unit in ((3600, "h"), (60, "min"), (1, "s")):
        if seconds >= 2 * size or size == 1:
            return f'about {max(1, round(seconds / size))} {unit} more until "not worse" at this traffic'
    return ""


def hung(canary: Arm, stable: Arm, timeout: float, now: float) -> bool:
    """Whether requests are in flight on the canary, none was completed for the timeout, and the stable completes."""
    if canary.waiting_since is None or canary.missed:
        return False
    others_complete = stable.last_completion is not None and stable.last_completion > canary.waiting_since
    return now - canary.waiting_since >= timeout and others_complete
