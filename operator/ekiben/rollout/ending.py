"""How a rollout ends: the canary takes over, or its weight goes to 0, and only then do pods go."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, draining, history, limits, parts, pins, room, routing, times, waiting
from .draft import Draft
from .observation import Revision
from .plan import EnsureRevision, EnsureStableService, SetWeights

# What serves was left for an earlier revision: the outcome is its own, and it does not stay up for a bake.
_LEFT = {"Undo": "Undone", "BakeFailed": "RolledBack"}
# The canary was taken out without a word about its quality.
_UNJUDGED = {"Superseded": "Superseded", "Cancelled": "Cancelled", "TrafficFeatureUnsupported": "Cancelled"}


def acknowledged(draft: Draft, weight: int) -> bool:
    """Return whether the gateway has accepted the route with this weight of the canary."""
    route, canary = draft.observation.route, draft.status.canary
    if route is None or canary is None:
        return False
    return route.acknowledged and route.weights.get(canary.revision, 0) == weight


def begin_promotion(draft: Draft, reason: str, message: str, *, direct: bool = False) -> None:
    """Begin to give the canary all requests; `direct` where no evidence says so, but a person or the policy."""
    draft.update_rollout(state="Promoting", reason=reason, message=message, direct=direct, waiting_since=None)
    canary = draft.status.canary
    if canary is not None:
        draft.tell("Promoting", f"revision {canary.number} ({canary.revision}) takes over ({reason}): {message}")
    draft.look_in(0)


def promote(draft: Draft) -> None:
    """Give the canary all requests once it has the capacity, drain the former revision, and finish."""
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    if running is None or canary is None or stable is None:
        return
    scaling = draft.observation.resource.spec.scaling
    serving, revision = draft.revision(stable.revision), draft.revision(canary.revision)
    need = capacity.promotion_need(draft, running, stable)
    if draft.ready(canary.revision) == 0 and 0 < canary.weight < 100 and not capacity.down(draft, stable):
        canary = take_share(draft, canary)
    if parts.in_parts(draft, running, canary, stable, need):
        return
    least, most = _whole(draft, running, canary, stable, need)
    need = min(need, least)
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, need))
    draft.act(*capacity.hold(draft, canary.revision, least, most))
    ready = revision.ready if revision else 0
    if canary.weight != 100 and ready < need:
        _wait(draft, stable)
        waiting.for_pods(draft)
        return
    if canary.weight != 100 and draft.paused and running.reason != "BakeFailed":
        draft.hold("Paused", draft.paused)
        draft.update_rollout(waiting_since=None)
        _wait(draft, stable)
        return
    if canary.weight == 0 and running.reason == "Requested" and scaling.fixed == 0:
        # It may never have had a pod, and would count as proven.
        draft.hold("ScaledToZero", "spec.scaling.replicas is 0: it takes over when there are replicas again")
        draft.update_rollout(waiting_since=None)
        _wait(draft, stable)
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


def _whole(
    draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus, need: int
) -> tuple[int, int | None]:
    """Return the least and the most replicas of the canary that takes over.

    Where what it leaves fails, or is down, capacity comes before the limit on both together.
    """
    found = room.of(draft, running, stable)
    if found is None or running.reason == "BakeFailed" or capacity.down(draft, stable):
        floor = draft.observation.resource.spec.scaling.floor
        return max(need, floor, limits.whole(draft, canary.revision) or 0), None
    return found.canary


def take_share(draft: Draft, canary: RevisionStatus) -> RevisionStatus:
    """Take its share from a canary without ready pods, and return it without: those requests would fail."""
    draft.update_canary(weight=0)
    draft.tell("CanaryUnavailable", "no pod of the canary is ready: its weight is 0 until one is", warning=True)
    return draft.status.canary or canary


def _wait(draft: Draft, stable: RevisionStatus) -> None:
    canary = draft.status.canary
    if canary is not None:
        draft.act(routing.split(draft, stable, canary, canary.weight), EnsureStableService(stable.revision))


def _hand_over(draft: Draft) -> None:
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    if running is None or canary is None or stable is None:
        return
    if not acknowledged(draft, 100):
        draft.act(EnsureStableService(stable.revision))
        draining.not_begun(draft)
        return
    draft.act(EnsureStableService(canary.revision))
    if not draining.done(draft, stable.revision):
        return
    retired = draft.revision(stable.revision)
    if retired is not None:
        draft.act(*capacity.released(retired))
    finish(draft)


def finish(draft: Draft) -> None:
    """Make the canary the stable revision, and say how the rollout ended."""
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    if running is None or canary is None or stable is None:
        return
    left = _LEFT.get(running.reason)
    bake = 0.0 if left else seconds(draft.policy.bake)
    former = stable.model_copy(update={"weight": 0, "acknowledged_weight": 0, "down_since": None})
    draft.update(
        stable=canary.model_copy(update={"weight": 100, "acknowledged_weight": 100}),
        former=former if bake > 0 else None,
        former_until=times.text(draft.now + bake) if bake > 0 else None,
    )
    message = running.message
    pins.serves(draft)
    if left is None:
        history.close(draft, "Promoted", canary, running)
    else:
        history.close(draft, left, stable, running)
    draft.tell("Promoted", f"revision {canary.number} ({canary.revision}) gets all requests. {message}".rstrip())
    draft.look_in(max(0.5, bake))


def begin_roll_back(draft: Draft, reason: str, message: str, *, rejected: bool, state: str = "RollingBack") -> None:
    """Begin to take the canary's traffic away; `rejected` keeps its revision from being tried again."""
    canary = draft.status.canary
    draft.update_rollout(state=state, reason=reason, message=message, waiting_since=None, drain_since=None)
    if canary is None:
        return
    if rejected:
        draft.update(rejected_revision=canary.revision)
        pins.fails(draft, canary.revision)
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
    if revision is not None:
        draft.act(*capacity.released(revision))
    draft.update_canary(weight=0)
    route = draft.observation.route
    if running.traffic_since is None and route is not None and route.weights.get(canary.revision, 0) > 0:
        # A look whose status was lost gave it a weight: what it was sent has to be answered all the same.
        running = running.model_copy(update={"traffic_since": times.text(draft.now)})
        draft.update_rollout(traffic_since=running.traffic_since)
    if running.traffic_since is not None or _may_be_served(draft, running, revision):
        if not acknowledged(draft, 0):
            draining.not_begun(draft)
            return
        if not draining.done(draft, canary.revision):
            return
    draft.act(*capacity.retire(revision))
    rolled_back(draft)


def _may_be_served(draft: Draft, running: RolloutStatus, revision: Revision | None) -> bool:
    """Whether the gateway may send requests to pods that are older than the rollout: of a status that was lost."""
    older = revision is not None and revision.existing > 0 and revision.created + 1 < times.moment(running.started_at)
    return older and not acknowledged(draft, 0)


def rolled_back(draft: Draft) -> None:
    """Close a rollout whose canary has no requests and no pods any more."""
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    if running is None or canary is None or stable is None:
        return
    outcome = _UNJUDGED.get(running.reason, "RolledBack")
    history.close(draft, outcome, canary, running)
    left = "gets all requests, and has no ready replica" if capacity.down(draft, stable) else "serves"
    draft.tell(
        outcome,
        f"revision {canary.number} ({canary.revision}) gets no requests and has no pods; "
        f"revision {stable.number} ({stable.revision}) {left}",
        warning=outcome == "RolledBack",
    )
    draft.look_in(0)
