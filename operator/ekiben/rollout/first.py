"""The first revision: there is nothing to compare it with and nothing to go back to."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.status import Phase

from . import capacity, conviction, history, start, times, waiting
from .draft import Draft
from .plan import EnsureRevision, EnsureStableService, SetWeights


def run(draft: Draft) -> None:
    """Bring the first revision up, and give it the traffic once it is ready."""
    target = draft.target
    running = draft.status.rollout
    if running is not None and running.revision != target.revision and not draft.observation.unusable:
        if _serves(draft, running.revision):
            _serve(draft)
            return
        _replace(draft)
    if draft.status.rollout is None:
        start.open_rollout(draft, "First", draft.spec_rollout, stable_floor=0)
        draft.tell("RevisionCreated", f"starting the first revision, {target.revision}, of {target.image}")
    floor = draft.observation.resource.spec.scaling.floor
    canary = draft.status.canary
    if canary is None:
        return
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, floor))
    revision = draft.revision(canary.revision)
    draft.act(*capacity.hold(draft, canary.revision, floor))
    ready = revision.ready if revision else 0
    late = _late(draft)
    if ready >= floor or (late and ready > 0):
        _serve(draft)
        return
    draft.phase = Phase.PENDING
    _judge(draft, late)


def _serves(draft: Draft, revision: str) -> bool:
    """Return whether it has its requests already, by a look whose status was lost: then it is left by a rollout."""
    route = draft.observation.route
    return route is not None and route.weights.get(revision, 0) > 0 and draft.ready(revision) > 0


def _serve(draft: Draft) -> None:
    running, canary = draft.status.rollout, draft.status.canary
    if running is None or canary is None:
        return
    draft.act(SetWeights(((canary.revision, 100),)), EnsureStableService(canary.revision))
    draft.update(stable=canary.model_copy(update={"weight": 100}))
    history.close(draft, "Promoted", canary, running.model_copy(update={"reason": "FirstRevision", "message": ""}))
    draft.tell("Available", f"revision {canary.number} ({canary.revision}) is ready and gets all requests")
    # The gateway's acknowledgement is an event; a look soon after costs little where that event is lost.
    draft.look_in(2)


def _judge(draft: Draft, late: bool) -> None:
    running, canary = draft.status.rollout, draft.status.canary
    if running is None or canary is None:
        return
    found = conviction.by_pods(draft.revision(canary.revision), None, times.moment(running.started_at))
    if found is None and late:
        found = waiting.too_late(draft)
    if found is None:
        if running.reason:
            draft.update_rollout(reason="", message="")
        return
    draft.phase = Phase.FAILED
    if running.reason != found.reason:
        draft.update_rollout(reason=found.reason, message=found.message)
        draft.tell(found.reason, f"the first revision does not become ready: {found.message}", warning=True)


def _late(draft: Draft) -> bool:
    running = draft.status.rollout
    if running is None:
        return False
    if running.waiting_since is None:  # a freeze is over
        draft.update_rollout(waiting_since=times.text(draft.now))
    left = seconds(draft.policy.progress_deadline) - times.since(running.waiting_since, draft.now)
    if left > 0:
        draft.look_in(left)
    return left <= 0


def _replace(draft: Draft) -> None:
    running, canary = draft.status.rollout, draft.status.canary
    if running is None or canary is None:
        return
    draft.act(*capacity.retire(draft.revision(canary.revision)))
    history.close(draft, "Superseded", canary, running.model_copy(update={"reason": "Superseded"}))
