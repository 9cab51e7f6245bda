"""A canary: capacity first, then weight, then evidence, then the next step."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.rollout import OnInconclusive
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, conviction, ending, start, steady, times
from .draft import Draft
from .observation import Evidence
from .plan import EnsureRevision, EnsureStableService, SetWeights

# Above this share the canary carries the service, so "nothing regressed" is not enough.
_NOT_WORSE_ABOVE = 50


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
        _leave(draft, stable)
        return
    if _halted(draft, stable, canary):
        return
    found = conviction.by_pods(draft.revision(canary.revision), draft.revision(stable.revision))
    found = found or conviction.by_traffic(_evidence(draft, running)) or _late(draft, running)
    if found is not None:
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


def _halted(draft: Draft, stable: RevisionStatus, canary: RevisionStatus) -> bool:
    """Hold while the stable revision is the unhealthy one: rolling back onto it would lose every request."""
    serving = draft.revision(stable.revision)
    taken_over = canary.weight == 100
    if taken_over or draft.observation.resource.spec.scaling.floor == 0 or (serving is not None and serving.ready > 0):
        return False
    draft.hold("StableUnavailable", "the stable revision has no ready replica: the rollout holds until it has one")
    draft.act(weights(stable, canary, canary.weight), EnsureStableService(stable.revision))
    draft.look_in(5)
    return True


def _late(draft: Draft, running: RolloutStatus) -> conviction.Conviction | None:
    if running.waiting_since is None or draft.spec_rollout.paused:
        return None
    left = seconds(draft.policy.progress_deadline) - times.since(running.waiting_since, draft.now)
    if left > 0:
        draft.look_in(left)
        return None
    return conviction.Conviction(
        "ProgressDeadlineExceeded", f"not ready after {draft.policy.progress_deadline}{start.why_unready(draft)}"
    )


def _step(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    want = draft.policy.steps[min(running.step, len(draft.policy.steps) - 1)].weight
    serving = draft.revision(stable.revision)
    scaling = draft.observation.resource.spec.scaling
    need = max(1, capacity.needed(want, max(serving.wanted if serving else 0, scaling.floor)))
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
        draft.act(weights(stable, canary, want))
        if ending.acknowledged(draft, want):
            _note_acknowledged(draft, want)
            _gate(draft, want)
        else:
            draft.look_in(1)


def weights(stable: RevisionStatus, canary: RevisionStatus, weight: int) -> SetWeights:
    """Return the route's weights where the canary gets `weight` per cent."""
    return SetWeights(((stable.revision, 100 - weight), (canary.revision, weight)))


def _withdraw(draft: Draft, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Take the weight from a canary without ready pods: its share of the requests would fail."""
    draft.act(weights(stable, canary, 0))
    draft.update_canary(weight=0)
    draft.update_rollout(state="Starting", waiting_since=times.text(draft.now), step_since=None)
    draft.tell("CanaryUnavailable", "no pod of the canary is ready: its weight is 0 until one is", warning=True)


def _raise(draft: Draft, want: int, *, enough: bool) -> None:
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    if running is None or canary is None or stable is None:
        return
    if draft.spec_rollout.paused:
        draft.hold("Paused", "spec.rollout.paused is true")
    if enough and not draft.spec_rollout.paused:
        draft.act(weights(stable, canary, want))
        draft.update_canary(weight=want)
        draft.update_rollout(state="Step", waiting_since=None, step_since=None)
        draft.tell("WeightRaised", f"step {running.step + 1} of {len(draft.policy.steps)}: the canary gets {want} %")
        draft.look_in(1)
        return
    if canary.weight > 0:
        draft.act(weights(stable, canary, canary.weight))
    if running.waiting_since is None:
        draft.update_rollout(waiting_since=times.text(draft.now))
        draft.look_in(seconds(draft.policy.progress_deadline))


def _note_acknowledged(draft: Draft, weight: int) -> None:
    running = draft.status.rollout
    if running is None:
        return
    draft.update_canary(acknowledged_weight=weight)
    if running.step_since is None:
        now = times.text(draft.now)
        draft.update_rollout(step_since=now, traffic_since=running.traffic_since or now)


def _evidence(draft: Draft, running: RolloutStatus) -> Evidence | None:
    evidence = draft.observation.evidence
    return evidence if evidence is not None and evidence.revision == running.revision else None


def _gate(draft: Draft, weight: int) -> None:
    """Open the next step when its time has passed with usable evidence, or say what it waits for."""
    running = draft.status.rollout
    if running is None:
        return
    evidence = _evidence(draft, running)
    steps = draft.policy.steps
    left = seconds(steps[running.step].duration) - times.since(running.step_since, draft.now)
    last = running.step + 1 >= len(steps)
    following = 100 if last else steps[running.step + 1].weight
    if draft.spec_rollout.paused:
        draft.hold("Paused", "spec.rollout.paused is true")
    elif evidence is None or not evidence.usable or evidence.problem:
        _without_verdict(draft, evidence, weight)
    elif left > 0:
        draft.look_in(left)
    elif following > _NOT_WORSE_ABOVE and evidence.verdict != "NotWorse":
        _without_verdict(draft, evidence, weight)
    elif last:
        ending.begin_promotion(draft)
    else:
        draft.update_rollout(step=running.step + 1)
        draft.look_in(0)


def _without_verdict(draft: Draft, evidence: Evidence | None, weight: int) -> None:
    running = draft.status.rollout
    if running is None:
        return
    problem = evidence.problem if evidence else ""
    usable = evidence is not None and evidence.usable and not problem
    reason = problem or ("AwaitingVerdict" if usable else "AwaitingEvidence")
    # No number that changes from look to look stands in here: it would be a write of the status each time.
    waits = "there is not enough evidence yet to say that it is not worse" if usable else "no evidence yet"
    message = evidence.problem_message if evidence and problem else f"the canary gets {weight} %: {waits}"
    draft.hold(reason, message)
    draft.look_in(5)
    if times.since(running.traffic_since, draft.now) < seconds(draft.policy.analysis.deadline):
        return
    text = f"no verdict within {draft.policy.analysis.deadline}: {draft.hold_message}"
    choice = draft.policy.analysis.on_inconclusive
    if choice is OnInconclusive.ROLLBACK:
        ending.begin_roll_back(draft, "Inconclusive", text, rejected=True)
        ending.roll_back(draft)
    elif choice is OnInconclusive.PROMOTE and usable:
        ending.begin_promotion(draft)
    else:
        draft.hold("Inconclusive", text)
