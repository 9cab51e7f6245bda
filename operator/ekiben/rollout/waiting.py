"""Waiting for a revision's pods: the progress deadline, and what the pods say about not being ready."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.rollout import OnProgressDeadline
from ekiben.api.status import RolloutStatus

from . import times
from .conviction import Conviction
from .draft import Draft
from .observation import Revision


def for_pods(draft: Draft) -> None:
    """Start the clock of the progress deadline, unless a pause has stopped it."""
    running = draft.status.rollout
    if draft.paused:
        draft.hold("Paused", draft.paused)
        draft.update_rollout(waiting_since=None)
        draft.stop_judging()
    elif running is not None and running.waiting_since is None:
        draft.update_rollout(waiting_since=times.text(draft.now))
        draft.look_in(seconds(draft.policy.progress_deadline))


def late(draft: Draft, running: RolloutStatus) -> Conviction | None:
    """Return a conviction where the progress deadline has passed, or ask for a look when it will have.

    Where the policy says pause, it convicts nobody: the rollout holds, and goes on by itself once the pods are ready.
    """
    if running.waiting_since is None:
        return None
    left = seconds(draft.policy.progress_deadline) - times.since(running.waiting_since, draft.now)
    if left > 0:
        draft.look_in(left)
        return None
    found = too_late(draft)
    if draft.policy.on_progress_deadline is OnProgressDeadline.ROLLBACK:
        return found
    _hold(draft, found)
    return None


def _hold(draft: Draft, found: Conviction) -> None:
    name = draft.observation.resource.metadata.name
    for_a_person(
        draft,
        found.reason,
        f"{found.message}; it goes on once its pods are ready, and `ekiben abort {name}` rolls it back",
    )


def for_a_person(draft: Draft, reason: str, message: str) -> None:
    """Hold, and tell it when it begins."""
    draft.hold(reason, message)
    before = next((one for one in draft.observation.resource.status.conditions if one.type == "Paused"), None)
    if before is None or before.reason != reason:
        draft.tell(reason, draft.hold_message, warning=True)


def too_late(draft: Draft) -> Conviction:
    """Return the conviction for having missed the progress deadline."""
    canary = draft.status.canary
    said = why(draft.revision(canary.revision if canary else None))
    return Conviction("ProgressDeadlineExceeded", f"not ready after {draft.policy.progress_deadline}{said}")


def why(revision: Revision | None) -> str:
    """Return what a revision's pods say about not being ready, to be put behind a sentence; empty if nothing."""
    if revision is not None and revision.unmade and revision.existing < revision.wanted:
        return f": a pod cannot be made ({revision.unmade[:300]})"
    for pod in revision.pods if revision else ():
        if pod.unschedulable:
            return f": pod {pod.name} finds no node ({pod.unschedulable[:300]})"
        if pod.waiting_reason and pod.waiting_reason not in ("ContainerCreating", "PodInitializing"):
            return f": pod {pod.name} waits ({pod.waiting_reason}: {pod.waiting_message[:300]})"
    return ""
