"""A canary: capacity first, then weight, then evidence, then the next step."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, conviction, ending, gate, halt, start, steady, times
from .draft import Draft
from .plan import EnsureRevision, EnsureStableService


def begin(draft: Draft) -> None:
    """Begin a rollout where spec.model asks for a revision that neither serves nor was rolled back."""
    target, stable = draft.observation.target, draft.status.stable
    if stable is None or target.revision in (stable.revision, draft.status.rejected_revision):
        return
    if draft.spec_rollout.paused:
        draft.hold("Paused", "spec.rollout.paused is true: the new revision waits")
        return
    serving = draft.revision(stable.revision)
    start.open_rollout(draft, "Starting", stable_floor=serving.wanted if serving else 0)
    canary = draft.status.canary
    number = canary.number if canary else 0
    draft.tell("RolloutStarted", f"starting revision {number} ({target.revision}) of {target.image} as a canary")


def run(draft: Draft) -> None:
    """Take the running rollout one turn further.

    Capacity comes before weight, except on the way back: there the weight goes first, so that nothing the API server
    may refuse about the stable revision's replicas, which it has kept, stands between a bad canary and its weight 0.
    """
    before = list(draft.actions)
    draft.actions.clear()
    _turn(draft)
    turned = list(draft.actions)
    draft.actions[:] = before
    running = draft.status.rollout
    if running is None or running.state == "RollingBack":
        draft.act(*turned)
        steady.keep_stable(draft)
    else:
        steady.keep_stable(draft)
        draft.act(*turned)


def _turn(draft: Draft) -> None:
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    if running is None or canary is None or stable is None:
        return
    if running.state == "RollingBack":
        ending.roll_back(draft)
        return
    taken_over = running.state == "Promoting" and canary.weight == 100
    if running.revision != draft.observation.target.revision and not taken_over:
        if halt.alone(draft, stable, canary):
            # Leaving would put every request on a revision that has no pod.
            draft.update_rollout(state="Promoting")
            ending.promote(draft)
        else:
            _leave(draft, stable)
        return
    if halt.halted(draft, stable, canary):
        return
    found = conviction.by_pods(
        draft.revision(canary.revision), draft.revision(stable.revision), times.moment(running.started_at)
    )
    found = found or conviction.by_traffic(gate.evidence(draft, running)) or _late(draft, running)
    if found is not None and not halt.down(draft, stable):
        ending.begin_roll_back(draft, found.reason, found.message, rejected=True)
        ending.roll_back(draft)
    elif running.state == "Promoting":
        ending.promote(draft)
    else:
        _step(draft, running, canary, stable)


def _leave(draft: Draft, stable: RevisionStatus) -> None:
    if draft.observation.target.revision == stable.revision:
        ending.begin_roll_back(draft, "Cancelled", "spec.model asks for the stable revision again", rejected=False)
    else:
        ending.begin_roll_back(draft, "Superseded", "spec.model asks for another revision", rejected=False)
    ending.roll_back(draft)


def _late(draft: Draft, running: RolloutStatus) -> conviction.Conviction | None:
    if running.waiting_since is None or draft.spec_rollout.paused or _ready(draft):
        return None
    left = seconds(draft.policy.progress_deadline) - times.since(running.waiting_since, draft.now)
    if left > 0:
        draft.look_in(left)
        return None
    return conviction.Conviction(
        "ProgressDeadlineExceeded", f"not ready after {draft.policy.progress_deadline}{start.why_unready(draft)}"
    )


def _need(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> int:
    if running.state == "Promoting":
        return ending.promotion_need(draft, running, stable)
    serving = draft.revision(stable.revision)
    total = max(serving.wanted if serving else 0, draft.observation.resource.spec.scaling.floor)
    want = draft.policy.steps[min(running.step, len(draft.policy.steps) - 1)].weight
    return capacity.fair(want, total)


def _ready(draft: Draft) -> bool:
    """Whether the canary has what it waited for: nobody looked, or it was paused, while it became ready."""
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    revision = draft.revision(canary.revision) if canary else None
    return bool(running and stable and revision and revision.ready >= _need(draft, running, stable))


def _step(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    want = draft.policy.steps[min(running.step, len(draft.policy.steps) - 1)].weight
    scaling = draft.observation.resource.spec.scaling
    need = _need(draft, running, stable)
    revision = draft.revision(canary.revision)
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, need))
    draft.act(*capacity.hold(revision, canary.revision, scaling, need))
    ready = revision.ready if revision else 0
    draft.act(EnsureStableService(stable.revision))
    if canary.weight > 0 and ready == 0:
        _withdraw(draft, canary, stable)
    elif canary.weight != want:
        _raise(draft, want, enough=ready >= need)
    else:
        draft.act(capacity.weights(stable, canary, want))
        if ending.acknowledged(draft, want):
            _note_acknowledged(draft, want)
            gate.look(draft, want)
        else:
            draft.look_in(1)


def _withdraw(draft: Draft, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Take the weight from a canary without ready pods: its share of the requests would fail."""
    draft.act(capacity.weights(stable, canary, 0))
    draft.update_canary(weight=0)
    draft.update_rollout(state="Starting", waiting_since=times.text(draft.now), step_since=None)
    draft.tell("CanaryUnavailable", "no pod of the canary is ready: its weight is 0 until one is", warning=True)


def _raise(draft: Draft, want: int, *, enough: bool) -> None:
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    if running is None or canary is None or stable is None:
        return
    if draft.spec_rollout.paused:
        draft.hold("Paused", "spec.rollout.paused is true")
        draft.update_rollout(waiting_since=None)
    if enough and not draft.spec_rollout.paused:
        draft.act(capacity.weights(stable, canary, want))
        draft.update_canary(weight=want)
        # From here on there may be requests on it, whether or not anybody saw the gateway's acknowledgement.
        since = running.traffic_since or times.text(draft.now)
        draft.update_rollout(state="Step", waiting_since=None, step_since=None, traffic_since=since)
        draft.tell("WeightRaised", f"step {running.step + 1} of {len(draft.policy.steps)}: the canary gets {want} %")
        draft.look_in(1)
        return
    draft.act(capacity.weights(stable, canary, canary.weight))
    if running.waiting_since is None and not draft.spec_rollout.paused:
        draft.update_rollout(waiting_since=times.text(draft.now))
        draft.look_in(seconds(draft.policy.progress_deadline))


def _note_acknowledged(draft: Draft, weight: int) -> None:
    running = draft.status.rollout
    if running is None:
        return
    draft.update_canary(acknowledged_weight=weight)
    if running.step_since is None:
        draft.update_rollout(step_since=times.text(draft.now))
