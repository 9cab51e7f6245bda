"""What holds whether or not a rollout is going on: the stable revision serves, and old revisions are tidied away."""

from __future__ import annotations

from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, limits, proven, rest, room, routing, times
from . import former as kept
from .draft import Draft
from .observation import Revision
from .plan import DeleteRevision, EnsureRevision, EnsureStableService

_SETTLES = 60.0
"""Seconds after a rollout until whoever follows the load of one revision alone has seen all of it."""


def keep_stable(draft: Draft) -> None:
    """Keep the stable revision's objects and, while a rollout runs, the replicas that all requests need.

    Where nobody has measured the load, these are the replicas that it had at the beginning.
    """
    stable = draft.status.stable
    if stable is None:
        return
    scaling = draft.observation.resource.spec.scaling
    running = draft.status.rollout
    least = scaling.floor
    most = None
    if running is not None and scaling.fixed is None:
        least, most = _in_rollout(draft, running, stable)
    elif running is None:
        least = max(least, _after_rollout(draft, stable))
    draft.act(EnsureRevision(stable.revision, stable.number, stable.model, least))
    draft.act(*capacity.hold(draft, stable.revision, least, most))


def _in_rollout(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> tuple[int, int | None]:
    """Return the least and the most replicas of the stable revision while another one takes part."""
    back = limits.whole(draft, stable.revision)
    if back is not None and running.state == "RollingBack":
        # All requests are to come, whatever part of them it has been seen to carry. That they come is no growth.
        scaling = draft.observation.resource.spec.scaling
        least = max(scaling.floor, back, min(running.stable_floor, scaling.ceiling))
        return least, least
    if back is not None:
        # What was measured last holds on where the counters cannot be read for a while.
        draft.update_rollout(stable_floor=back)
    found = room.of(draft, running, stable)
    if found is None:
        return max(draft.observation.resource.spec.scaling.floor, running.stable_floor), None
    return found.stable


def _after_rollout(draft: Draft, stable: RevisionStatus) -> int:
    """Return what all requests need, right after a rollout: of its part of them alone a revision needed less."""
    ended = max((times.moment(entry.ended_at) for entry in draft.status.history), default=0.0)
    left = ended + _SETTLES - draft.now
    if left <= 0 or draft.observation.sleep != "awake":
        return 0
    draft.look_in(left)
    return limits.whole(draft, stable.revision) or 0


def route(draft: Draft) -> None:
    """Send all requests to the stable revision."""
    stable = draft.status.stable
    if stable is None:
        return
    keep_stable(draft)
    draft.act(routing.only(stable), EnsureStableService(stable.revision))
    observed = draft.observation.route
    acknowledged = observed is not None and observed.acknowledged and observed.weights.get(stable.revision) == 100
    draft.update(stable=stable.model_copy(update={"weight": 100, "acknowledged_weight": 100 if acknowledged else 0}))


def forget_rejection(draft: Draft) -> None:
    """Allow a rolled-back revision to be tried again once spec.model asks for something else."""
    rejected = draft.status.rejected_revision
    if rejected is not None and rejected != draft.observation.target.revision:
        # The verdict was about the rejected revision, and would be read as one about what serves.
        draft.update(rejected_revision=None, verdict=None)


def tidy(draft: Draft) -> None:
    """End the pods of revisions that no longer take part, and delete those beyond the history limit."""
    _end_bake(draft)
    status = draft.status
    part = {one.revision for one in (status.stable, status.canary, status.former) if one is not None}
    idle = [revision for name, revision in draft.observation.revisions.items() if name not in part]
    idle.sort(key=lambda revision: revision.number)
    observed = draft.observation.route
    for revision in idle:
        # A route that has not been read, or that the gateway has not taken over yet, may still send it requests. Under
        # replicaRatio the ready pods of one that nobody named are themselves why nothing is acknowledged.
        if observed is None or observed.weights.get(revision.name, 0) > 0:
            continue
        if not observed.acknowledged and not (draft.by_replicas and revision.name not in observed.weights):
            continue
        draft.act(*capacity.retire(revision))
    named = set(observed.weights) if observed is not None else set()
    draft.act(*(DeleteRevision(name) for name in draft.observation.orphans if name not in part | named))
    _forget_oldest(draft, [one for one in idle if one.name not in named], len(idle))


def _forget_oldest(draft: Draft, unnamed: list[Revision], idle: int) -> None:
    """Delete revisions beyond the history limit: first what never served, which nobody goes back to."""
    if draft.observation.policy_problem:
        return  # the limit may stand in the policy that cannot be read
    asked = {draft.target.revision, draft.observation.target.revision} - {draft.status.rejected_revision}
    spare = [one for one in unnamed if one.wanted == 0 and one.existing == 0 and one.name not in asked]
    served = proven.served(draft.status)
    spare.sort(key=lambda one: one.name in served)  # which keeps the order by number in each half
    surplus = idle - draft.spec_rollout.revision_history_limit
    draft.act(*(DeleteRevision(revision.name) for revision in spare[: max(0, surplus)]))


def _end_bake(draft: Draft) -> None:
    former = draft.status.former
    if former is None:
        return
    serving = {one.revision for one in (draft.status.stable, draft.status.canary) if one is not None}
    if former.revision in serving:
        draft.update(former=None, former_until=None)
        return
    revision = draft.revision(former.revision)
    if revision is not None:
        # Without traffic its autoscaler would scale down what the bake keeps for an instant way back.
        draft.act(*capacity.released(revision))
    until = draft.status.former_until
    left = times.moment(until) - draft.now if until else 0.0
    if left > 0 and draft.status.rollout is None and not rest.needed(draft):
        draft.look_in(left)
        return
    if kept.alone(draft):
        draft.look_in(5)
        return
    # A rollout has its own way back; and without a Gateway a third revision with pods could not be told from it. At 0
    # replicas nothing is to run. Its pods end as those of any revision that takes no part: the gateway may still send
    # it requests, by a look that was lost.
    draft.update(former=None, former_until=None)
