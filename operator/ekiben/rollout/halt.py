"""While the stable revision is the unhealthy one, the rollout halts."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, ending, routing, times
from .draft import Draft
from .plan import EnsureRevision, EnsureStableService


def halted(draft: Draft, stable: RevisionStatus, canary: RevisionStatus) -> bool:
    """Hold while the stable revision is the unhealthy one: rolling back onto it would lose every request."""
    scaling, running = draft.observation.resource.spec.scaling, draft.status.rollout
    if running is None or running.state == "Promoting" or canary.weight == 100 or not down(draft, stable):
        return False
    draft.hold("StableUnavailable", "the stable revision has no ready replica: the rollout holds until it has one")
    # What keeps the stable revision down may well keep the new one from starting.
    draft.update_rollout(waiting_since=None, judged_since=None)
    floor = scaling.floor
    revision = draft.revision(canary.revision)
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, floor))
    draft.act(*capacity.hold(revision, canary.revision, scaling, floor))
    draft.act(routing.split(draft, stable, canary, canary.weight), EnsureStableService(stable.revision))
    draft.look_in(5)
    if revision is not None and revision.ready >= floor and _dead_for_good(draft, running):
        draft.tell("StableUnavailable", "the stable revision is down: the new one takes over unproven", warning=True)
        ending.begin_promotion(draft, "StableUnavailable", "the stable revision has no ready replica", direct=True)
    return True


def down(draft: Draft, stable: RevisionStatus) -> bool:
    """Return whether the stable revision should have ready replicas and has none."""
    serving = draft.revision(stable.revision)
    return draft.observation.resource.spec.scaling.floor > 0 and (serving is None or serving.ready == 0)


def _dead_for_good(draft: Draft, running: RolloutStatus) -> bool:
    """Whether the stable was down before the rollout began (which is then its cure), or for the progress deadline."""
    told = next((one for one in draft.observation.resource.status.conditions if one.type == "Healthy"), None)
    if told is None or told.status != "False" or told.reason != "StableUnavailable":
        return False
    since = told.last_transition_time
    begun_dead = times.moment(since) <= times.moment(running.started_at)
    return begun_dead or times.since(since, draft.now) >= seconds(draft.policy.progress_deadline)


def alone(draft: Draft, stable: RevisionStatus, canary: RevisionStatus) -> bool:
    """Return whether the canary is the only one that serves: leaving it would lose every request."""
    revision = draft.revision(canary.revision)
    return down(draft, stable) and canary.weight > 0 and revision is not None and revision.ready > 0
