"""Strategy recreate: the former pods end before the new ones start, because capacity cannot double.

The weight moves first, so that no request is cut off in its middle; those that come while nothing serves get the
gateway's 503.
"""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import begin, capacity, conviction, draining, ending, history, rest, times, waiting
from .draft import Draft
from .plan import EnsureRevision, EnsureStableService, SetWeights

_LATE = "ProgressDeadlineExceeded"


def run(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Take a recreation one turn further."""
    # A bake that failed is gone back from first: what it leaves does not serve.
    stays = running.reason == "BakeFailed" or begin.waits(draft)
    asked = running.revision if stays else draft.target.revision
    if running.state == "Clearing" and asked != running.revision:
        reason = "Cancelled" if asked == stable.revision else "Superseded"
        ending.begin_roll_back(draft, reason, "another revision is asked for", rejected=False)
        ending.roll_back(draft)
    elif running.state == "Replacing" and asked == stable.revision:
        begin_restore(draft, "Cancelled", "the stable revision is asked for again", rejected=False)
    elif running.state == "Replacing" and asked != running.revision:
        _replace_again(draft)
    elif running.state == "Clearing":
        _clear(draft, running, canary, stable)
    elif running.state == "Replacing":
        _replace(draft, running, canary, stable)
    else:
        _restore(draft, canary, stable)


def begin_restore(draft: Draft, reason: str, message: str, *, rejected: bool) -> None:
    """Begin to bring the stable revision back after its pods have gone."""
    ending.begin_roll_back(draft, reason, message, rejected=rejected, state="Restoring")
    canary, stable = draft.status.canary, draft.status.stable
    if canary is not None and stable is not None:
        _restore(draft, canary, stable)


def _clear(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    _keep_both(draft, canary, stable)
    draft.act(SetWeights(((stable.revision, 0), (canary.revision, 100))), EnsureStableService(stable.revision))
    draft.update_canary(weight=100)
    draft.update_rollout(waiting_since=None, traffic_since=running.traffic_since or times.text(draft.now))
    if not ending.acknowledged(draft, 100):
        draining.not_begun(draft)
        return
    if not draining.done(draft, stable.revision):
        return
    draft.act(*capacity.retire(draft.revision(stable.revision)))
    draft.update_rollout(state="Replacing", waiting_since=times.text(draft.now), drain_since=None)
    draft.tell("Replacing", f"revision {stable.number} ends; revision {canary.number} starts when its pods have gone")
    draft.look_in(1)


def _keep_both(draft: Draft, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Keep the Deployments of both, without pods where they have to be made: the stable one's is the way back."""
    draft.act(*(EnsureRevision(one.revision, one.number, one.model, 0) for one in (stable, canary)))


def _replace(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    scaling = draft.observation.resource.spec.scaling
    former, route = draft.revision(stable.revision), draft.observation.route
    if former is not None and former.wanted > 0 and route is not None and route.weights.get(stable.revision, 0) > 0:
        # Somebody gave it requests again before its pods had gone: what it was sent is answered first.
        draft.update_rollout(state="Clearing", drain_since=None)
        _clear(draft, running, canary, stable)
        return
    _keep_both(draft, canary, stable)
    draft.act(SetWeights(((stable.revision, 0), (canary.revision, 100))), EnsureStableService(canary.revision))
    draft.act(*capacity.retire(former))
    if former is not None and former.existing > 0:
        draft.look_in(2)
        return
    if rest.needed(draft):
        # What never had a pod has not replaced anything, and would count as proven.
        draft.hold("ScaledToZero", "spec.scaling.replicas is 0: the new revision starts when there are replicas again")
        draft.act(*capacity.retire(draft.revision(canary.revision)))
        draft.update_rollout(waiting_since=None)
        return
    revision = draft.revision(canary.revision)
    # What serves nobody yet was measured by nobody: it begins with what the former revision had.
    least = _as_before(draft, running)
    draft.act(*capacity.hold(draft, canary.revision, least))
    if running.waiting_since is None:
        draft.update_rollout(waiting_since=times.text(draft.now))
    if draft.ready(canary.revision) >= scaling.floor and revision is not None:
        if ending.acknowledged(draft, 100):
            draft.update_rollout(reason=running.reason or "Replaced", message=running.message)
            ending.finish(draft)
        else:
            draft.look_in(1)
        return
    found = conviction.by_pods(revision, None, times.moment(running.started_at)) or _late(draft)
    if found is not None:
        begin_restore(draft, found.reason, found.message, rejected=True)


def _restore(draft: Draft, canary: RevisionStatus, stable: RevisionStatus) -> None:
    scaling, running = draft.observation.resource.spec.scaling, draft.status.rollout
    draft.act(EnsureRevision(stable.revision, stable.number, stable.model, 0))
    draft.act(SetWeights(((stable.revision, 100), (canary.revision, 0))), EnsureStableService(stable.revision))
    draft.update_canary(weight=0)
    if not ending.acknowledged(draft, 0):
        draining.not_begun(draft)
        return
    if not draining.done(draft, canary.revision):
        return
    revision = draft.revision(canary.revision)
    draft.act(*capacity.retire(revision))
    if revision is not None and (revision.wanted > 0 or revision.existing > 0):
        draft.look_in(2)
        return
    # A third revision may be the cure for a stable one that does not come back; so may this one, asked for anew.
    cure = draft.target.revision not in (stable.revision, draft.status.rejected_revision)
    cure = cure and begin.why_held(draft) is None
    if draft.ready(stable.revision) >= scaling.floor or cure:
        ending.rolled_back(draft)
        return
    least = _as_before(draft, running) if running is not None else scaling.floor
    draft.act(*capacity.hold(draft, stable.revision, least))
    _await_restored(draft, canary, stable)


def _await_restored(draft: Draft, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Say once the progress deadline has passed that the way back is barred as well: only a person can decide then."""
    running, deadline = draft.status.rollout, draft.policy.progress_deadline
    if running is None:
        return
    if running.waiting_since is None:
        draft.update_rollout(waiting_since=times.text(draft.now))
        draft.look_in(seconds(deadline))
        return
    left = seconds(deadline) - times.since(running.waiting_since, draft.now)
    if left > 0:
        draft.look_in(left)
        return
    said, name = waiting.why(draft.revision(stable.revision)), draft.observation.resource.metadata.name
    waiting.for_a_person(
        draft,
        _LATE,
        f"revision {stable.number}, which comes back, is not ready after {deadline}{said}; it goes on once its pods "
        f"are ready. `ekiben retry {name}` tries revision {canary.number} again; another spec.model replaces both",
    )


def _as_before(draft: Draft, running: RolloutStatus) -> int:
    """Return the replicas with which the only revision that has any begins."""
    scaling = draft.observation.resource.spec.scaling
    return (
        scaling.floor if scaling.fixed is not None else max(scaling.floor, min(running.stable_floor, scaling.ceiling))
    )


def _replace_again(draft: Draft) -> None:
    running, canary = draft.status.rollout, draft.status.canary
    if running is None or canary is None:
        return
    history.close(draft, "Superseded", canary, running.model_copy(update={"reason": "Superseded"}))
    undo = draft.status.pinned is not None
    begin.open_(draft, direct=undo, reason="Undo" if undo else "")
    now = times.text(draft.now)
    draft.update_rollout(state="Replacing", traffic_since=now, waiting_since=now)
    draft.update_canary(weight=100)
    # The former one's pods end once the route does not name it any more.
    after, stable = draft.status.canary, draft.status.stable
    if after is not None and stable is not None:
        draft.act(EnsureRevision(after.revision, after.number, after.model, 0))
        draft.act(SetWeights(((stable.revision, 0), (after.revision, 100))))
    draft.look_in(0)


def _late(draft: Draft) -> conviction.Conviction | None:
    running = draft.status.rollout
    return waiting.late(draft, running) if running is not None else None
