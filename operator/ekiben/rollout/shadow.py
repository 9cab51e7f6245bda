"""Strategy shadow: the new revision gets copies of the requests, and its answers are thrown away."""

from __future__ import annotations

from ekiben.api.rollout import Shadow
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, gate, parts, room, routing, shortage, steps, still, times, waiting
from .draft import Draft
from .plan import EnsureRevision, EnsureStableService


def start(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Wait for the pods that the copies need, and begin to copy."""
    if parts.make_room(draft, running, canary, stable):
        return
    need = _keep(draft, running, canary, stable)
    if draft.ready(canary.revision) < need or draft.paused:
        steps.hold_weight(draft, canary, stable)
        waiting.for_pods(draft)
        return
    since = running.traffic_since or times.text(draft.now)
    draft.begin_step(state="Shadow", waiting_since=None, traffic_since=since, needed=need)
    draft.act(routing.split(draft, stable, canary, 0))
    percent = (draft.policy.shadow or Shadow()).percent
    draft.tell("ShadowStarted", f"revision {canary.number} gets copies of {percent} % of the requests")
    draft.look_in(1)


def run(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Hold the shadow until the evidence says "not worse", or the analysis deadline decides."""
    if parts.make_room(draft, running, canary, stable):
        return
    need = _keep(draft, running, canary, stable)
    if draft.ready(canary.revision) == 0:
        steps.withdraw(draft, canary, stable)
        return
    draft.act(routing.split(draft, stable, canary, 0))
    route = draft.observation.route
    if route is None or not route.acknowledged or route.mirror != canary.revision:
        still.stand(draft)
        draft.look_in(1)
        return
    steps.note_acknowledged(draft)
    if not shortage.stands_still(draft, need) or draft.paused:
        gate.look_shadow(draft)


def _keep(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> int:
    need = capacity.step_need(draft, running, stable)
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, need))
    found = room.of(draft, running, stable)
    most = found.canary[1] if found is not None else None
    draft.act(*capacity.hold(draft, canary.revision, need, most))
    draft.act(EnsureStableService(stable.revision))
    return need
