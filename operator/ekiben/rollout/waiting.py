"""Waiting for a revision's pods: the progress deadline, and what the pods say about not being ready."""

from __future__ import annotations

from ekiben.api.base import seconds
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
        draft.update_rollout(waiting_since=None, judged_since=None)
    elif running is not None and running.waiting_since is None:
        draft.update_rollout(waiting_since=times.text(draft.now))
        draft.look_in(seconds(draft.policy.progress_deadline))


def late(draft: Draft, running: RolloutStatus) -> Conviction | None:
    """Return a conviction where the progress deadline has passed, or ask for a look when it will have."""
    if running.waiting_since is None:
        return None
    left = seconds(draft.policy.progress_deadline) - times.since(running.waiting_since, draft.now)
    if left > 0:
        draft.look_in(left)
        return None
    return too_late(draft)


def too_late(draft: Draft) -> Conviction:
    """Return the conviction for having missed the progress deadline."""
    canary = draft.status.canary
    said = why(draft.revision(canary.revision if canary else None))
    return Conviction("ProgressDeadlineExceeded", f"not ready after {draft.policy.progress_deadline}{said}")


def why(revision: Revision | None) -> str:
    """Return what a revision's pods say about not being ready, to be put behind a sentence; empty if nothing."""
    for pod in revision.pods if revision else ():
        if pod.unschedulable:
            return f": pod {pod.name} finds no node ({pod.unschedulable[:300]})"
        if pod.waiting_reason and pod.waiting_reason not in ("ContainerCreating", "PodInitializing"):
            return f": pod {pod.name} waits ({pod.waiting_reason}: {pod.waiting_message[:300]})"
    return ""
