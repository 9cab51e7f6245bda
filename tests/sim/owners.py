"""Who owns a revision's replicas at level decisions: its HorizontalPodAutoscaler and its ScaledObject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ekiben.rollout import plan as p
from ekiben.rollout.capacity import Owner
from ekiben.rollout.observation import Autoscaler

from . import scaled

if TYPE_CHECKING:
    from .decisions import World


def changes(world: World, action: Owner) -> bool:
    """Whether an action finds something to do, as the applier would see it."""
    one = world.deployed.get(action.revision)
    if one is None:
        return False
    match action:
        case p.EnsureAutoscaler(_, least, most):
            return one.autoscaler != Autoscaler(least, most)
        case p.DeleteAutoscaler():
            return one.autoscaler is not None
        case p.EnsureScaledObject(_, least, most):
            return one.scaled_object != Autoscaler(least, most)
        case p.DeleteScaledObject():
            return one.scaled_object is not None


def carry_out(world: World, action: Owner) -> None:
    """Write an owner, or take it away."""
    one = world.deployed[action.revision]
    match action:
        case p.EnsureAutoscaler(name, least, most):
            assert 1 <= least <= most
            scaled.owned(world, name, action)
            one.autoscaler = Autoscaler(least, most)
        case p.DeleteAutoscaler():
            one.autoscaler = None
        case p.EnsureScaledObject(name, least, most):
            assert 1 <= least <= most
            scaled.owned(world, name, action)
            one.scaled_object = Autoscaler(least, most)
        case p.DeleteScaledObject():
            # KEDA's own autoscaler outlives the ScaledObject for a moment.
            if one.scaled_object is not None and world.load is not None:
                one.handing_over = (one.scaled_object, world.now + world.load.handover)
            one.scaled_object = None
