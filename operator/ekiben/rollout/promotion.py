"""A promotion in parts, where not all pods of both revisions fit into spec.scaling.maxReplicas at once."""

from __future__ import annotations

from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, limits, routing, times, waiting
from .draft import Draft
from .plan import EnsureRevision, EnsureStableService

_ROOM_AGAIN = 15.0


def in_parts(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus, need: int) -> bool:
    """Raise the weight as far as pods fit; returns False where all of it may move at once.

    Each part makes room for the next: what the stable revision does not serve any more it does not need.
    """
    known = limits.need(draft, canary.revision, limits.ALL)
    if known is None or canary.weight == limits.ALL or running.reason == "BakeFailed" or capacity.down(draft, stable):
        return False
    shares = limits.shares(draft, need)
    if shares is None or shares.canary >= min(need, known):
        return False
    weight = limits.next_weight(draft, stable, canary, limits.ALL)
    least = max(1, limits.need(draft, canary.revision, weight) or 0, min(shares.canary, need))
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, least))
    draft.act(*capacity.hold(draft, canary.revision, least, least))
    draft.act(EnsureStableService(stable.revision))
    if weight == canary.weight:
        draft.hold("NoRoom", limits.no_room(draft))
        draft.update_rollout(waiting_since=None)
        draft.act(routing.split(draft, stable, canary, canary.weight))
        draft.look_in(_ROOM_AGAIN)
    elif draft.ready(canary.revision) < least or draft.paused:
        draft.act(routing.split(draft, stable, canary, canary.weight))
        waiting.for_pods(draft)
    else:
        since = running.traffic_since or times.text(draft.now)
        draft.update_canary(weight=weight)
        draft.update_rollout(waiting_since=None, traffic_since=since)
        draft.act(routing.split(draft, stable, canary, weight))
        draft.tell("WeightRaised", f"the canary gets {weight} %: as much as scaling.maxReplicas has room for at once")
        draft.look_in(1)
    return True
