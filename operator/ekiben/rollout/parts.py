"""Weight in parts, where not all pods of both revisions fit into spec.scaling.maxReplicas at once."""

from __future__ import annotations

from ekiben.api.rollout import Strategy
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
    part(draft, running, canary, stable, limits.ALL)
    return True


def make_room(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> bool:
    """Take away the pods of a canary without requests, for which there is no room; returns False where there is.

    A shadow with fewer pods than its copies need would be judged for being busier than the stable revision.
    """
    shadow = draft.policy.strategy is Strategy.SHADOW
    if not (capacity.short if shadow else capacity.crowded_out)(draft, running, stable):
        return False
    draft.begin_step(state="Starting")
    part(draft, running, canary, stable, canary.weight)
    return True


def part(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus, wanted: int) -> None:
    """Raise the weight towards `wanted` as far as pods fit, or hold."""
    weight = limits.next_weight(draft, stable, canary, wanted)
    least = limits.need(draft, canary.revision, weight) or 0
    room = capacity.beside(draft, running, stable)
    if weight == canary.weight and room is not None:
        least = min(least, room)  # the load has grown beyond both
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, least), EnsureStableService(stable.revision))
    if least == 0 and canary.acknowledged_weight == 0:
        draft.act(*capacity.give_way(draft, canary))
    else:
        draft.act(*capacity.hold(draft, canary.revision, max(1, least), max(1, least)))
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
        state = "Promoting" if running.state == "Promoting" else "Step"
        draft.begin_step(state=state, waiting_since=None, traffic_since=since, needed=least)
        draft.act(routing.split(draft, stable, canary, weight))
        named = f"revision {canary.number} ({canary.revision})"
        draft.tell("WeightRaised", f"{named} gets {weight} %: as much as scaling.maxReplicas has room for at once")
        draft.look_in(1)
