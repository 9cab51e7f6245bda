"""Plan -> the cluster: what is already so is not written again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ConflictError, ForbiddenError, InvalidError
from ekiben.objects import autoscaler, deployment, disruption, scaled_object, service
from ekiben.objects.names import child_name
from ekiben.objects.settings import Settings as Rendering
from ekiben.rollout import plan
from ekiben.rollout.capacity import Owner
from ekiben.rollout.plan import Action

from .activators import apply as activation
from .activators.activators import Activators
from .queue import Key
from .repairs import Repairs
from .traffic.write import Traffic
from .world import Json, World
from .writes import BlockedError, Writer

__all__ = ["Applier", "BlockedError", "split"]


class Applier:
    """Carries out the actions of plans."""

    def __init__(
        self,
        cluster: Cluster,
        rendering: Rendering,
        count: Callable[[str], None],
        activators: Activators | None = None,
    ) -> None:
        self._cluster = cluster
        self._activators = activators
        self._writes = Writer(cluster, count)
        self._repairs = Repairs(self._writes)
        self._traffic = Traffic(self._writes, rendering)

    async def act(self, world: World, actions: tuple[Action, ...]) -> None:
        """Carry out the actions in order; the first that fails ends it.

        Raises:
            BlockedError: the API server refuses an object (its role, a quota, admission, validation).
            ClusterError: it was not reached, or (ConflictError) the object is no longer the one that was read.
        """
        for action in actions:
            try:
                await self._act(world, action)
            except InvalidError as error:
                raise BlockedError("Invalid", f"{_told(action)}: {error.message}") from error
            except ForbiddenError as error:
                raise BlockedError("Forbidden", f"{_told(action)}: {error.message}") from error

    def problems(self, world: World) -> tuple[str, ...]:
        """Return what others have changed and could not be put right, in plain English."""
        return self._repairs.problems(world)

    async def forget(self, namespace: str, name: str) -> None:
        """Leave things as they were found where a resource is gone; its children go with it.

        Raises:
            ClusterError: the API server was not reached, or something has changed since it was read.
        """
        await self._traffic.forget(namespace, name)
        if self._activators is not None:
            await self._activators.forget(Key(namespace, name))

    async def _act(self, world: World, action: Action) -> None:
        # Each write is noted in `world`: a later action of the same plan must find what this one left.
        match action:
            case plan.EnsureRevision():
                await self._ensure_revision(world, action)
            case plan.Scale():
                await self._scale(world, action)
            case (
                plan.EnsureAutoscaler()
                | plan.DeleteAutoscaler()
                | plan.EnsureScaledObject()
                | plan.DeleteScaledObject()
            ):
                await self._own(world, action)
            case plan.EnsureDisruptionBudget():
                desired = disruption.render(world.resource, action.revision)
                live = world.budgets.get(action.revision)
                world.budgets[action.revision] = await self._writes.ensure(
                    world, kinds.DISRUPTION_BUDGET, desired, live
                )
            case plan.DeleteDisruptionBudget():
                await self._writes.delete(world, kinds.DISRUPTION_BUDGET, world.budgets.pop(action.revision, None))
            case plan.SetWeights():
                await self._traffic.set_weights(world, action)
            case plan.EnsureStableService():
                await self._traffic.select(world, action.revision)
            case plan.EnsureActivation() | plan.LeaveActivation():
                await self._activate(world, action)
            case plan.DeleteRevision():
                name = child_name(world.resource.metadata.name, action.revision)
                await self._writes.delete(world, kinds.AUTOSCALER, world.autoscalers.pop(action.revision, None))
                await self._writes.delete(world, kinds.SCALED_OBJECT, world.scaled_objects.pop(action.revision, None))
                await self._writes.delete(world, kinds.DISRUPTION_BUDGET, world.budgets.pop(action.revision, None))
                await self._writes.delete(world, kinds.DEPLOYMENT, world.deployments.pop(action.revision, None))
                await self._writes.delete(world, kinds.SERVICE, world.services.pop(name, None))

    async def _activate(self, world: World, action: plan.EnsureActivation | plan.LeaveActivation) -> None:
        if self._activators is None:
            return
        if isinstance(action, plan.EnsureActivation):
            await activation.ensure(self._writes, self._activators, world, action)
        else:
            await activation.leave(self._writes, self._activators, world)

    async def _own(self, world: World, action: Owner) -> None:
        """Say who owns a revision's replicas."""
        revision = action.revision
        match action:
            case plan.EnsureAutoscaler(_, least, most):
                desired = autoscaler.render(world.resource, revision, least, most)
                live = world.autoscalers.get(revision)
                world.autoscalers[revision] = await self._writes.ensure(world, kinds.AUTOSCALER, desired, live)
            case plan.DeleteAutoscaler():
                await self._writes.delete(world, kinds.AUTOSCALER, world.autoscalers.pop(revision, None))
            case plan.EnsureScaledObject(_, least, most):
                desired = scaled_object.render(world.resource, revision, least, most)
                live = world.scaled_objects.get(revision)
                world.scaled_objects[revision] = await self._writes.ensure(world, kinds.SCALED_OBJECT, desired, live)
            case plan.DeleteScaledObject():
                await self._writes.delete(world, kinds.SCALED_OBJECT, world.scaled_objects.pop(revision, None))

    async def _ensure_revision(self, world: World, action: plan.EnsureRevision) -> None:
        live = world.deployments.get(action.revision)
        if live is None:
            live = await self._make(world, action)
        elif not world.frozen:  # its pods would be replaced
            desired = deployment.as_rendered(world.resource, action.revision, action.number, action.model, live)
            live = live if desired is None else await self._repairs.put_right(world, desired, live)
        world.deployments[action.revision] = live
        await self._ensure_service(world, service.render(world.resource, action.revision))

    async def _make(self, world: World, action: plan.EnsureRevision) -> Json:
        desired = deployment.render(world.resource, action.revision, action.number, action.model, action.replicas)
        try:
            # Made, not applied: a later apply without `replicas` would give that field up, and with it take it from
            # the autoscaler.
            return await self._writes.create(world, kinds.DEPLOYMENT, desired)
        except ConflictError:
            await self._writes.label(world, kinds.DEPLOYMENT, desired)
            raise

    async def _ensure_service(self, world: World, desired: Json) -> None:
        name = desired["metadata"]["name"]
        world.services[name] = await self._writes.ensure(world, kinds.SERVICE, desired, world.services.get(name))

    async def _scale(self, world: World, action: plan.Scale) -> None:
        live = world.deployments.get(action.revision)
        if live is None or int(live["spec"].get("replicas", 1)) == action.replicas:
            return
        meta = live["metadata"]
        scale = await self._cluster.scale(
            kinds.DEPLOYMENT, meta["namespace"], meta["name"], action.replicas, meta["resourceVersion"]
        )
        world.deployments[action.revision] = {
            **live,
            "metadata": {**meta, "resourceVersion": scale["metadata"]["resourceVersion"]},
            "spec": {**live["spec"], "replicas": action.replicas},
        }
        self._writes.count("scale Deployment")


def split(actions: tuple[Action, ...]) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """Return the actions up to the first that ends pods, and the rest.

    Why pods are ended has to stand in the status first: the reason may be the pods themselves. A canary that was
    convicted because it crashes would otherwise, if anything failed in between, be gone without a conviction, and be
    started again. Ending pods is safe to do late: whatever has no part any more is ended at the next look.
    """
    for index, action in enumerate(actions):
        if isinstance(action, plan.DeleteRevision) or (isinstance(action, plan.Scale) and action.replicas == 0):
            return actions[:index], actions[index:]
    return actions, ()


def _told(action: Action) -> str:
    """Return an action in words, for a condition."""
    fields: dict[str, Any] = vars(action)
    revision = fields.get("revision")
    return f"{type(action).__name__} of revision {revision}" if revision else type(action).__name__
