"""The former revision, which stays up through the bake: how long, and by which policy it is gone back to."""

from __future__ import annotations

from ekiben.api.rollout import Rollout

from . import times
from .draft import Draft


def policy(draft: Draft) -> Rollout:
    """Return the policy with which a rollout to the target begins.

    In a bake both revisions have the pods that the last rollout's policy left them: the way back is that policy's too,
    whatever spec.rollout says by now.
    """
    former = draft.status.former
    kept = former is not None and former.revision == draft.target.revision
    return draft.last_rollout if kept else draft.spec_rollout


def alone(draft: Draft) -> bool:
    """Return whether the former revision has ready pods and the stable one, which is to have some, has none."""
    former, stable = draft.status.former, draft.status.stable
    if former is None or stable is None or draft.observation.resource.spec.scaling.floor == 0:
        return False
    if draft.observation.sleep == "asleep":
        return False
    return draft.ready(former.revision) > 0 and draft.ready(stable.revision) == 0


def thaw(draft: Draft) -> None:
    """Move the bake's end by the time for which a freeze has held that is over: nobody could go back in it."""
    conditions, until = draft.observation.resource.status.conditions, draft.status.former_until
    frozen = next((one for one in conditions if one.type == "Frozen" and one.status == "True"), None)
    if frozen is not None and until is not None:
        draft.update(former_until=times.after(until, times.since(frozen.last_transition_time, draft.now)))
