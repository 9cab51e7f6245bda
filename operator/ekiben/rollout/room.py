"""How far each of two revisions may grow beside the other one: the limit holds for their sum, whatever both ask for."""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.api.scaling import Writer
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import capacity, limits
from .draft import Draft


@dataclass(frozen=True)
class Room:
    """The (least, most) replicas of each; both at their most are no more than the limit."""

    stable: tuple[int, int]
    canary: tuple[int, int]


def of(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> Room | None:
    """Return how many replicas each may have in the present state; None where nobody knows the load."""
    divided = capacity.shares(draft, running, stable)
    if divided is None:
        return None
    limit, ceiling = limits.most(draft), draft.observation.resource.spec.scaling.ceiling
    # What is left of the stable revision's requests has a pod until the last one is answered.
    theirs = min(divided.canary, limit - 1)
    ours = max(1, min(divided.stable, limit - theirs))
    more = _more(draft, running, stable, ours, limit - ours - theirs)
    most = min(ours + more, max(ours, ceiling))
    return Room((ours, most), (theirs, max(theirs, min(limit - ours - more, ceiling))))


def _more(draft: Draft, running: RolloutStatus, stable: RevisionStatus, least: int, spare: int) -> int:
    """Return how much of what neither needs the stable revision may have."""
    if draft.by_replicas:
        return spare  # the canary's pods are its weight
    if draft.observation.resource.spec.writer is Writer.EKIBEN:
        serving, seen = draft.revision(stable.revision), draft.observation.measured.get(stable.revision)
        asked = seen.wanted if seen is not None else None
        if asked is None:
            asked = serving.wanted if serving is not None else 0
        return min(spare, max(0, asked - least))
    # Two others that scale by themselves, between two looks: each has what it may take for itself.
    canary = draft.status.canary
    share = max(canary.weight, canary.acknowledged_weight) if canary is not None else 0
    return spare - spare * share // limits.ALL
