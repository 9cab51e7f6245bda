"""How a rollout ends: the canary takes over, or its weight goes to 0, and only then do pods go."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, times
from .draft import Draft
from .plan import DeleteAutoscaler, EnsureRevision, EnsureStableService, SetWeights

# Without requests for this long, a revision that gets none any more has answered the last one.
_QUIET_SECONDS = 5.0
# Where the pods export no counters.
_BLIND_DRAIN_SECONDS = 30.0


def acknowledged(draft: Draft, weight: int) -> bool:
    """Return whether the gateway has accepted the route with this weight of the canary."""
    route, canary = draft.observation.route, draft.status.canary
    if route is None or canary is None:
        return False
    return route.acknowledged and route.weights.get(canary.revision, 0) == weight


def begin_promotion(draft: Draft) -> None:
    """Begin to give the canary all requests."""
    draft.update_rollout(state="Promoting")
    draft.look_in(0)


def promotion_need(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> int:
    """Return the ready replicas with which the canary may take over all requests."""
    scaling, serving = draft.observation.resource.spec.scaling, draft.revision(stable.revision)
    if scaling.fixed is not None:
        return scaling.floor
    return max(scaling.floor, running.stable_floor, serving.wanted if serving else 0)


def promote(draft: Draft) -> None:
    """Give the canary all requests once it has the capacity, drain the former revision, and finish."""
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    if running is None or canary is None or stable is None:
        return
    scaling = draft.observation.resource.spec.scaling
    serving, revision = draft.revision(stable.revision), draft.revision(canary.revision)
    need = promotion_need(draft, running, stable)
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, need))
    draft.act(*capacity.hold(revision, canary.revision, scaling, need))
    ready = revision.ready if revision else 0
    if canary.weight != 100 and ready < need:
        draft.act(SetWeights(((stable.revision, 100 - canary.weight), (canary.revision, canary.weight))))
        draft.act(EnsureStableService(stable.revision))
        if running.waiting_since is None:
            draft.update_rollout(waiting_since=times.text(draft.now))
        return
    if canary.weight != 100 and draft.spec_rollout.paused:
        draft.hold("Paused", "spec.rollout.paused is true")
        draft.update_rollout(waiting_since=None)
        draft.act(SetWeights(((stable.revision, 100 - canary.weight), (canary.revision, canary.weight))))
        draft.act(EnsureStableService(stable.revision))
        return
    if canary.weight == 100 and ready == 0 and serving is not None and serving.ready > 0 and scaling.floor > 0:
        begin_roll_back(draft, "CanaryUnavailable", "no pod of the canary is ready any more", rejected=True)
        roll_back(draft)
        return
    draft.act(SetWeights(((stable.revision, 0), (canary.revision, 100))))
    if canary.weight != 100:
        since = running.traffic_since or times.text(draft.now)
        draft.update_canary(weight=100)
        draft.update_rollout(waiting_since=None, drain_since=None, traffic_since=since)
        draft.look_in(1)
        return
    _hand_over(draft)


def _hand_over(draft: Draft) -> None:
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    if running is None or canary is None or stable is None:
        return
    if not acknowledged(draft, 100):
        draft.act(EnsureStableService(stable.revision))
        draft.look_in(1)
        return
    draft.update_canary(acknowledged_weight=100)
    draft.act(EnsureStableService(canary.revision))
    if not _drained(draft, stable.revision):
        return
    bake = seconds(draft.policy.bake)
    retired = draft.revision(stable.revision)
    if retired is not None and retired.autoscaler is not None:
        draft.act(DeleteAutoscaler(stable.revision))
    took_over = canary.model_copy(update={"weight": 100, "acknowledged_weight": 100})
    draft.update(
        stable=took_over,
        former=stable.model_copy(update={"weight": 0, "acknowledged_weight": 0}),
        former_until=times.text(draft.now + bake),
    )
    message = draft.observation.evidence.message if draft.observation.evidence else ""
    draft.close("Promoted", canary, running.model_copy(update={"reason": "NotWorse", "message": message}))
    draft.tell("Promoted", f"revision {canary.number} ({canary.revision}) gets all requests. {message}")
    draft.look_in(max(0.5, bake))


def begin_roll_back(draft: Draft, reason: str, message: str, *, rejected: bool) -> None:
    """Begin to take the canary's traffic away; `rejected` keeps its revision from being tried again."""
    canary = draft.status.canary
    draft.update_rollout(state="RollingBack", reason=reason, message=message, waiting_since=None, drain_since=None)
    if canary is None:
        return
    if rejected:
        draft.update(rejected_revision=canary.revision)
    draft.tell(
        "RollingBack" if rejected else reason,
        f"revision {canary.number} ({canary.revision}) is taken out ({reason}): {message}",
        warning=rejected,
    )


def roll_back(draft: Draft) -> None:
    """Set the canary's weight to 0, wait for the gateway and for the last answers, and end its pods."""
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    if running is None or canary is None or stable is None:
        return
    revision = draft.revision(canary.revision)
    draft.act(SetWeights(((stable.revision, 100), (canary.revision, 0))), EnsureStableService(stable.revision))
    if revision is not None and revision.autoscaler is not None:
        draft.act(DeleteAutoscaler(canary.revision))
    draft.update_canary(weight=0)
    if running.traffic_since is not None:
        if not acknowledged(draft, 0):
            draft.look_in(1)
            return
        draft.update_canary(acknowledged_weight=0)
        if not _drained(draft, canary.revision):
            return
    draft.act(*capacity.retire(revision))
    outcome = {"Superseded": "Superseded", "Cancelled": "Cancelled"}.get(running.reason, "RolledBack")
    draft.close(outcome, canary, running)
    draft.tell(
        outcome,
        f"revision {canary.number} ({canary.revision}) gets no requests and has no pods; "
        f"revision {stable.number} ({stable.revision}) serves",
        warning=outcome == "RolledBack",
    )
    draft.look_in(0)


def _drained(draft: Draft, revision: str) -> bool:
    """Return whether a revision whose weight 0 was acknowledged has answered its last request."""
    running = draft.status.rollout
    if running is None:
        return False
    draft.look_in(1)
    if running.drain_since is None:
        draft.update_rollout(drain_since=times.text(draft.now))
        return False
    waited = times.since(running.drain_since, draft.now)
    drain = draft.observation.drains.get(revision)
    exists = draft.revision(revision)
    if exists is None or exists.existing == 0:
        return True
    if drain is None or not drain.known:
        return waited >= _BLIND_DRAIN_SECONDS
    # A stream that never ends must not keep a revision up for ever; its pods still get their grace period.
    longest = max(_BLIND_DRAIN_SECONDS, seconds(draft.observation.resource.spec.traffic.timeout)) + _QUIET_SECONDS
    if waited >= longest:
        return True
    if drain.quiet_since is None:
        return False
    return draft.now - max(drain.quiet_since, times.moment(running.drain_since)) >= _QUIET_SECONDS
