"""How many replicas a share of the traffic needs."""

from __future__ import annotations

import math

from ekiben.api.rollout import Shadow, Strategy
from ekiben.api.scaling import Scaling
from ekiben.api.status import RevisionStatus, RolloutStatus

from .draft import Draft
from .observation import Revision
from .plan import (
    DeleteAutoscaler,
    DeleteDisruptionBudget,
    EnsureAutoscaler,
    EnsureDisruptionBudget,
    Scale,
)

_HALF = 50
Kept = EnsureAutoscaler | DeleteAutoscaler | EnsureDisruptionBudget | DeleteDisruptionBudget | Scale


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


def step_need(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> int:
    """Return the ready replicas that the present step, or the shadow, needs."""
    serving, policy = draft.revision(stable.revision), draft.policy
    total = max(serving.wanted if serving else 0, draft.observation.resource.spec.scaling.floor)
    if policy.strategy is Strategy.SHADOW:
        return max(1, math.ceil(total * (policy.shadow or Shadow()).percent / 100))
    return fair(policy.steps[min(running.step, len(policy.steps) - 1)].weight, total)


def down(draft: Draft, stable: RevisionStatus) -> bool:
    """Return whether the stable revision should have ready replicas and has none."""
    return draft.observation.resource.spec.scaling.floor > 0 and draft.ready(stable.revision) == 0


def hold(
    revision: Revision | None, name: str, scaling: Scaling, least: int, most: int | None = None
) -> tuple[Kept, ...]:
    """Return the actions that keep at least `least` replicas of a revision that serves, and at most `most`.

    With a fixed count, ekiben owns the replicas; otherwise the autoscaler does, and the first step up to its minimum
    is taken for it, because its own next look may be 15 s away. Without `most` it may go up to what the spec allows.
    """
    wanted = revision.wanted if revision else None
    actions: list[Kept] = []
    if scaling.fixed is None:
        actions.append(EnsureAutoscaler(name, max(1, least), max(least, scaling.ceiling if most is None else most, 1)))
    elif revision is not None and revision.autoscaler is not None:
        actions.append(DeleteAutoscaler(name))
    if wanted is not None and (wanted < least or (scaling.fixed is not None and wanted != least)):
        actions.append(Scale(name, least))
    shrinks = scaling.fixed is not None
    size = least if shrinks or wanted is None else max(wanted, least)
    if size > 1:
        actions.append(EnsureDisruptionBudget(name))
    elif revision is not None and revision.budget:
        actions.append(DeleteDisruptionBudget(name))
    return tuple(actions)


def retire(revision: Revision | None) -> tuple[Kept, ...]:
    """Return the actions that end a revision's pods: its autoscaler first, which would bring them back."""
    if revision is None:
        return ()
    actions: list[Kept] = []
    if revision.autoscaler is not None:
        actions.append(DeleteAutoscaler(revision.name))
    if revision.budget:
        actions.append(DeleteDisruptionBudget(revision.name))
    if revision.wanted > 0:
        actions.append(Scale(revision.name, 0))
    return tuple(actions)
