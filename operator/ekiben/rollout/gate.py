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
    """Say that everything but the approval is there; that time counts for no deadline, nor does what came before."""
    say_approval(draft)
    draft.stop_judging()
    draft.update_rollout(awaits_approval=True)


def say_approval(draft: Draft) -> None:
    """Say that it waits for approval."""
    name = draft.observation.resource.metadata.name
    draft.hold(approval.AWAITED, f"waits for approval: `ekiben approve {name}` lets it go on")


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
        draft.begin_step(step=running.step + 1, approved=False)
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
        draft.stop_judging()
        return False
    unusable = share > 0 and (found is None or not found.usable or bool(found.problem))
    if unusable and left <= 0 and unapproved(draft, running) and running.awaits_approval:
        # Everything else was there, and a quiet night takes none of it back; once it is approved, evidence is needed.
        await_approval(draft)
        return False
    if share > 0:
        deadline.count(draft, found)
    if unusable:
        _without_evidence(draft, found, share, late=left <= 0)
    elif left > 0:
        draft.look_in(left)
    elif not (_verdict_is_there(draft, found) or _goes_without(draft, found, share)):
        return False
    elif not unapproved(draft, running):
        return True
    elif _verdict_is_there(draft, found):
        await_approval(draft)
    else:
        say_approval(draft)  # the deadline is over, and stays so
    return False


def _verdict_is_there(draft: Draft, found: Evidence | None) -> bool:
    """Return whether no verdict is missing: it is there, or none is needed."""
    running = draft.status.rollout
    if running is None or not deadline.verdict_needed(draft.policy, running):
        return True
    return found is not None and found.verdict == "NotWorse"


def _promote(draft: Draft, found: Evidence | None) -> None:
    if _verdict_is_there(draft, found):
        ending.begin_promotion(draft, "NotWorse", found.message if found else "")
    else:
        ending.begin_promotion(draft, "Inconclusive", _inconclusive(draft))


def _without_evidence(draft: Draft, found: Evidence | None, share: int, *, late: bool) -> None:
    """Say what evidence is missing; `late` where the step's own time has passed, so that the deadline may decide."""
    _say_missing(draft, found, share)
    if found is None or found.verdict == "NotWorse" or not found.problem:
        # It was found not worse, and the counters are out of reach for now; or these are the first looks at a weight,
        # or after a restart: what is wrong for longer becomes a problem of its own.
        return
    if late and deadline.over(draft):
        _decide(draft)


def _goes_without(draft: Draft, found: Evidence | None, share: int) -> bool:
    """Return whether the policy lets the step end without the verdict that it needs; if not, what it waits for is said.

    It stands in for the verdict and for nothing else: the time and the approval of this step and of those that follow
    hold.
    """
    _say_missing(draft, found, share)
    if not deadline.over(draft):
        return False
    if draft.policy.analysis.on_inconclusive is OnInconclusive.PROMOTE:
        return True
    _decide(draft)
    return False


def _say_missing(draft: Draft, found: Evidence | None, share: int) -> None:
    running = draft.status.rollout
    problem = found.problem if found else ""
    usable = found is not None and found.usable and not problem
    reason = problem or ("AwaitingVerdict" if usable else "AwaitingEvidence")
    # No number that changes from look to look stands in here: it would be a write of the status each time.
    waits = "there is not enough evidence yet to say that it is not worse" if usable else "no evidence yet"
    gets = f"copies of {share} %" if running is not None and running.state == "Shadow" else f"{share} %"
    message = found.problem_message if found and problem else f"the canary gets {gets}: {waits}"
    draft.hold(reason, message)
    draft.look_in(5)


def _decide(draft: Draft) -> None:
    """Roll back, where the policy says so and the evidence is not out of reach for everybody, or hold for a person."""
    text = _inconclusive(draft)
    if draft.policy.analysis.on_inconclusive is OnInconclusive.ROLLBACK and deadline.rejects(draft):
        ending.begin_roll_back(draft, "Inconclusive", text, rejected=True)
        ending.roll_back(draft)
    else:
        draft.hold("Inconclusive", f"{text}; evidence that comes later decides all the same")


def _inconclusive(draft: Draft) -> str:
    return f"no verdict within {draft.policy.analysis.deadline}: {draft.hold_message}"
