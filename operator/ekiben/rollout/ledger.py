"""The ledger: each decision with the numbers that it rested on, bounded, for `ekiben explain`."""

from __future__ import annotations

from ekiben.api.status import Decision, MetricEvidence

from . import times
from .draft import Draft

_KEPT = 30
# Decisions that rest on what the requests said; the others carry no numbers.
_JUDGED = ("WeightRaised", "Promoting", "RollingBack", "Promoted", "BakeFailed", "Held")
_BY_OBJECTIVES = ("BakeFailed", "ObjectiveMissed")

# Each step begins with this one: the first requests are still on their way.
_PASSING = ("", "AwaitingEvidence")


def write(draft: Draft) -> None:
    """Add what was told in this look, and the beginning of each hold."""
    entries = [_decision(draft, event.reason, event.message) for event in draft.events]
    if draft.hold_reason not in _PASSING and draft.hold_reason != _held(draft):
        entries.append(_decision(draft, "Held", draft.hold_message, draft.hold_reason))
    if entries:
        draft.update(decisions=[*draft.status.decisions, *entries][-_KEPT:])


def _held(draft: Draft) -> str:
    """Return the reason of the hold that is on record; what was decided since has ended it."""
    last = draft.status.decisions[-1] if draft.status.decisions and not draft.events else None
    return last.reason if last is not None and last.decision == "Held" else ""


def _decision(draft: Draft, decision: str, message: str, reason: str = "") -> Decision:
    before = draft.observation.resource.status
    one = draft.status.canary or before.canary or draft.status.stable
    if decision in _BY_OBJECTIVES:
        # It is about the revision that served, not about the one that comes back.
        one = before.stable or one
    running = draft.status.rollout
    verdict = draft.observation.evidence
    metrics: list[MetricEvidence] = []
    if decision in _JUDGED and verdict is not None and one is not None and verdict.revision == one.revision:
        metrics = list(verdict.metrics)
    told = verdict.verdict if verdict is not None else ""
    if decision in _BY_OBJECTIVES and verdict is not None and one is not None and verdict.stable == one.revision:
        metrics, told = list(verdict.stable_metrics), verdict.stable_verdict
    return Decision(
        at=times.text(draft.now),
        revision=one.revision if one else draft.target.revision,
        number=one.number if one else 0,
        decision=decision,
        reason=reason or (running.reason if running else ""),
        message=" ".join(message.split())[:512],
        weight=one.weight if one else 0,
        verdict=told if metrics else "",
        metrics=metrics,
    )
