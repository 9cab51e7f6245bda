"""Reading what moves requests: routes, Gateways, and what they can do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.traffic import Provider
from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import NotFoundError
from ekiben.objects import httproute, testers_route, users_route
from ekiben.objects.meta import is_owned
from ekiben.objects.names import RESOURCE_LABEL
from ekiben.rollout.observation import Feature

from ..gateways import Gateways
from ..gateways import Seen as SeenGateways

Json = dict[str, Any]
# Of a route of the user's own these are the user's affair.
_ROUTES_OWN: tuple[Feature, ...] = ("PathRewrite", "RequestTimeout")
_CHANGED: tuple[Feature, ...] = ("Weights", "RequestMirror", "PercentageMirror")


@dataclass(frozen=True)
class Seen:
    """What was read; the fields are those of World."""

    route: Json | None = None
    preview_route: Json | None = None
    testers_route: Json | None = None
    users_route: Json | None = None
    gateway_problem: str = ""
    url: str | None = None
    unsupported: Mapping[Feature, str] = field(default_factory=dict)


class Reader:
    """Reads it for one resource at a time."""

    def __init__(self, cluster: Cluster, gateways: Gateways) -> None:
        self._cluster = cluster
        self._gateways = gateways

    async def read(self, resource: ModelDeployment) -> Seen:
        """Read routes and Gateways.

        Raises:
            ClusterError: a request failed.
        """
        own, (users, gateways) = await asyncio.gather(self._own(resource), self._way_in(resource))
        name = resource.metadata.name
        return Seen(
            route=own.get(name),
            preview_route=own.get(httproute.preview_name(name)),
            testers_route=own.get(testers_route.name_of(name)),
            users_route=users,
            gateway_problem=gateways.problem,
            url=gateways.url,
            unsupported=gateways.unsupported,
        )

    async def again(self, resource: ModelDeployment, seen: Seen) -> Seen:
        """Read what is not the resource's own once more, by another spec.traffic.

        Raises:
            ClusterError: a request failed.
        """
        users, gateways = await self._way_in(resource)
        return replace(
            seen,
            users_route=users,
            gateway_problem=gateways.problem,
            url=gateways.url,
            unsupported=gateways.unsupported,
        )

    async def users(self, namespace: str, name: str) -> Json | None:
        """Read a route of the user's."""
        return await self._cluster.find(kinds.HTTP_ROUTE, namespace, name)

    async def _own(self, resource: ModelDeployment) -> dict[str, Json]:
        """Return the resource's own routes by name."""
        meta = resource.metadata
        try:
            found = await self._cluster.list(kinds.HTTP_ROUTE, meta.namespace, f"{RESOURCE_LABEL}={meta.name}")
        except NotFoundError:  # Gateway API is not installed
            found = []
        return {item["metadata"]["name"]: item for item in found if is_owned(item, resource)}

    async def _way_in(self, resource: ModelDeployment) -> tuple[Json | None, SeenGateways]:
        traffic, meta = resource.spec.traffic, resource.metadata
        if traffic.provider is Provider.REPLICA_RATIO:
            # Short names are found from every namespace, whatever the domain of the cluster.
            return None, SeenGateways(url=f"http://{meta.name}.{meta.namespace}")
        if traffic.http_route is None:
            return None, await self._gateways.look(resource)
        route = await self.users(meta.namespace, traffic.http_route)
        if route is None:
            return None, SeenGateways(
                f"there is no HTTPRoute {traffic.http_route} in namespace {meta.namespace}: make it, with Service "
                f"{meta.name} as the backend of one of its rules, or take httpRoute out of spec.traffic"
            )
        view = users_route.read(route, meta.name, meta.namespace)
        if view.problem:
            return route, SeenGateways(view.problem)
        seen = await self._gateways.look_at_route(route)
        lacks = {feature: why for feature, why in seen.unsupported.items() if feature not in _ROUTES_OWN}
        if view.unsplittable:
            lacks |= dict.fromkeys(_CHANGED, view.unsplittable)
        return route, SeenGateways(seen.problem, seen.url, lacks)
