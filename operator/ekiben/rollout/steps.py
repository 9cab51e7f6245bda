"""Strategy canary: capacity first, then weight, then evidence, then the next step."""

from __future__ import annotations

from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, deadline, ending, gate, parts, room, routing, shortage, still, times, waiting
from .draft import Draft
from .plan import EnsureRevision, EnsureStableService


def run(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Give the canary the weight of its step once it has the pods for it, and then look at the evidence."""
    steps = draft.policy.steps
    want = steps[min(running.step, len(steps) - 1)].weight
    need = capacity.step_need(draft, running, stable)
    deserted = running.state == "Step" and draft.ready(canary.revision) == 0
    if deserted and canary.weight > 0:
        # Whether or not there is room for the pods that the next weight needs.
        draft.act(EnsureRevision(canary.revision, canary.number, canary.model, need))
        withdraw(draft, canary, stable)
        return
    if canary.weight < want and capacity.short(draft, running, stable):
        parts.part(draft, running, canary, stable, want)
        return
    if parts.make_room(draft, running, canary, stable):
        return
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, need))
    # Where pods split the requests, a canary that is scaled up for its load would get ever more of it.
    found = room.of(draft, running, stable)
    most = found.canary[1] if found is not None else None
    draft.act(*capacity.hold(draft, canary.revision, need, need if draft.by_replicas else most))
    draft.act(EnsureStableService(stable.revision))
    if deserted:
        withdraw(draft, canary, stable)
    elif running.state == "Starting" or canary.weight != want:
        _raise(draft, running, canary, stable, want, need)
    else:
        draft.act(routing.split(draft, stable, canary, want))
        if ending.acknowledged(draft, want):
            note_acknowledged(draft)
            if not shortage.stands_still(draft, need) or draft.paused:
                gate.look(draft, want)
        else:
            still.stand(draft)
            draft.look_in(1)


def hold_weight(draft: Draft, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Keep the weights as they are."""
    draft.act(routing.split(draft, stable, canary, canary.weight), EnsureStableService(stable.revision))


def withdraw(draft: Draft, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Begin the step anew where no pod of the canary is ready."""
    ending.take_share(draft, canary)
    draft.begin_step(state="Starting", waiting_since=times.text(draft.now))
    draft.look_in(0)
    draft.act(routing.split(draft, stable, canary, 0), EnsureStableService(stable.revision))


def _raise(
    draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus, want: int, need: int
) -> None:
    if draft.ready(canary.revision) < need or draft.paused:
        draft.act(routing.split(draft, stable, canary, canary.weight))
        if canary.weight > 0 and not draft.paused:
            deadline.count(draft, gate.evidence(draft, running))  # it is judged at the weight that it has
        waiting.for_pods(draft)
        return
    # From here on there may be requests on it, whether or not anybody saw the gateway's acknowledgement.
    since = running.traffic_since or (times.text(draft.now) if want > 0 else None)
    draft.update_canary(weight=want)
    draft.begin_step(state="Step", waiting_since=None, traffic_since=since, needed=need)
    draft.act(routing.split(draft, stable, canary, want))
    named, step = f"revision {canary.number} ({canary.revision})", running.step + 1
    draft.tell("WeightRaised", f"step {step} of {len(draft.policy.steps)}: {named} gets {want} %")
    draft.look_in(1)


def note_acknowledged(draft: Draft) -> None:
    """Note when the gateway first acknowledged the step's weight: its time counts from there."""
    running = draft.status.rollout
    if running is not None and running.step_since is None:
        draft.begin_step(step_since=times.text(draft.now))
