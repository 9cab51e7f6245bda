"""SetWeights and EnsureStableService, by provider.

Every provider gives up the place of the one before it only once it has taken over: requests arrive by both until then.
"""

from __future__ import annotations

import logging

from ekiben.api.traffic import Provider
from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError, InvalidError
from ekiben.objects import hostnames, httproute, service
from ekiben.objects.settings import Settings as Rendering
from ekiben.rollout.plan import SetWeights

from ..world import Json, World
from ..writes import Writer
from . import observed, ratio, users

_log = logging.getLogger(__name__)


class Traffic:
    """Moves requests."""

    def __init__(self, writer: Writer, rendering: Rendering) -> None:
        self._writer = writer
        self._rendering = rendering
        self._entries: dict[tuple[str, str], set[str]] = {}
        """(namespace, name) of each resource that has entries in the user's routes -> the routes' names."""

    async def set_weights(self, world: World, action: SetWeights) -> None:
        """Give each revision its share, and the canary its copies and testers.

        Raises:
            BlockedError: a route's name is taken.
            ClusterError: the API server refuses it, or was not reached.
        """
        traffic = world.resource.spec.traffic
        if traffic.provider is Provider.REPLICA_RATIO:
            await self._leave_users(world)
            await ratio.set_weights(self._writer, world, action.weights)
            await self._leave_own(world, action)
            await self._preview(world, None, [])
            await self._testers(world, None)
        elif traffic.http_route is not None:
            self._note(world, traffic.http_route)
            await users.set_weights(self._writer, world, action)
            await self._leave_own(world, action)
            await self._preview(world, action.preview, users.parents(world))
            await self._testers(world, users.for_testers(world, action.preview))
        else:
            await self._own(world, action)

    async def select(self, world: World, revision: str) -> None:
        """Have the Service NAME select the stable revision; under replicaRatio the weights say what it selects."""
        if world.resource.spec.traffic.provider is not Provider.REPLICA_RATIO:
            await self._leave_users(world)
            await ratio.ensure(self._writer, world, service.render_stable(world.resource, revision))

    async def forget(self, namespace: str, name: str) -> None:
        """The resource is gone, and its children with it: its entry in a user's route is as he wrote it.

        Raises:
            ClusterError: the API server was not reached, or the route has changed since it was read.
        """
        for route in sorted(self._entries.get((namespace, name), ())):
            found = await self._writer.cluster.find(kinds.HTTP_ROUTE, namespace, route)
            try:
                if found is not None:
                    await users.restore(self._writer, found, name, namespace)
            except (ForbiddenError, InvalidError) as error:
                _log.warning("HTTPRoute %s/%s still names revisions of %s: %s", namespace, route, name, error.message)
        self._entries.pop((namespace, name), None)

    def _note(self, world: World, route: str) -> None:
        self._entries.setdefault((world.resource.metadata.namespace, world.name), set()).add(route)

    async def _own(self, world: World, action: SetWeights) -> None:
        if world.withheld:
            return
        testers = world.policy.testers
        desired = httproute.render(
            world.resource,
            self._rendering,
            action.weights,
            action.mirror,
            (testers, action.preview) if testers is not None and action.preview is not None else None,
            wake=action.wake,
        )
        # The note of the weights that activators hand on by goes with these: it shows in no comparison.
        again = world.route is not None and httproute.asleep(world.route) != action.wake
        world.route = await self._writer.ensure(world, kinds.HTTP_ROUTE, desired, world.route, again=again)
        await self._preview(world, action.preview, desired["spec"]["parentRefs"])
        await self._testers(world, None)  # they have a rule in it

    async def _leave_users(self, world: World) -> None:
        """Put back the entry in a route of the user's that spec.traffic.httpRoute does not name any more."""
        if world.left_route is None:
            return
        self._note(world, world.left_route["metadata"]["name"])
        if await users.put_back(self._writer, world, world.left_route):
            world.left_route = None

    async def _preview(self, world: World, revision: str | None, parents: list[Json]) -> None:
        """Have the preview hostname lead to the revision, or to nothing."""
        hostname, desired = hostnames.of_preview(world.policy), None
        if hostname is not None and revision is not None and parents and not self._refused(world, hostname):
            desired = httproute.render_preview(world.resource, parents, hostname, revision)
        world.preview_route = await self._beside(world, desired, world.preview_route)

    async def _testers(self, world: World, desired: Json | None) -> None:
        """Have the route for testers beside the user's, or none."""
        live = world.testers_route
        # A condition of the user's that has gone from a match shows in no comparison, and still narrows whom it meets.
        again = live is not None and desired is not None and live["spec"] != desired["spec"]
        world.testers_route = await self._beside(world, desired, live, again=again)

    async def _beside(
        self, world: World, desired: Json | None, live: Json | None, *, again: bool = False
    ) -> Json | None:
        """Have a route beside that with the weights, or none."""
        if desired is None:
            await self._writer.delete(world, kinds.HTTP_ROUTE, live)
            return None
        return await self._writer.ensure(world, kinds.HTTP_ROUTE, desired, live, again=again)

    def _refused(self, world: World, hostname: str) -> bool:
        # What may be claimed can change while a rollout runs, whose policy stays as it was.
        return bool(hostnames.refused(world.resource.metadata.namespace, hostname, self._rendering))

    async def _leave_own(self, world: World, action: SetWeights) -> None:
        """Delete the resource's own route once the new provider does what is asked; until then it says the same."""
        if world.route is None:
            return
        seen = observed.route(world)
        wanted = {revision: weight for revision, weight in action.weights if weight > 0}
        told = {revision: weight for revision, weight in seen.weights.items() if weight > 0} if seen else {}
        if seen is not None and seen.acknowledged and told == wanted:
            await self._writer.delete(world, kinds.HTTP_ROUTE, world.route)
            world.route = None
            return
        desired = httproute.reweighted(world.resource, world.route, action.weights)
        world.route = await self._writer.ensure(world, kinds.HTTP_ROUTE, desired, world.route)
