"""The gate between two steps: time, usable evidence, beyond half of the requests a verdict, and approval."""

from __future__ import annotations

from dataclasses import replace

from ekiben.api.base import Duration, seconds
from ekiben.api.rollout import OnInconclusive, Shadow
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import approval, deadline, ending, times
from .draft import Draft
from .observation import Evidence


def evidence(draft: Draft, running: RolloutStatus) -> Evidence | None:
    """Return what the analysis says about the running rollout's canary."""
    found = draft.observation.evidence
    return found if found is not None and found.revision == running.revision else None


def against(draft: Draft, running: RolloutStatus, canary: RevisionStatus) -> Evidence | None:
    """Return the evidence that may convict.

    Before its first request and with all requests, nothing compares the canary with the stable revision: what is left
    of the other one's requests is not split by chance. That requests hang is told at any weight.
    """
    found = evidence(draft, running)
    if found is None or (running.traffic_since is not None and canary.weight < 100):
        return found
    return replace(found, verdict="Unknown")


def time_left(draft: Draft, running: RolloutStatus, duration: Duration) -> float:
    """Return the seconds that a step, preview or shadow has still to last."""
    return seconds(duration) - times.since(running.step_since, draft.now)


def unapproved(draft: Draft, running: RolloutStatus) -> bool:
    """Return whether it still waits for approval."""
    return approval.needed(draft.policy, running) and not running.approved


def await_approval(draft: Draft) -> None:
    """Say that everything but the approval is there."""
    name = draft.observation.resource.metadata.name
    draft.hold("AwaitingApproval", f"waits for approval: `ekiben approve {name}` lets it go on")
    stop_clock(draft)


def stop_clock(draft: Draft) -> None:
    """Do not count the time in which somebody else has to act, nor what came before, for the analysis deadline."""
    draft.stop_judging()


def look(draft: Draft, weight: int) -> None:
    """Open the next step when its time has passed with usable evidence, or say what it waits for."""
    running = draft.status.rollout
    if running is None:
        return
    policy, found = draft.policy, evidence(draft, running)
    step, following = approval.present(policy, running), approval.following(policy, running)
    if not _passed(draft, found, weight, step.duration):
        return
    if following < 100:
        draft.update_rollout(step=running.step + 1, step_since=None, approved=False)
        draft.look_in(0)
    elif weight > 0:
        # 100 % is the promotion itself: without requests of the stable there is no evidence to end such a step by.
        _promote(draft, found)
    else:
        ending.begin_promotion(draft, "Approved", "somebody approved it; testers alone give no evidence", direct=True)


def look_shadow(draft: Draft) -> None:
    """Promote after the shadow's time, with "not worse", or say what it waits for."""
    running = draft.status.rollout
    if running is None:
        return
    found, policy = evidence(draft, running), draft.policy.shadow or Shadow()
    if _passed(draft, found, policy.percent, policy.duration):
        _promote(draft, found)


def _passed(draft: Draft, found: Evidence | None, share: int, duration: Duration) -> bool:
    """Return whether a step may be left; if not, what it waits for has been said."""
    running = draft.status.rollout
    if running is None:
        return False
    left = time_left(draft, running, duration)
    if draft.paused:
        draft.hold("Paused", draft.paused)
        stop_clock(draft)
        return False
    if share > 0:
        deadline.count(draft, found)
    if share > 0 and (found is None or not found.usable or found.problem):
        _without_verdict(draft, found, share, late=left <= 0)
    elif left > 0:
        draft.look_in(left)
    elif deadline.verdict_needed(draft.policy, running) and (found is None or found.verdict != "NotWorse"):
        _without_verdict(draft, found, share, late=True)
    elif unapproved(draft, running):
        await_approval(draft)
    else:
        return True
    return False


def _promote(draft: Draft, found: Evidence | None) -> None:
    ending.begin_promotion(draft, "NotWorse", found.message if found else "")


def _without_verdict(draft: Draft, found: Evidence | None, share: int, *, late: bool) -> None:
    """Say what is missing; `late` where the step's own time has passed, so that the deadline may decide."""
    running = draft.status.rollout
    if running is None:
        return
    problem = found.problem if found else ""
    usable = found is not None and found.usable and not problem
    reason = problem or ("AwaitingVerdict" if usable else "AwaitingEvidence")
    # No number that changes from look to look stands in here: it would be a write of the status each time.
    waits = "there is not enough evidence yet to say that it is not worse" if usable else "no evidence yet"
    gets = f"copies of {share} %" if running.state == "Shadow" else f"{share} %"
    message = found.problem_message if found and problem else f"the canary gets {gets}: {waits}"
    draft.hold(reason, message)
    draft.look_in(5)
    if found is None or found.verdict == "NotWorse" or not (problem or found.usable):
        # It was found not worse, and the counters are out of reach for now; or these are the first looks at a weight,
        # or after a restart: what is wrong for longer becomes a problem of its own.
        return
    if late and deadline.over(draft):
        _decide_without(draft, usable=usable)


def _decide_without(draft: Draft, *, usable: bool) -> None:
    """Do what the policy says for the case that there is no verdict within the deadline."""
    text = f"no verdict within {draft.policy.analysis.deadline}: {draft.hold_message}"
    choice = draft.policy.analysis.on_inconclusive
    if choice is OnInconclusive.ROLLBACK and deadline.rejects(draft):
        ending.begin_roll_back(draft, "Inconclusive", text, rejected=True)
        ending.roll_back(draft)
    elif choice is OnInconclusive.PROMOTE and usable:
        ending.begin_promotion(draft, "Inconclusive", text)
    else:
        draft.hold("Inconclusive", f"{text}; evidence that comes later decides all the same")
