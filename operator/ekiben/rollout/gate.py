"""The gate between two steps: time, usable evidence, and beyond half of the requests a verdict."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.rollout import OnInconclusive
from ekiben.api.status import RolloutStatus

from . import ending, times
from .draft import Draft
from .observation import Evidence

# Above this share the canary carries the service, so "nothing regressed" is not enough.
_NOT_WORSE_ABOVE = 50


def evidence(draft: Draft, running: RolloutStatus) -> Evidence | None:
    """Return what the analysis says about the running rollout's canary."""
    found = draft.observation.evidence
    return found if found is not None and found.revision == running.revision else None


def look(draft: Draft, weight: int) -> None:
    """Open the next step when its time has passed with usable evidence, or say what it waits for."""
    running = draft.status.rollout
    if running is None:
        return
    found = evidence(draft, running)
    steps = draft.policy.steps
    left = seconds(steps[running.step].duration) - times.since(running.step_since, draft.now)
    last = running.step + 1 >= len(steps)
    following = 100 if last else steps[running.step + 1].weight
    if draft.spec_rollout.paused:
        draft.hold("Paused", "spec.rollout.paused is true")
    elif found is None or not found.usable or found.problem:
        _without_verdict(draft, found, weight)
    elif left > 0:
        draft.look_in(left)
    elif following > _NOT_WORSE_ABOVE and found.verdict != "NotWorse":
        _without_verdict(draft, found, weight)
    elif last or following == 100:
        # 100 % is the promotion itself: without requests of the stable there is no evidence to end such a step by.
        ending.begin_promotion(draft)
    else:
        draft.update_rollout(step=running.step + 1)
        draft.look_in(0)


def _without_verdict(draft: Draft, found: Evidence | None, weight: int) -> None:
    running = draft.status.rollout
    if running is None:
        return
    problem = found.problem if found else ""
    usable = found is not None and found.usable and not problem
    reason = problem or ("AwaitingVerdict" if usable else "AwaitingEvidence")
    # No number that changes from look to look stands in here: it would be a write of the status each time.
    waits = "there is not enough evidence yet to say that it is not worse" if usable else "no evidence yet"
    message = found.problem_message if found and problem else f"the canary gets {weight} %: {waits}"
    draft.hold(reason, message)
    draft.look_in(5)
    if not problem and (found is None or not found.usable or found.verdict == "NotWorse"):
        return  # settling, or the first looks after a restart: what is wrong for longer becomes a problem of its own
    if times.since(running.traffic_since, draft.now) < seconds(draft.policy.analysis.deadline):
        return
    text = f"no verdict within {draft.policy.analysis.deadline}: {draft.hold_message}"
    choice = draft.policy.analysis.on_inconclusive
    if choice is OnInconclusive.ROLLBACK:
        ending.begin_roll_back(draft, "Inconclusive", text, rejected=True)
        ending.roll_back(draft)
    elif choice is OnInconclusive.PROMOTE and usable:
        ending.begin_promotion(draft)
    else:
        draft.hold("Inconclusive", text)
