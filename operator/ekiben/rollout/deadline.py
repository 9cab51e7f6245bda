"""The analysis deadline: what counts of the time in which a canary has no verdict."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.rollout import Rollout, StepEvidence, Strategy
from ekiben.api.status import RolloutStatus

from . import approval, times
from .draft import Draft
from .observation import Evidence

_NOTED_SECONDS = 60.0
"""How often a look is noted: each is a write of the status."""
_GAP_SECONDS = 180.0
_UNREADABLE = ("SourceDown", "StaleMetrics")
"""Problems of those who count: they say nothing about the canary, however long they last."""


def verdict_needed(policy: Rollout, running: RolloutStatus) -> bool:
    """Return whether the present step, or the shadow, is left only with "not worse"."""
    if policy.strategy is Strategy.SHADOW:
        return True
    step = approval.present(policy, running)
    beyond = approval.following(policy, running) > approval.NOT_WORSE_ABOVE
    return step.weight > 0 and (beyond or step.requires is StepEvidence.NOT_WORSE)


def count(draft: Draft, found: Evidence | None) -> None:
    """Note a look at which the canary could be judged, and since when its evidence has not been usable."""
    running = draft.status.rollout
    if running is None:
        return
    now, problem = times.text(draft.now), found.problem if found is not None else ""
    draft.look_in(_NOTED_SECONDS)
    if running.judged_since is None or times.since(running.judged_at, draft.now) > _GAP_SECONDS:
        # Somebody held it, or nobody looked: what was going on meanwhile, nobody knows.
        since = now if problem else None
        draft.update_rollout(judged_since=now, judged_at=now, unusable=problem, unusable_since=since)
        return
    if running.judged_at is None or times.since(running.judged_at, draft.now) >= _NOTED_SECONDS:
        draft.update_rollout(judged_at=now)
    if problem:
        _begin_problem(draft, running, problem)
    elif running.unusable and found is not None and found.usable:
        _end_problem(draft, running)


def _begin_problem(draft: Draft, running: RolloutStatus, problem: str) -> None:
    if running.unusable and (running.unusable in _UNREADABLE) == (problem in _UNREADABLE):
        draft.update_rollout(unusable=problem)
        return
    # After an outage of the counters what they do not show yet is no lull that has lasted as long.
    _end_problem(draft, running)
    draft.update_rollout(unusable=problem, unusable_since=times.text(draft.now))


def _end_problem(draft: Draft, running: RolloutStatus) -> None:
    if running.judged_since is not None and running.unusable_since is not None:
        lost = times.since(running.unusable_since, draft.now)
        draft.update_rollout(judged_since=times.after(running.judged_since, lost))
    draft.update_rollout(unusable="", unusable_since=None)


def over(draft: Draft) -> bool:
    """Return whether the canary had its time: with usable evidence where a verdict is needed, or with none at all."""
    running, policy = draft.status.rollout, draft.policy
    if running is None or running.judged_since is None:
        return False
    most, bad = seconds(policy.analysis.deadline), times.since(running.unusable_since, draft.now)
    judged = times.since(running.judged_since, draft.now) - bad
    return bad >= most or (verdict_needed(policy, running) and judged >= most)


def rejects(draft: Draft) -> bool:
    """Return whether the deadline may speak against the canary: not while nobody can read its counters."""
    running = draft.status.rollout
    return running is not None and running.unusable not in _UNREADABLE


def moment(draft: Draft, step_ends: str | None) -> str | None:
    """Return when it decides, no earlier than the step's time; None where it does not count, or nothing is missing.

    The moment stays the same from look to look, so that it costs no write.
    """
    running, found = draft.status.rollout, draft.observation.evidence
    if running is None or running.judged_since is None or step_ends is None:
        return None
    if (found is not None and found.verdict == "NotWorse") or running.still_since is not None:
        return None
    since = running.unusable_since or (running.judged_since if verdict_needed(draft.policy, running) else None)
    if since is None:
        return None
    return max(times.after(since, seconds(draft.policy.analysis.deadline)), step_ends, key=times.moment)
