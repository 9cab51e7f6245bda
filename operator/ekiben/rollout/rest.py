"""With 0 replicas nothing serves: a rollout rests, without pods, until there are some again."""

from __future__ import annotations

from ekiben.api.status import RevisionStatus

from . import capacity, ending, steps
from .draft import Draft
from .plan import EnsureRevision


def needed(draft: Draft) -> bool:
    """Return whether spec.scaling.replicas is 0."""
    return draft.observation.resource.spec.scaling.fixed == 0


def run(draft: Draft, canary: RevisionStatus, stable: RevisionStatus) -> None:
    """Take the canary's weight and its pods; it begins its present step anew when there are replicas."""
    draft.hold("ScaledToZero", "spec.scaling.replicas is 0: the rollout goes on when there are replicas again")
    draft.begin_step(state="Starting", waiting_since=None)
    draft.stop_judging()
    draft.act(EnsureRevision(canary.revision, canary.number, canary.model, 0))
    draft.update_canary(weight=0)
    steps.hold_weight(draft, canary.model_copy(update={"weight": 0}), stable)
    if ending.acknowledged(draft, 0):
        draft.act(*capacity.retire(draft.revision(canary.revision)))
