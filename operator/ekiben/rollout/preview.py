"""Strategy blueGreen: all pods are ready and testers look at them; then the switch, which the bake watches."""

from __future__ import annotations

from ekiben.api.rollout import BlueGreen
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, ending, gate, shortage, steps, times, waiting
from .draft import Draft
from .plan import EnsureRevision, EnsureStableService


def start(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Wait for all pods, and begin the preview."""
    need = _keep(draft, running, canary, stable)
    ready = draft.ready(canary.revision)
    if ready < need or draft.paused:
        steps.hold_weight(draft, canary, stable)
        waiting.for_pods(draft)
        return
    draft.begin_step(state="Preview", waiting_since=None, step_since=times.text(draft.now), needed=need)
    steps.hold_weight(draft, canary, stable)
    where = _where(draft, canary)
    draft.tell("PreviewReady", f"revision {canary.number} has {ready} ready replicas and no requests{where}")
    draft.look_in(0)


def run(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Hold the preview until its time has passed and it is approved."""
    need = _keep(draft, running, canary, stable)
    if draft.ready(canary.revision) == 0 and need > 0:
        steps.withdraw(draft, canary, stable)
        return
    steps.hold_weight(draft, canary, stable)
    if shortage.stands_still(draft, need):
        return
    if draft.paused:
        waiting.for_pods(draft)
        return
    running, policy = draft.status.rollout or running, draft.policy.blue_green or BlueGreen()
    if gate.time_left(draft, running, policy.duration) > 0:
        draft.look_in(gate.time_left(draft, running, policy.duration))
    elif gate.unapproved(draft, running):
        gate.await_approval(draft)
    else:
        ending.begin_promotion(draft, "PreviewPassed", f"all its pods were ready for {policy.duration}")


def _keep(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> int:
    need = capacity.promotion_need(draft, running, stable)
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, need))
    draft.act(*capacity.hold(draft, canary.revision, need))
    draft.act(EnsureStableService(stable.revision))
    return need


def _where(draft: Draft, canary: RevisionStatus) -> str:
    policy, gateway = draft.policy.blue_green, not draft.by_replicas
    if gateway and policy is not None and policy.hostname is not None:
        return f"; the host {policy.hostname} reaches it"
    if gateway and draft.policy.testers is not None and "Testers" not in draft.observation.unsupported:
        return f"; requests with the header {draft.policy.testers.header} reach it"
    name = draft.observation.resource.metadata.name
    return f"; inside the cluster the Service {name}-{canary.revision} reaches it"
