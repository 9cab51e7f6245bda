"""The four acts of the demo, and what each of them measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .load import Answer, Count, by_model
from .watch import Sight


@dataclass(frozen=True)
class Act:
    """One revision, and what should become of it."""

    version: str
    title: str
    condition: str
    """Condition of the resource that ends the act: Promoted or RolledBack."""
    reasons: tuple[str, ...] = ()
    """Reasons that count as the expected outcome; empty where any does."""


ACTS = (
    Act("v1", "the first revision: a small model", "Promoted"),
    Act("v2", "a better model", "Promoted"),
    Act("v3", "a model with a defect that only live input shows", "RolledBack", ("ErrorRateRegressed",)),
    Act("v4", "a model that is right but slow", "RolledBack", ("LatencyRegressed",)),
)


@dataclass(frozen=True)
class Outcome:
    """How one act ended."""

    act: Act
    reason: str
    message: str
    seconds: float
    """From the change of the resource to the end of the rollout."""
    reached: bool
    """The expected outcome."""
    to_zero: float | None = None
    """Seconds from the canary's first bad answer (rolled back for errors) or first answer to weight 0."""
    counts: dict[str, Count] | None = None


def ended(sight: Sight, generation: int) -> bool:
    """Return whether the rollout of this generation of the resource is over, one way or the other."""
    if sight.generation < generation or sight.status.get("rollout"):
        return False
    return any(sight.condition(name)[0] == "True" for name in ("Promoted", "RolledBack"))


def outcome(act: Act, begun: float, sight: Sight, answers: Sequence[Answer], changes: Sequence[Sight]) -> Outcome:
    """Put together what an act measured.

    Args:
        act: the act.
        begun: when the resource was changed; seconds on the event loop's clock, as all times here.
        sight: the sight at which it ended.
        answers: every answer since `begun`.
        changes: every change that was seen since `begun`.
    """
    status, reason, message = sight.condition(act.condition)
    reached = status == "True" and (not act.reasons or reason in act.reasons)
    if status != "True":
        other = "RolledBack" if act.condition == "Promoted" else "Promoted"
        _, reason, message = sight.condition(other)
        reason = f"{other}: {reason}"
    return Outcome(
        act,
        reason,
        message,
        sight.at - begun,
        reached,
        _to_zero(act, begun, answers, changes),
        by_model([answer for answer in answers if answer.at >= begun]),
    )


def _to_zero(act: Act, begun: float, answers: Sequence[Answer], changes: Sequence[Sight]) -> float | None:
    if act.condition != "RolledBack":
        return None
    mine = [one for one in answers if one.at >= begun and one.model == act.version]
    bad = [one for one in mine if one.failed] if "ErrorRateRegressed" in act.reasons else mine
    if not bad:
        return None
    first = min(one.at + one.seconds for one in bad)
    raised = False
    for change in changes:
        raised = raised or change.canary_weight > 0
        if raised and change.at >= first and change.canary_weight == 0:
            return change.at - first
    return None
