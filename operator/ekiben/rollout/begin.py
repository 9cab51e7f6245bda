"""Beginning a rollout: which strategy, or straight back to a revision that was proven before."""

from __future__ import annotations

from ekiben.api.rollout import Strategy

from . import features, former, proven, start
from .draft import Draft


def begin(draft: Draft) -> None:
    """Begin a rollout where another revision should serve than does, unless it was rolled back."""
    target, stable = draft.target, draft.status.stable
    if stable is None or target.revision in (stable.revision, draft.status.rejected_revision):
        return
    held = why_held(draft)
    if held is not None:
        draft.hold(*held)
        return
    back = _back(draft)
    reason = "Undo" if draft.status.pinned is not None else "RollbackWindow"
    open_(draft, direct=back, reason=reason if back else "")


def _back(draft: Draft) -> bool:
    return draft.status.pinned is not None or proven.in_window(draft, draft.target.revision)


def why_held(draft: Draft) -> tuple[str, str] | None:
    """Return why the rollout that is asked for may not begin now, as reason and message; None where it may."""
    if draft.paused:
        return "Paused", f"{draft.paused}: the new revision waits"
    kept = draft.status.former
    if kept is not None and kept.revision != draft.target.revision and former.alone(draft):
        # Beginning would end the former one's pods.
        return "StableUnavailable", "the new revision waits: the stable one bakes, and has no ready replica now"
    if _back(draft):
        return None
    if draft.observation.policy_problem:
        return "PolicyUnusable", f"the new revision waits: {draft.observation.policy_problem}"
    if draft.observation.unusable:
        return "Unusable", f"the new revision waits: {draft.observation.unusable}"
    missing = features.blocking(draft, draft.spec_rollout)
    return ("TrafficFeatureUnsupported", f"the new revision waits: {missing}") if missing else None


def waits(draft: Draft) -> bool:
    """Return whether spec.model asks for a new revision of a spec that cannot be used: it changes nothing yet."""
    target, stable = draft.target.revision, draft.status.stable
    if not draft.observation.unusable or draft.status.pinned is not None:
        return False
    return stable is None or not (target == stable.revision or proven.in_window(draft, target))


def open_(draft: Draft, *, direct: bool, reason: str = "", message: str = "") -> None:
    """Write a new rollout into the status, in the first state of its strategy, and tell it."""
    stable = draft.status.stable
    if stable is None:
        return
    policy = former.policy(draft)
    strategy = policy.strategy
    state = "Promoting" if direct else "Starting"
    if strategy is Strategy.RECREATE:
        state = "Clearing"
    serving = draft.revision(stable.revision)
    start.open_rollout(draft, state, policy, stable_floor=serving.wanted if serving else 0)
    canary = draft.status.canary
    if canary is None:
        return
    if direct:
        draft.update_rollout(direct=True, reason=reason, message=message)
        why = {"Undo": "as was asked for", "BakeFailed": message}.get(reason, "it served before")
        draft.tell("GoingBack", f"back to revision {canary.number} ({canary.revision}) without steps: {why}")
        return
    draft.tell(
        "RolloutStarted",
        f"starting revision {canary.number} ({canary.revision}) of {canary.image}, strategy {strategy.value}",
    )
