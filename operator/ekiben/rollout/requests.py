"""Requests by annotation: each handled once, for the revision that it is meant for, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable

from ekiben.api.request import Request, Verb, parse
from ekiben.api.rollout import Strategy
from ekiben.api.status import RequestStatus, RevisionStatus, RolloutStatus

from . import approval, asleep, begin, ending, halt, pins, proven, recreate, rest, times
from .draft import Draft

_KEPT = 10
_JUDGED = ("Step", "Preview", "Shadow")
_RECREATING = ("Clearing", "Replacing", "Restoring")
_ENDING = ("RollingBack", "Restoring")


class Refused(Exception):  # noqa: N818 - no error of the program: an answer
    """The request does not apply; the text says why."""


def handle(draft: Draft) -> None:
    """Carry out the request in the annotation unless it was handled before."""
    text = draft.observation.request
    if not text:
        return
    try:
        request = parse(text)
    except ValueError as error:
        # Told once: the text itself stands in for the ID that it lacks.
        _record(draft, text[:64], "", "", "Refused", str(error))
        return
    if any(one.id == request.id for one in draft.status.requests):
        return
    try:
        done = _ANSWERS[request.verb](draft, request)
    except Refused as refusal:
        _record(draft, request.id, request.verb.value, request.revision, "Refused", str(refusal))
    else:
        _record(draft, request.id, request.verb.value, request.revision, "Done", done)


def refuse(draft: Draft, why: str) -> None:
    """Refuse a request that has not been handled: nothing may move now, and later it may mean something else."""
    try:
        request = parse(draft.observation.request) if draft.observation.request else None
    except ValueError:
        return
    if request is not None:
        _record(draft, request.id, request.verb.value, request.revision, "Refused", why)


def _record(draft: Draft, id_: str, verb: str, revision: str, outcome: str, message: str) -> None:
    if any(one.id == id_ for one in draft.status.requests):
        return
    entry = RequestStatus(
        id=id_, verb=verb, revision=revision, outcome=outcome, message=message[:1024], at=times.text(draft.now)
    )
    draft.update(requests=[*draft.status.requests, entry][-_KEPT:])
    told = f"{verb or 'a request'}: {message}"
    draft.tell("RequestRefused" if outcome == "Refused" else "RequestDone", told, warning=outcome == "Refused")


def _running(draft: Draft, request: Request) -> tuple[RolloutStatus, RevisionStatus]:
    """Return the running rollout that the request is meant for."""
    running, canary = draft.status.rollout, draft.status.canary
    if running is None or canary is None:
        raise Refused(f"no rollout is running, so there is nothing to {request.verb.value}")
    if request.revision != canary.revision:
        raise Refused(
            f"it is meant for revision {request.revision}, and {canary.revision} (number {canary.number}) is being "
            "rolled out: look again, and ask anew"
        )
    if running.state == "First":
        raise Refused("the first revision is starting: there is none to compare it with or to go back to")
    if running.state in _ENDING:
        again = ": `ekiben retry` tries it again" if running.state == "Restoring" else ""
        raise Refused(f"revision {canary.number} is being rolled back already ({running.reason}){again}")
    return running, canary


def _judged(draft: Draft, request: Request) -> RolloutStatus:
    """Return the running rollout where it can still be approved, skipped or promoted."""
    running, canary = _running(draft, request)
    if running.state == "Promoting":
        raise Refused(f"revision {canary.number} is taking over all requests already")
    if running.state in _RECREATING:
        raise Refused("strategy recreate has no steps: the new revision serves as soon as its pods are ready")
    return running


def _unpaused(draft: Draft) -> None:
    if draft.paused:
        raise Refused(f"the rollout is paused ({draft.paused})")


def _has_pods(draft: Draft) -> None:
    """Refuse what would give all requests to a revision that is to have no pods, and may never have had one."""
    if rest.needed(draft):
        raise Refused("spec.scaling.replicas is 0, and a revision takes over with its pods: ask again when it has some")


def _approve(draft: Draft, request: Request) -> str:
    running = _judged(draft, request)
    if running.state not in _JUDGED:
        raise Refused("its pods are still starting: there is nothing to approve yet")
    if not approval.needed(draft.policy, running):
        raise Refused("nothing waits for approval here")
    if running.approved:
        raise Refused("this was approved already")
    _for_this_step(draft, running, request)
    if running.step_since is None:
        # Nobody can have seen anything of it: approved now, it would be no gate at all.
        raise Refused(f"{_not_begun(draft, running)}: ask again when it has begun")
    draft.update_rollout(approved=True)
    return "approved: it goes on when its time has passed and the evidence holds"


def _for_this_step(draft: Draft, running: RolloutStatus, request: Request) -> None:
    """Refuse an approval that may be meant for another step than the present one."""
    steps = draft.policy.strategy is Strategy.CANARY
    weight = approval.present(draft.policy, running).weight
    if request.weight is not None and not (steps and request.weight == weight):
        at = f"the present one has {weight} %" if steps else "strategy canary alone has steps"
        raise Refused(f"it is meant for the step of {request.weight} %, and {at}: look again, and ask anew")
    awaited = running.awaits_approval or approval.awaited(draft.observation.resource.status)
    if request.weight is None and approval.repeatable(draft.policy, running) and not awaited:
        name = draft.observation.resource.metadata.name
        raise Refused(
            f"it may be meant for an earlier step, and the one of {weight} % does not wait for approval yet: ask again "
            f"when it does, or now with `ekiben approve {name} --weight {weight}`"
        )


def _not_begun(draft: Draft, running: RolloutStatus) -> str:
    if running.state == "Shadow":
        return "the shadow has not begun: the gateway has not acknowledged yet that it copies requests"
    weight = approval.present(draft.policy, running).weight
    return f"the step of {weight} % has not begun: its pods are not ready yet, or the gateway has not acknowledged it"


def _promote(draft: Draft, request: Request) -> str:
    _judged(draft, request)
    _unpaused(draft)
    _has_pods(draft)
    ending.begin_promotion(draft, "Requested", f"asked for by request {request.id}", direct=True)
    return "it gets all requests as soon as it has the pods for them"


def _skip(draft: Draft, request: Request) -> str:
    running = _judged(draft, request)
    _unpaused(draft)
    _has_pods(draft)
    if running.state not in _JUDGED:
        raise Refused("its pods are still starting: there is no step to skip yet")
    if running.state == "Step" and draft.status.canary and running.step_since is None:
        raise Refused("the step's weight is not acknowledged by the gateway yet")
    steps = draft.policy.steps
    if running.state == "Step" and running.step + 1 < len(steps) and steps[running.step + 1].weight < 100:
        # Its pods have their own time to become ready, however long those of the step before were awaited.
        draft.begin_step(step=running.step + 1, approved=False, waiting_since=None)
        return f"on to step {running.step + 2} of {len(steps)}"
    ending.begin_promotion(draft, "Requested", f"the last step was skipped by request {request.id}", direct=True)
    return "that was the last step: it gets all requests as soon as it has the pods for them"


def _pause(draft: Draft, request: Request) -> str:
    _takes_part(draft, request)
    if draft.status.paused:
        raise Refused("it is paused already")
    draft.update(paused=True)
    return "paused: `ekiben resume` goes on"


def _resume(draft: Draft, request: Request) -> str:
    _takes_part(draft, request)
    if not draft.status.paused:
        also = " by request; spec.rollout.paused is true: set it to false" if draft.paused else ""
        raise Refused(f"it is not paused{also}")
    draft.update(paused=False)
    return "resumed" + ("; spec.rollout.paused is still true" if draft.paused else "")


def _takes_part(draft: Draft, request: Request) -> None:
    part = [one.revision for one in (draft.status.canary, draft.status.stable) if one is not None]
    if request.revision not in [*part, draft.target.revision]:
        raise Refused(f"revision {request.revision} takes no part now; {' and '.join(part) or 'none'} does")


def _abort(draft: Draft, request: Request) -> str:
    if draft.status.rollout is None and draft.status.former is not None:
        raise Refused("the rollout is over: `ekiben undo` goes back to the former revision")
    running, canary = _running(draft, request)
    stable = draft.status.stable
    # Recreate ended the stable revision's pods itself: its way back begins with none, and Restoring brings them.
    if stable is not None and running.state not in _RECREATING and halt.alone(draft, stable, canary):
        raise Refused(
            f"revision {stable.number} ({stable.revision}), which it would go back to, has no ready replica, and "
            f"revision {canary.number} has: every request would be lost. Wait for one, or `ekiben undo` to a third one"
        )
    message = f"asked for by request {request.id}"
    if running.state == "Replacing":
        recreate.begin_restore(draft, "Aborted", message, rejected=True)
    else:
        ending.begin_roll_back(draft, "Aborted", message, rejected=True)
    return "rolled back"


def _retry(draft: Draft, request: Request) -> str:
    rejected = draft.status.rejected_revision
    running = draft.status.rollout
    if running is not None and running.state == "RollingBack":
        raise Refused("what is running is being rolled back: ask again when that has ended")
    if running is not None and running.state != "Restoring":
        raise Refused("a rollout is running: wait for its end, or abort it")
    asked, pinned = draft.observation.target.revision, draft.status.pinned
    left = pinned is not None and pinned.revision != asked
    if rejected != asked and not left:
        raise Refused("the revision that spec.model asks for was not rolled back: there is nothing to retry")
    if request.revision != asked:
        raise Refused(f"it is meant for revision {request.revision}, and {asked} is what spec.model asks for")
    before = draft.status
    draft.update(rejected_revision=None, pinned=None, verdict=None)
    held = begin.why_held(draft) if running is not None else None
    if held is not None:
        draft.status = before  # the way back would end, and nothing begin
        raise Refused(f"it could not begin now: {held[1]}")
    return "it is tried again from the first step"


def _undo(draft: Draft, request: Request) -> str:
    stable, running, revision = draft.status.stable, draft.status.rollout, draft.revision(request.revision)
    if stable is None or (running is not None and running.state == "First"):
        raise Refused("no revision has served yet: there is none to go back to")
    if request.revision == stable.revision:
        hint = ": `ekiben abort` leaves the new one" if running is not None else " already"
        raise Refused(f"revision {stable.number} ({stable.revision}) serves{hint}")
    if revision is None:
        raise Refused(f"revision {request.revision} is not kept any more (rollout.revisionHistoryLimit)")
    if running is not None and running.revision == request.revision and running.state not in _ENDING:
        raise Refused(f"revision {revision.number} is being rolled out already: `ekiben promote` takes no more steps")
    why = proven.unfit(draft.status, request.revision)
    if why:
        asked = request.revision == draft.observation.target.revision
        how = "`ekiben retry` rolls it out" if asked else "set spec.model to it, and it is rolled out"
        raise Refused(f"revision {revision.number} {why}: {how} by steps")
    _unpaused(draft)
    pins.pin(draft, revision)
    if draft.status.rejected_revision == revision.name:
        draft.update(rejected_revision=None)
    if revision.name == draft.observation.target.revision:
        return f"going back to revision {revision.number}, which spec.model asks for"
    return f"going back to revision {revision.number}; it serves until spec.model changes"


def _wake(draft: Draft, request: Request) -> str:
    stable = draft.status.stable
    if stable is not None and request.revision != stable.revision:
        raise Refused(f"it is meant for revision {request.revision}, and {stable.revision} is the one that serves")
    why = asleep.wake(draft)
    if why:
        raise Refused(f"there is nothing to wake: {why}")
    return "a replica starts; it stays for spec.scaling.idleWindow at least"


_ANSWERS: dict[Verb, Callable[[Draft, Request], str]] = {
    Verb.APPROVE: _approve,
    Verb.PROMOTE: _promote,
    Verb.SKIP: _skip,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.ABORT: _abort,
    Verb.RETRY: _retry,
    Verb.UNDO: _undo,
    Verb.WAKE: _wake,
}
