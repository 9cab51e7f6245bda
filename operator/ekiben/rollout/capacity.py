"""How many replicas a share of the traffic needs."""

from __future__ import annotations

import math

from ekiben.api.scaling import Scaling
from ekiben.api.status import RevisionStatus

from .observation import Revision
from .plan import DeleteAutoscaler, EnsureAutoscaler, Scale, SetWeights

_HALF = 50


def fair(weight: int, total: int) -> int:
    """Return the replicas with which a canary's pods get no more requests each than the stable's `total` pods.

    The stable revision keeps its replicas for the way back, so at 50 % its pods are half as busy as before. A canary
    with just the replicas that its share needs would be twice as busy, and would be judged slower for that alone.
    Never more than `total`, which the promotion needs anyway: of 2 it is 1 at 20 % and 2 at 40 %; of 10 it is 3 at
    20 % and 10 at 50 %.
    """
    if weight >= _HALF:
        return max(1, total)
    return max(1, math.ceil(total * weight / (100 - weight)))


def hold(
    revision: Revision | None, name: str, scaling: Scaling, least: int
) -> tuple[EnsureAutoscaler | DeleteAutoscaler | Scale, ...]:
    """Return the actions that keep at least `least` replicas of a revision that serves.

    With a fixed count, ekiben owns the replicas; otherwise the autoscaler does, and the first step up to its minimum
    is taken for it, because its own next look may be 15 s away.
    """
    wanted = revision.wanted if revision else None
    if scaling.fixed is not None:
        actions: list[EnsureAutoscaler | DeleteAutoscaler | Scale] = []
        if revision is not None and revision.autoscaler is not None:
            actions.append(DeleteAutoscaler(name))
        if wanted is not None and wanted != least:
            actions.append(Scale(name, least))
        return tuple(actions)
    autoscaler = EnsureAutoscaler(name, max(1, least), max(least, scaling.ceiling, 1))
    if wanted is not None and wanted < least:
        return (autoscaler, Scale(name, least))
    return (autoscaler,)


def retire(revision: Revision | None) -> tuple[DeleteAutoscaler | Scale, ...]:
    """Return the actions that end a revision's pods: its autoscaler first, which would bring them back."""
    if revision is None:
        return ()
    actions: list[DeleteAutoscaler | Scale] = []
    if revision.autoscaler is not None:
        actions.append(DeleteAutoscaler(revision.name))
    if revision.wanted != 0:
        actions.append(Scale(revision.name, 0))
    return tuple(actions)


def weights(stable: RevisionStatus, canary: RevisionStatus, weight: int) -> SetWeights:
    """Return the route's weights where the canary gets `weight` per cent."""
    return SetWeights(((stable.revision, 100 - weight), (canary.revision, weight)))
