"""What a gateway's proxies call the upstreams of a resource, and where these proxies run."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ClusterError
from ekiben.objects import httproute, users_route
from ekiben.objects.names import child_name
from ekiben.objects.service import PORT
from ekiben.signals.counters import MetricsError, Trouble
from ekiben.signals.gateway import Proxy, Routing

from .pods import still_runs
from .settings import Settings
from .world import Json, World

_GOOD_FOR = 10.0


def gateways(world: World) -> tuple[tuple[str, str], ...]:
    """Return (namespace, name) of the Gateways that the route with the weights hangs on."""
    route = world.users_route or world.route
    if route is None:
        return ()
    own = world.resource.metadata.namespace
    parents = route["spec"].get("parentRefs") or ()
    return tuple(dict.fromkeys((str(one.get("namespace") or own), str(one["name"])) for one in parents))


def routing(world: World, revisions: Sequence[str], cluster: str) -> Routing:
    """Return the names of the clusters that requests are split over.

    Args:
        world: the resource and its route.
        revisions: the two that are compared.
        cluster: how the gateway makes these names, of {namespace}, {route} and {rule}, or {service} and {port}.
    """
    namespace = world.resource.metadata.namespace
    shown = ", ".join("/".join(one) for one in gateways(world)) or "that the route hangs on"
    if "{service}" in cluster:
        services = {revision: child_name(world.name, revision) for revision in revisions}
        named = {
            revision: cluster.format(namespace=namespace, service=service, port=PORT)
            for revision, service in services.items()
        }
        return Routing(shown, services=named)
    if world.users_route is not None:
        route, view = world.users_route, users_route.read(world.users_route, world.name, namespace)
        rules = [rule.index for rule in view.rules]
    elif world.route is not None:
        # Testers and the private paths have rules of their own.
        route, rules = world.route, [httproute.main_rule(world.route)]
    else:
        return Routing(shown)
    name = route["metadata"]["name"]
    return Routing(shown, tuple(cluster.format(namespace=namespace, route=name, rule=rule) for rule in rules))


class ProxyFinder:
    """Finds the proxies of Gateways, each list at most every 10 s: all rollouts share it."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster = cluster
        self._settings = settings
        self._cache: dict[tuple[str, str], tuple[float, tuple[Proxy, ...]]] = {}

    async def find(self, wanted: Sequence[tuple[str, str]]) -> tuple[Proxy, ...]:
        """Return the proxies that run for these Gateways (namespace, name).

        Raises:
            MetricsError: SourceDown, where they cannot be listed.
        """
        found = [await self._of(namespace, name) for namespace, name in wanted]
        return tuple({proxy.uid: proxy for proxies in found for proxy in proxies}.values())

    async def _of(self, namespace: str, name: str) -> tuple[Proxy, ...]:
        now = time.monotonic()
        self._cache = {key: one for key, one in self._cache.items() if one[0] > now}
        known = self._cache.get((namespace, name))
        if known is not None:
            return known[1]
        where = self._settings.gateway_proxy_namespace
        selector = self._settings.gateway_proxy_selector.format(namespace=namespace, name=name)
        try:
            pods = await self._cluster.list(kinds.POD, where, selector)
        except ClusterError as error:
            message = f"the gateway's proxies cannot be listed: {error.message}"
            raise MetricsError(Trouble.SOURCE_DOWN, message) from error
        proxies = tuple(_proxy(pod) for pod in pods if _answers(pod))
        self._cache[namespace, name] = (now + _GOOD_FOR, proxies)
        return proxies


def _answers(pod: Json) -> bool:
    # The administrator chose namespace and labels: unlike a model's pod, a proxy may be on its node's network.
    return bool((pod.get("status") or {}).get("podIP")) and still_runs(pod)


def _proxy(pod: Json) -> Proxy:
    meta = pod["metadata"]
    return Proxy(str(meta["uid"]), str(meta["name"]), str(pod["status"]["podIP"]))
