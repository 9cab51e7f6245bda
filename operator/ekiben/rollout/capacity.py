"""How many replicas a share of the traffic needs, and who writes them."""

from __future__ import annotations

import math

from ekiben.api.base import seconds
from ekiben.api.rollout import Shadow, Strategy
from ekiben.api.scaling import Writer
from ekiben.api.status import RevisionStatus, RolloutStatus
from ekiben.scaling import Shares, nearest

from . import limits, times
from .draft import Draft
from .observation import Revision
from .plan import (
    DeleteAutoscaler,
    DeleteDisruptionBudget,
    DeleteScaledObject,
    EnsureAutoscaler,
    EnsureDisruptionBudget,
    EnsureScaledObject,
    Scale,
)

_HALF = 50
Owner = EnsureAutoscaler | DeleteAutoscaler | EnsureScaledObject | DeleteScaledObject
Kept = Owner | EnsureDisruptionBudget | DeleteDisruptionBudget | Scale


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
    divided = _in_step(draft, running, stable)
    return _asked(draft, running, stable) if divided is None else max(1, divided.canary)


def short(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> bool:
    """Return whether the canary does not get the pods for the share of its step beside what the stable one needs."""
    if draft.by_replicas:
        return False
    divided, needed = _in_step(draft, running, stable), limits.need(draft, running.revision, _share(draft, running))
    return divided is not None and needed is not None and divided.canary < needed


def crowded_out(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> bool:
    """Return whether not one pod of a canary without requests fits beside what those of the stable one need."""
    divided = None if draft.by_replicas else _in_step(draft, running, stable)
    return divided is not None and divided.canary == 0


def beside(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> int | None:
    """Return the replicas that the stable revision leaves for the canary; None where nobody knows the load."""
    divided = shares(draft, running, stable)
    return None if divided is None else max(1, limits.most(draft) - divided.stable)


def _in_step(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> Shares | None:
    asked, weight = _asked(draft, running, stable), _share(draft, running)
    divided, everything = limits.shares(draft, asked), limits.need(draft, stable.revision, limits.ALL)
    if divided is None or everything is None or not divided.short:
        return divided
    # Too few for the way back: at least the pods of both are equally busy, or the evidence would speak of that.
    most = limits.most(draft)
    split = nearest(weight, everything, most)
    if draft.by_replicas:
        return Shares(split.stable, split.canary, divided.short)
    enough = limits.need(draft, running.revision, weight) or 0
    canary = min(divided.canary, max(split.canary, enough))
    return Shares(most - canary, canary, divided.short, divided.too_heavy)


def _asked(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> int:
    """Return what the canary is to have: pods as busy as the stable's, and enough for its share of the load."""
    serving, weight = draft.revision(stable.revision), _share(draft, running)
    kept = limits.whole(draft, stable.revision)
    if kept is None:
        # Where the load is not known any more, the stable revision has what it began with, whatever it has now.
        began = running.stable_floor if draft.observation.resource.spec.scaling.fixed is None else 0
        kept = max(serving.wanted if serving else 0, began)
    total = max(kept, draft.observation.resource.spec.scaling.floor)
    enough = limits.need(draft, running.revision, weight) or 0
    if draft.policy.strategy is Strategy.SHADOW:
        return max(1, math.ceil(total * weight / 100), enough)
    return max(fair(weight, total), enough)


def shares(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> Shares | None:
    """Return who gets how many replicas in the present state; None where nobody knows the load."""
    if running.state in ("Starting", "Step", "Shadow") and draft.policy.strategy is not Strategy.BLUE_GREEN:
        return _in_step(draft, running, stable)
    if running.state in ("Starting", "Preview", "Promoting"):
        return limits.shares(draft, promotion_need(draft, running, stable))
    canary = draft.revision(running.revision)
    return limits.shares(draft, canary.wanted if canary is not None else 0)


def _share(draft: Draft, running: RolloutStatus) -> int:
    policy = draft.policy
    if policy.strategy is Strategy.SHADOW:
        return (policy.shadow or Shadow()).percent
    return policy.steps[min(running.step, len(policy.steps) - 1)].weight


def promotion_need(draft: Draft, running: RolloutStatus, stable: RevisionStatus) -> int:
    """Return the ready replicas with which the canary may take over all requests."""
    scaling, serving = draft.observation.resource.spec.scaling, draft.revision(stable.revision)
    kept = draft.revision(running.revision)
    if running.reason == "BakeFailed" and kept is not None:
        # What was kept for an instant way back is what there is: waiting for more would prolong the failure.
        return max(1, min(scaling.floor, kept.wanted)) if scaling.floor else 0
    if down(draft, stable):
        # Every request fails: the capacity that was needed before must not keep what is ready from helping.
        late = times.since(running.waiting_since, draft.now) >= seconds(draft.policy.progress_deadline)
        return 1 if late or running.reason == "StableUnavailable" else scaling.floor
    if scaling.fixed is not None:
        return scaling.floor
    measured = limits.whole(draft, running.revision)
    if measured is not None:
        return max(scaling.floor, measured)
    return max(scaling.floor, running.stable_floor, serving.wanted if serving else 0)


def down(draft: Draft, stable: RevisionStatus) -> bool:
    """Return whether the stable revision should have ready replicas and has none.

    One that wakes has the time that any revision has to become ready; later it is as much down as another.
    """
    if draft.observation.resource.spec.scaling.floor == 0 or draft.ready(stable.revision) > 0:
        return False
    if draft.observation.sleep == "awake":
        return True
    since = waking_since(draft)
    return since is not None and times.since(since, draft.now) >= seconds(draft.policy.progress_deadline)


def waking_since(draft: Draft) -> str | None:
    """Return since when a model that slept has been asked for; None where it is not waking."""
    asleep = next((one for one in draft.observation.resource.status.conditions if one.type == "Asleep"), None)
    if draft.observation.sleep != "waking" or asleep is None or asleep.status != "False":
        return None
    return asleep.last_transition_time


def hold(draft: Draft, name: str, least: int, most: int | None = None) -> tuple[Kept, ...]:
    """Return the actions that keep at least `least` replicas of a revision that serves, and at most `most`.

    Exactly one owns the replicas: whoever else did is gone before the new one writes. An autoscaler has the first step
    up to its minimum taken for it, because its own next look may be 15 s away. Without `most` it may go up to what the
    spec allows.
    """
    scaling, revision = draft.observation.resource.spec.scaling, draft.revision(name)
    writer = draft.observation.resource.spec.writer
    highest = max(least, scaling.ceiling if most is None else most, 1)
    actions: list[Kept] = [*_released(revision, writer)]
    handing_over = still_keda(revision, writer)
    if writer is Writer.AUTOSCALER and not handing_over:
        actions.append(EnsureAutoscaler(name, max(1, least), highest))
    elif writer is Writer.KEDA and not handing_over and not draft.observation.scaling_problem:
        actions.append(EnsureScaledObject(name, max(1, least), highest))
    elif writer is Writer.KEDA and revision is not None and revision.scaled_object is not None and not handing_over:
        actions.append(DeleteScaledObject(name))  # of triggers that are not allowed any more
    size = _size(draft, revision, writer, least, highest)
    if revision is not None and revision.wanted != size:
        actions.append(Scale(name, size))
    if size > 1:
        actions.append(EnsureDisruptionBudget(name))
    elif revision is not None and revision.budget:
        actions.append(DeleteDisruptionBudget(name))
    return tuple(actions)


def _size(draft: Draft, revision: Revision | None, writer: Writer, least: int, most: int) -> int:
    """Return the replicas that ekiben writes; of what somebody else owns, only those that are missing."""
    if revision is None or (writer is Writer.FIXED and not still_keda(revision, writer)):
        return least
    measured = draft.observation.measured.get(revision.name)
    if writer is not Writer.EKIBEN or still_keda(revision, writer) or measured is None or measured.wanted is None:
        return max(revision.wanted, least)
    return min(max(measured.wanted, least), most)


def follow(draft: Draft) -> tuple[Scale, ...]:
    """Return the actions by which ekiben's own scaler follows the load while nothing else may change.

    Of a rollout that is held nothing is taken away: what it keeps for the way back stays. Where pods split the
    requests, the canary's are its share, and stay too.
    """
    scaling, stable, canary = draft.observation.resource.spec.scaling, draft.status.stable, draft.status.canary
    if draft.observation.resource.spec.writer is not Writer.EKIBEN or draft.observation.sleep != "awake":
        return ()
    if canary is None:
        return tuple(_followed(draft, stable, scaling.floor, scaling.ceiling))
    actions: list[Scale] = []
    room = limits.most(draft) - sum(_wanted(draft, one) for one in (stable, canary))
    for one in (stable, None if draft.by_replicas else canary):
        present = _wanted(draft, one)
        actions += _followed(draft, one, present, present + max(0, room))
        room -= sum(action.replicas - present for action in actions if one and action.revision == one.revision)
    return tuple(actions)


def _followed(draft: Draft, one: RevisionStatus | None, least: int, most: int) -> list[Scale]:
    revision = draft.revision(one.revision) if one is not None else None
    if one is None or one.weight == 0 or revision is None or revision.wanted == 0:
        return []
    if revision.autoscaler is not None or still_keda(revision, Writer.EKIBEN):
        return []  # a former owner, which nothing but the end of what holds everything may take away
    size = _size(draft, revision, Writer.EKIBEN, least, most)
    return [Scale(revision.name, size)] if size != revision.wanted else []


def _wanted(draft: Draft, one: RevisionStatus | None) -> int:
    revision = draft.revision(one.revision) if one is not None else None
    return revision.wanted if revision is not None else 0


def still_keda(revision: Revision | None, writer: Writer) -> bool:
    """Return whether KEDA still scales a revision that it is not to scale any more: its own autoscaler goes last."""
    if revision is None:
        return False
    return revision.handing_over or (revision.scaled_object is not None and writer is not Writer.KEDA)


def _released(revision: Revision | None, writer: Writer) -> tuple[Owner, ...]:
    """Return the actions that end what owned the replicas before."""
    actions: list[Owner] = []
    if revision is not None and revision.autoscaler is not None and writer is not Writer.AUTOSCALER:
        actions.append(DeleteAutoscaler(revision.name))
    if revision is not None and revision.scaled_object is not None and writer is not Writer.KEDA:
        actions.append(DeleteScaledObject(revision.name))
    return tuple(actions)


def released(revision: Revision) -> tuple[Owner, ...]:
    """Return the actions after which nobody but ekiben changes a revision's replicas."""
    return _released(revision, Writer.FIXED)


def give_way(draft: Draft, canary: RevisionStatus) -> tuple[Kept, ...]:
    """Return the actions that end the pods of a canary without requests, once the gateway sends it none for certain.

    The status may not tell of a weight that was written and taken away again: the route does.
    """
    route, stable = draft.observation.route, draft.status.stable
    if route is not None and (route.weights.get(canary.revision, 0) > 0 or not route.acknowledged):
        return ()
    if stable is not None and draft.ready(stable.revision) == 0 and draft.ready(canary.revision) > 0:
        return ()  # it may have to take over: the stable revision wakes, or is down
    return retire(draft.revision(canary.revision))


def retire(revision: Revision | None) -> tuple[Kept, ...]:
    """Return the actions that end a revision's pods: its autoscaler first, which would bring them back."""
    if revision is None:
        return ()
    actions: list[Kept] = [*released(revision)]
    if revision.budget:
        actions.append(DeleteDisruptionBudget(revision.name))
    if revision.wanted > 0:
        actions.append(Scale(revision.name, 0))
    return tuple(actions)
