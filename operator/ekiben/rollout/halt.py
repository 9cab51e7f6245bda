"""While the stable revision is the unhealthy one, or wakes, the rollout halts."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, ending, room, routing, still, times
from .draft import Draft
from .plan import EnsureRevision, EnsureStableService


def halted(draft: Draft, stable: RevisionStatus, canary: RevisionStatus) -> bool:
    """Hold while the stable revision is the unhealthy one: rolling back onto it would lose every request.

    And while requests lead to the activators: they are not split there, and what was asked for first is the stable one.
    """
    scaling, running, route = draft.observation.resource.spec.scaling, draft.status.rollout, draft.observation.route
    down = capacity.down(draft, stable)
    if running is None or running.state == "Promoting" or canary.weight == 100:
        return False
    if down:
        draft.hold("StableUnavailable", "the stable revision has no ready replica: the rollout holds until it has one")
    elif route is not None and route.asleep:
        draft.hold("Waking", "the model slept: the rollout goes on once the stable revision has a ready replica")
    else:
        return False
    # What keeps the stable revision down may well keep the new one from starting.
    draft.update_rollout(waiting_since=None)
    draft.stop_judging()
    still.stand(draft)
    revision = draft.revision(canary.revision)
    kept = revision.autoscaler.min_replicas if revision is not None and revision.autoscaler is not None else 0
    least, most = max(scaling.floor, kept) if scaling.fixed is None else scaling.floor, None
    # Where nothing serves, capacity comes before the limit on both together.
    found = None if down else room.of(draft, running, stable)
    if found is not None:
        least, most = found.canary
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, least))
    if least > 0 or canary.acknowledged_weight > 0:
        draft.act(*capacity.hold(draft, canary.revision, max(1, least), most))
    else:
        draft.act(*capacity.give_way(draft, canary))  # the load needs all that the limit allows
    draft.act(routing.split(draft, stable, canary, canary.weight), EnsureStableService(stable.revision))
    draft.look_in(5)
    if down and _enough(draft, running, stable, draft.ready(canary.revision)):
        draft.tell("StableUnavailable", "the stable revision is down: the new one takes over unproven", warning=True)
        ending.begin_promotion(draft, "StableUnavailable", "the stable revision has no ready replica", direct=True)
    return True


def _enough(draft: Draft, running: RolloutStatus, stable: RevisionStatus, ready: int) -> bool:
    """Whether the new revision may take over: the stable one was down before the rollout began, which is then its cure,
    or is for the progress deadline. After that time any ready pod is better than none."""
    since, deadline = stable.down_since, seconds(draft.policy.progress_deadline)
    if since is None:
        return False
    waited = times.since(since, draft.now) >= deadline
    cure = waited or times.moment(since) <= times.moment(running.started_at)
    late = waited and times.since(running.started_at, draft.now) >= deadline
    return cure and ready >= (1 if late else draft.observation.resource.spec.scaling.floor)


def alone(draft: Draft, stable: RevisionStatus, canary: RevisionStatus) -> bool:
    """Return whether the canary is the only one that serves: leaving it would lose every request."""
    return capacity.down(draft, stable) and canary.weight > 0 and draft.ready(canary.revision) > 0
