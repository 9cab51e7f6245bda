"""Who gets how many requests, as it is: live objects -> Route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ekiben.api.traffic import Provider
from ekiben.objects import httproute, service, testers_route, users_route, wake
from ekiben.objects.names import child_name
from ekiben.rollout.observation import Feature, Route

from ..routes import acknowledged
from ..world import World


def route(world: World) -> Route | None:
    """Return who gets how many requests; None where nothing leads to the model yet."""
    traffic = world.resource.spec.traffic
    if traffic.provider is Provider.REPLICA_RATIO:
        return _by_replicas(world)
    return _own(world) if traffic.http_route is None else _users(world)


def unsupported(world: World) -> Mapping[Feature, str]:
    """Return what cannot be had -> how that is known: of the Gateways, and of the user's route for this policy."""
    testers, route = world.policy.testers, world.users_route
    if testers is None or route is None:
        return world.unsupported
    view = users_route.read(route, world.name, world.resource.metadata.namespace)
    problems = testers_route.problems(route, view, testers)
    return {**world.unsupported, "Testers": "; ".join(problems)} if problems else world.unsupported


def settled(world: World) -> bool:
    """Whether the EndpointSlices of the Service NAME list the ready pods of what it selects, all of them, no other."""
    stable = world.services.get(world.name)
    if stable is None:
        return False
    one = service.selected(stable)
    return _listed(world) == _ready(world, [one] if one is not None else _serving(service.weights(stable)))


def _own(world: World) -> Route | None:
    if world.route is None:
        return None
    done, problem = acknowledged(world.route)
    return Route(
        weights=httproute.weights(world.route),
        acknowledged=done,
        problem=problem,
        mirror=httproute.mirrored(world.route),
        preview=httproute.previewed(world.route) or _beside(world),
        asleep=httproute.asleep(world.route),
    )


def _users(world: World) -> Route | None:
    if world.users_route is None:
        return None
    view = users_route.read(world.users_route, world.name, world.resource.metadata.namespace)
    if view.problem:
        return None
    stable = world.services.get(world.name)
    done, problem = acknowledged(world.users_route)
    return Route(
        weights=view.weights(service.selected(stable) if stable else None),
        acknowledged=done and view.alike,
        problem=problem,
        mirror=view.rules[0].mirror if view.alike else None,
        preview=_beside(world),
        asleep=_by_name(world),
    )


def _by_replicas(world: World) -> Route | None:
    stable = world.services.get(world.name)
    if stable is None:
        return None
    weights = service.weights(stable)
    serving = _serving(weights)
    done = bool(serving) and _listed(world) == _ready(world, serving)
    shares = _shares(world, serving) if len(serving) > 1 else {}
    return Route(weights=weights, acknowledged=done or _by_name(world), actual=shares, asleep=_by_name(world))


def _by_name(world: World) -> bool:
    """Whether the Service NAME, which these ways lead to, leads to the activators as well."""
    return bool(wake.listed(world.wake_slices, world.name))


def _beside(world: World) -> str | None:
    """Return the revision that is reached by a route beside that with the weights: for testers, or a preview's."""
    found = (httproute.leads_to(world.name, one) for one in (world.testers_route, world.preview_route) if one)
    return next(filter(None, found), None)


def _shares(world: World, serving: list[str]) -> dict[str, int]:
    """Per cent of the ready pods; the first, which is the stable one, has what is left by rounding."""
    counts = {revision: len(_ready(world, [revision])) for revision in serving}
    total = sum(counts.values())
    if not total:
        return {}
    shares = {revision: round(100 * count / total) for revision, count in counts.items()}
    return {**shares, serving[0]: 100 - sum(shares[revision] for revision in serving[1:])}


def _serving(weights: dict[str, int]) -> list[str]:
    return [revision for revision, weight in weights.items() if weight > 0]


def _listed(world: World) -> frozenset[str]:
    return world.endpoints.get(world.name, frozenset())


def _ready(world: World, revisions: Iterable[str]) -> frozenset[str]:
    each = (world.endpoints.get(child_name(world.name, revision), frozenset()) for revision in revisions)
    return frozenset().union(*each)
