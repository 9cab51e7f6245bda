"""The time of a step, preview or shadow stands still while it cannot tell anything about the canary.

So it does while the canary has too few pods, the stable revision is down, the gateway does not acknowledge its weight,
or a freeze holds everything: what was seen before and what is seen afterwards counts.
"""

from __future__ import annotations

from . import times
from .draft import Draft

_CLOCKS = ("step_since", "judged_since", "judged_at", "unusable_since")


def stand(draft: Draft) -> None:
    """Note since when it stands still; what has not begun does not."""
    running = draft.status.rollout
    if running is not None and running.step_since is not None and running.still_since is None:
        draft.update_rollout(still_since=times.text(draft.now))


def go_on(draft: Draft) -> None:
    """Leave out of every clock the time in which it stood still."""
    running = draft.status.rollout
    if running is None or running.still_since is None:
        return
    lost = times.since(running.still_since, draft.now)
    known = {name: getattr(running, name) for name in _CLOCKS}
    later = {name: times.after(since, lost) for name, since in known.items() if since is not None}
    draft.update_rollout(still_since=None, **later)
