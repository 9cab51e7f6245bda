"""The Gateways that models attach to: whether they work, what they can do, and under which address they are reached."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ForbiddenError
from ekiben.objects import hostnames, httproute
from ekiben.objects.settings import Settings as Rendering
from ekiben.rollout.observation import Feature

from .features import Classes

Json = dict[str, Any]

_GOOD_FOR = 10.0
_BAD_FOR = 1.0
_MOST = 1000
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Seen:
    """What a resource's Gateways look like."""

    problem: str = ""
    url: str | None = None
    unsupported: Mapping[Feature, str] = field(default_factory=dict)
    """What one of them cannot do -> how that is known."""


class Gateways:
    """Reads Gateways, each at most every 10 s while it works: many resources share one."""

    def __init__(self, cluster: Cluster, rendering: Rendering, public_port: int) -> None:
        self._cluster = cluster
        self._rendering = rendering
        self._public_port = public_port
        self._classes = Classes(cluster)
        self._cache: dict[tuple[str, str], tuple[float, str, Json | None]] = {}

    async def look(self, resource: ModelDeployment) -> Seen:
        """Return why the resource's own route can be attached nowhere, or the URL."""
        refs = httproute.parent_refs(resource, self._rendering)
        found = hostnames.of(resource, self._rendering)
        return await self._look(refs, found[0], resource.spec.traffic.path)

    async def look_at_route(self, route: Json) -> Seen:
        """Return the same of an HTTPRoute that the user wrote."""
        spec, own = route["spec"], route["metadata"]["namespace"]
        refs = [
            {"name": ref["name"], "namespace": ref.get("namespace") or own}
            for ref in spec.get("parentRefs") or ()
            if (ref.get("kind") or "Gateway") == "Gateway"  # a service mesh attaches routes to Services
        ]
        return await self._look(refs, next(iter(spec.get("hostnames") or ()), None), "/")

    async def _look(self, refs: list[Json], host: str | None, path: str) -> Seen:
        problems, first, lacks = [], None, dict[Feature, str]()
        for ref in refs:
            problem, gateway = await self._read(ref["namespace"], ref["name"])
            if problem:
                problems.append(problem)
            if gateway:
                lacks |= await self._classes.look(str(gateway["spec"].get("gatewayClassName") or ""))
            first = first or gateway
        return Seen("; ".join(problems), self._url(host, path, first) if host and first else None, lacks)

    async def _read(self, namespace: str, name: str) -> tuple[str, Json | None]:
        cached = self._cache.get((namespace, name))
        if cached and cached[0] > time.monotonic():
            return cached[1], cached[2]
        try:
            gateway = await self._cluster.find(kinds.GATEWAY, namespace, name)
            problem = await self._problem(namespace, name, gateway)
        except ForbiddenError as error:
            gateway, problem = None, error.message
        if len(self._cache) >= _MOST:  # names come from users
            self._cache.clear()
        until = time.monotonic() + (_BAD_FOR if problem else _GOOD_FOR)
        self._cache[namespace, name] = (until, problem, gateway)
        return problem, gateway

    async def _problem(self, namespace: str, name: str, gateway: Json | None) -> str:
        if gateway is None:
            if not await self._cluster.serves(kinds.GATEWAY):
                return (
                    "Gateway API is not installed in this cluster: install it and a gateway controller, or write "
                    "provider: replicaRatio in spec.traffic"
                )
            return (
                f"there is no Gateway {name} in namespace {namespace}: create it, name another one in "
                "spec.traffic.parentRefs, or change the operator's settings gateway_name and gateway_namespace"
            )
        conditions = {item["type"]: item for item in (gateway.get("status") or {}).get("conditions") or ()}
        for kind in ("Accepted", "Programmed"):
            item = conditions.get(kind)
            if item is None or item.get("status") != "True":
                why = f"{item.get('reason')}: {item.get('message')}" if item else "its controller has not answered yet"
                return f"the Gateway {namespace}/{name} is not {kind} ({why})"
        return ""

    def _url(self, host: str, path: str, gateway: Json) -> str:
        listeners = gateway["spec"].get("listeners") or [{}]
        secure = next((item for item in listeners if item.get("protocol") == "HTTPS"), None)
        scheme, listener = ("https", secure) if secure else ("http", listeners[0])
        port = self._public_port or int(listener.get("port") or 0)
        shown = f":{port}" if port and port != _DEFAULT_PORTS[scheme] else ""
        return f"{scheme}://{host.replace('*.', 'any.', 1)}{shown}{path}"
