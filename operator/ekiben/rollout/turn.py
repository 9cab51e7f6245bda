"""One turn of the running rollout: leave it, hold it, convict it, or take it further as its state says."""

from __future__ import annotations

from collections.abc import Callable

from ekiben.api.rollout import Strategy
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import (
    approval,
    begin,
    capacity,
    conviction,
    ending,
    features,
    gate,
    halt,
    preview,
    recreate,
    rest,
    shadow,
    shortage,
    steady,
    steps,
    times,
    waiting,
)
from .draft import Draft

_RECREATING = ("Clearing", "Replacing", "Restoring")


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
    elif running.state in _RECREATING:
        draft.act(*turned)  # the stable revision's pods are what goes: recreate says when
    else:
        steady.keep_stable(draft)
        draft.act(*turned)


def _turn(draft: Draft) -> None:
    running, canary, stable = draft.status.rollout, draft.status.canary, draft.status.stable
    if running is None or canary is None or stable is None:
        return
    if running.state == "RollingBack":
        ending.roll_back(draft)
    elif running.state in _RECREATING:
        recreate.run(draft, running, canary, stable)
    else:
        _in_service(draft, running, _as_routed(draft, running, canary, stable), stable)


def _in_service(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    goes_on = _finishes_first(running, canary) or begin.waits(draft)
    if running.revision != draft.target.revision and not goes_on:
        _leave(draft, canary, stable)
    elif not halt.halted(draft, stable, canary) and not _impossible(draft, running):
        _go_on(draft, running, canary, stable)


def _as_routed(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> RevisionStatus:
    """Return the canary with no more weight than the route gives it, while it has no capacity for more.

    A share may have been taken from it whose loss the status does not tell, since its write failed: to restore what
    the status tells would be to raise the weight, and capacity comes before weight.
    """
    route = draft.observation.route
    asked = route.weights.get(canary.revision, 0) if route is not None else canary.weight
    need = 1 if capacity.down(draft, stable) else _need(draft, running, stable)
    if asked < canary.weight and draft.ready(canary.revision) < need:
        draft.update_canary(weight=asked)
    return draft.status.canary or canary


def _finishes_first(running: RolloutStatus, canary: RevisionStatus) -> bool:
    """Whether a rollout goes on whatever is asked for now: all weight has moved, or what it leaves fails."""
    return running.state == "Promoting" and (canary.weight == 100 or running.reason == "BakeFailed")


def _impossible(draft: Draft, running: RolloutStatus) -> bool:
    """Leave what cannot be had any more, since the provider was changed: it begins anew when it can."""
    missing = features.blocking(draft, draft.policy) if running.state in ("Starting", "Shadow") else ""
    if missing:
        ending.begin_roll_back(draft, "TrafficFeatureUnsupported", missing, rejected=False)
        ending.roll_back(draft)
    return bool(missing)


def _go_on(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    found = conviction.by_pods(
        draft.revision(canary.revision), draft.revision(stable.revision), times.moment(running.started_at)
    )
    found = found or conviction.by_traffic(gate.against(draft, running, canary)) or _late(draft, running, stable)
    if found is not None and not capacity.down(draft, stable):
        ending.begin_roll_back(draft, found.reason, found.message, rejected=True)
        ending.roll_back(draft)
        return
    if rest.needed(draft) and running.state != "Promoting":
        rest.run(draft, canary, stable)
        return
    _STATES.get(running.state, _unknown)(draft, running, canary, stable)


def _leave(draft: Draft, canary: RevisionStatus, stable: RevisionStatus) -> None:
    if halt.alone(draft, stable, canary):
        # Leaving would put every request on a revision that has no pod.
        draft.update_rollout(state="Promoting", reason="StableUnavailable", message="the stable revision is down")
        ending.promote(draft)
        return
    if draft.target.revision == stable.revision:
        ending.begin_roll_back(draft, "Cancelled", "the stable revision is asked for again", rejected=False)
    else:
        ending.begin_roll_back(draft, "Superseded", "another revision is asked for", rejected=False)
    ending.roll_back(draft)


def _starting(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    strategy = draft.policy.strategy
    if strategy is Strategy.BLUE_GREEN:
        preview.start(draft, running, canary, stable)
    elif strategy is Strategy.SHADOW:
        shadow.start(draft, running, canary, stable)
    else:
        steps.run(draft, running, canary, stable)


def _unknown(draft: Draft, running: RolloutStatus, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Hold what a newer operator has begun, before a downgrade in mid-rollout."""
    steps.hold_weight(draft, canary, stable)
    name = draft.observation.resource.metadata.name
    draft.hold(
        "UnknownState",
        f"another version of ekiben has brought the rollout to state {running.state[:32]}, which this one does not "
        f"know: go back to that version, or `ekiben abort {name}`",
    )


def _promoting(draft: Draft, _running: RolloutStatus, _canary: RevisionStatus, _stable: RevisionStatus) -> None:
    ending.promote(draft)


def _late(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> conviction.Conviction | None:
    if draft.paused:
        return None
    need = _need(draft, running, stable)
    if _goes_on(draft, running):
        need = shortage.had(running, need)
        if draft.ready(running.revision) >= need:
            draft.update_rollout(waiting_since=None)
    # It may have become ready while nobody looked, or in a pause.
    return None if draft.ready(running.revision) >= need else waiting.late(draft, running)


def _goes_on(draft: Draft, running: RolloutStatus) -> bool:
    """Whether it has what its step, preview or shadow asked for, and waits for no first pods."""
    canary = draft.status.canary
    reached = canary is not None and canary.weight == approval.present(draft.policy, running).weight
    return running.state in ("Preview", "Shadow") or (running.state == "Step" and reached)


def _need(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> int:
    if running.state == "Promoting" or draft.policy.strategy is Strategy.BLUE_GREEN:
        return capacity.promotion_need(draft, running, stable)
    return capacity.step_need(draft, running, stable)


_STATES: dict[str, Callable[[Draft, RolloutStatus, RevisionStatus, RevisionStatus], None]] = {
    "Starting": _starting,
    "Step": steps.run,
    "Preview": preview.run,
    "Shadow": shadow.run,
    "Promoting": _promoting,
}
