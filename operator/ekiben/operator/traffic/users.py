"""The entry in a route of the user's: changed by JSON patches that take effect only on exactly what was read."""

from __future__ import annotations

from collections.abc import Sequence

from ekiben.cluster import kinds
from ekiben.objects import service, testers_route, users_route
from ekiben.rollout.plan import SetWeights

from ..world import Json, World
from ..writes import Writer
from . import observed


async def set_weights(writer: Writer, world: World, action: SetWeights) -> None:
    """Give the revisions their shares in the user's route; one alone is the Service NAME, once that selects it.

    Of a rule that cannot be changed only as much is changed as takes requests from a canary.
    """
    route = world.users_route
    if route is None:
        return  # told as what is wrong with the Gateway
    view = users_route.read(route, world.name, world.resource.metadata.namespace)
    if view.problem:
        return
    weights = _wanted(world, view, action)
    world.users_route = await _patch(writer, route, users_route.patch(route, view, world.name, weights, action.mirror))


def blocked(world: World, action: SetWeights) -> str:
    """Return why not every rule can be given what is asked for; empty where it can, and where none needs it."""
    route = world.users_route
    if world.resource.spec.traffic.http_route is None or route is None:
        return ""
    view = users_route.read(route, world.name, world.resource.metadata.namespace)
    asked = view.problem == "" and (bool(_wanted(world, view, action)) or action.mirror is not None)
    return view.unsplittable if asked or not view.at_rest else ""


async def put_back(writer: Writer, world: World, route: Json) -> bool:
    """Put the Service NAME back into a route that is not the resource's any more; returns whether it is there."""
    namespace = world.resource.metadata.namespace
    if not users_route.read(route, world.name, namespace).rules:
        return True
    if not observed.settled(world):
        return False
    await restore(writer, route, world.name, namespace)
    return True


async def restore(writer: Writer, route: Json, name: str, namespace: str) -> None:
    """Put the Service NAME back, whoever answers there."""
    view = users_route.read(route, name, namespace)
    await _patch(writer, route, users_route.patch(route, view, name, ()))


def parents(world: World) -> list[Json]:
    """Return where the user's route is attached, as a route of ekiben's own would say it."""
    if world.users_route is None:
        return []
    own = world.resource.metadata.namespace
    return [{"namespace": own, **ref} for ref in world.users_route["spec"].get("parentRefs") or ()]


def for_testers(world: World, revision: str | None) -> Json | None:
    """Return the route by which testers reach the revision beside the user's; None where there is to be none."""
    testers, route = world.policy.testers, world.users_route
    if testers is None or revision is None or route is None:
        return None
    view = users_route.read(route, world.name, world.resource.metadata.namespace)
    return testers_route.render(world.resource, route, view, testers, revision)


def _wanted(world: World, view: users_route.View, action: SetWeights) -> Sequence[tuple[str, int]]:
    return _at_rest(world, view, action.weights) if len(action.weights) == 1 else action.weights


def _at_rest(world: World, view: users_route.View, weights: Sequence[tuple[str, int]]) -> Sequence[tuple[str, int]]:
    """Return no shares, which is the Service NAME, where the one revision's pods are what it leads to.

    Its selector has been changed then, and the EndpointSlices have followed: a gateway that turns to it finds the pods
    that answer now. Until then the entry stays on the revision's own Service.
    """
    if view.at_rest:
        return ()
    if any(rule.problem and rule.weights for rule in view.rules):
        return weights  # one cannot be put at rest, and all say the same
    revision = weights[0][0]
    stable = world.services.get(world.name)
    if stable is not None and service.selected(stable) == revision and observed.settled(world):
        return ()
    present = view.weights(None)
    alone = view.alike and [one for one, weight in present.items() if weight > 0] == [revision]
    return tuple(present.items()) if alone else weights


async def _patch(writer: Writer, route: Json, operations: list[Json]) -> Json:
    if not operations:
        return route
    meta = route["metadata"]
    changed = await writer.cluster.patch(kinds.HTTP_ROUTE, meta["namespace"], meta["name"], operations)
    writer.count("patch HTTPRoute")
    return changed
