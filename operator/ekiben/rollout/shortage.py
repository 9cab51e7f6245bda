"""A canary that lost pods while it is judged: the time of its step stands still until it has those that it needs.

It waits for them no longer than for its first ones: beyond the progress deadline the policy says what happens.
"""

from __future__ import annotations

from . import times, waiting
from .draft import Draft


def stands_still(draft: Draft, need: int) -> bool:
    """Hold while fewer than `need` pods of the canary are ready; what was before and what comes after counts."""
    running = draft.status.rollout
    if running is None:
        return False
    ready = draft.ready(running.revision)
    if ready >= need:
        _go_on(draft)
        return False
    waiting.for_pods(draft)
    if running.short_since is None:
        draft.update_rollout(short_since=times.text(draft.now))
    if not draft.hold_reason:
        said = waiting.why(draft.revision(running.revision))
        draft.hold("AwaitingPods", f"{ready} of the {need} pods that it needs are ready: its time stands still{said}")
    draft.look_in(10)
    return True


def _go_on(draft: Draft) -> None:
    running = draft.status.rollout
    if running is None or running.short_since is None:
        return
    lost = times.since(running.short_since, draft.now)
    clocks = ("step_since", "judged_since", "judged_at", "unusable_since")
    known = {name: getattr(running, name) for name in clocks}
    later = {name: times.after(since, lost) for name, since in known.items() if since is not None}
    draft.update_rollout(short_since=None, waiting_since=None, **later)
