"""Strategy canary: capacity first, then weight, then evidence, then the next step."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, ending, gate, routing, times
from .draft import Draft
from .plan import EnsureRevision, EnsureStableService


def run(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Give the canary the weight of its step once it has the pods for it, and then look at the evidence."""
    steps = draft.policy.steps
    want = steps[min(running.step, len(steps) - 1)].weight
    need = capacity.step_need(draft, running, stable)
    revision = draft.revision(canary.revision)
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, need))
    draft.act(*capacity.hold(revision, canary.revision, draft.observation.resource.spec.scaling, need))
    ready = draft.ready(canary.revision)
    draft.act(EnsureStableService(stable.revision))
    if running.state == "Step" and ready == 0:
        withdraw(draft, canary, stable)
    elif running.state == "Starting" or canary.weight != want:
        _raise(draft, running, canary, stable, want, enough=ready >= need)
    else:
        draft.act(routing.split(draft, stable, canary, want))
        if ending.acknowledged(draft, want):
            note_acknowledged(draft, want)
            gate.look(draft, want)
        else:
            draft.look_in(1)


def hold_weight(draft: Draft, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Keep the weights as they are."""
    draft.act(routing.split(draft, stable, canary, canary.weight), EnsureStableService(stable.revision))


def withdraw(draft: Draft, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Take its share from a revision without ready pods: those requests would fail."""
    draft.update_canary(weight=0)
    draft.update_rollout(state="Starting", waiting_since=times.text(draft.now), step_since=None, judged_since=None)
    draft.look_in(0)
    draft.act(routing.split(draft, stable, canary, 0), EnsureStableService(stable.revision))
    draft.tell("CanaryUnavailable", "no pod of the canary is ready: its weight is 0 until one is", warning=True)


def wait_for_pods(draft: Draft) -> None:
    """Start the clock of the progress deadline, unless a pause has stopped it."""
    running = draft.status.rollout
    if draft.paused:
        draft.hold("Paused", draft.paused)
        draft.update_rollout(waiting_since=None, judged_since=None)
    elif running is not None and running.waiting_since is None:
        draft.update_rollout(waiting_since=times.text(draft.now))
        draft.look_in(seconds(draft.policy.progress_deadline))


def _raise(
    draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus, want: int, *, enough: bool
) -> None:
    if not enough or draft.paused:
        draft.act(routing.split(draft, stable, canary, canary.weight))
        wait_for_pods(draft)
        return
    # From here on there may be requests on it, whether or not anybody saw the gateway's acknowledgement.
    since = running.traffic_since or (times.text(draft.now) if want > 0 else None)
    draft.update_canary(weight=want)
    draft.update_rollout(state="Step", waiting_since=None, step_since=None, traffic_since=since)
    draft.act(routing.split(draft, stable, canary, want))
    draft.tell("WeightRaised", f"step {running.step + 1} of {len(draft.policy.steps)}: the canary gets {want} %")
    draft.look_in(1)


def note_acknowledged(draft: Draft, weight: int) -> None:
    """Note what the gateway acknowledged, the first time with its time: the step counts from there."""
    running, canary, route = draft.status.rollout, draft.status.canary, draft.observation.route
    if running is None or canary is None:
        return
    true = route.actual.get(canary.revision, weight) if route is not None and route.actual else weight
    draft.update_canary(acknowledged_weight=true)
    if running.step_since is None:
        draft.update_rollout(step_since=times.text(draft.now))
