"""A canary with fewer pods than it needs while it is judged: the time of its step stands still until it has them.

For pods that it had and lost it waits no longer than for its first ones: beyond the progress deadline the policy says
what happens. That the load has grown beyond what the cluster has room for is no fault of the canary's.
"""

from __future__ import annotations

from ekiben.api.status import RolloutStatus

from . import still, waiting
from .draft import Draft


def stands_still(draft: Draft, need: int) -> bool:
    """Hold while fewer than `need` pods of the canary are ready; what was before and what comes after counts."""
    running = draft.status.rollout
    if running is None:
        return False
    ready = draft.ready(running.revision)
    if ready >= need:
        still.go_on(draft)
        draft.update_rollout(waiting_since=None)
        return False
    if ready < had(running, need) or draft.paused:
        waiting.for_pods(draft)
    else:
        draft.update_rollout(waiting_since=None)
    still.stand(draft)
    if not draft.hold_reason:
        said = waiting.why(draft.revision(running.revision))
        draft.hold("AwaitingPods", f"{ready} of the {need} pods that it needs are ready: its time stands still{said}")
    draft.look_in(10)
    return True


def had(running: RolloutStatus, need: int) -> int:
    """Return how many of the `need` pods were there when the present weight, preview or shadow began."""
    return need if running.needed is None else min(need, running.needed)
