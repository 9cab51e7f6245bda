"""What a GatewayClass can do: as it publishes it, or else as is known of its controller."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ForbiddenError
from ekiben.rollout.observation import Feature

Json = dict[str, Any]

_GOOD_FOR = 60.0
_MOST = 100

# As Gateway API names them in status.supportedFeatures. Weights are part of every HTTPRoute.
_PUBLISHED: Mapping[Feature, str] = {
    "Weights": "HTTPRoute",
    "RequestMirror": "HTTPRouteRequestMirror",
    "PercentageMirror": "HTTPRouteRequestPercentageMirror",
    "PathRewrite": "HTTPRoutePathRewrite",
    "RequestTimeout": "HTTPRouteRequestTimeout",
}
_MIRRORS: tuple[Feature, ...] = ("RequestMirror", "PercentageMirror")
# controllerName -> what it is, and what it lacks by its conformance reports for Gateway API, up to those for v1.6
# (August 2026). Only what is asked for here, and only used where the class publishes nothing.
_KNOWN: Mapping[str, tuple[str, tuple[Feature, ...]]] = {
    "projectcontour.io/gateway-controller": ("Contour", ("PercentageMirror",)),
    "gateway.nginx.org/nginx-gateway-controller": ("NGINX Gateway Fabric", ("RequestTimeout",)),
    "traefik.io/gateway-controller": ("Traefik", (*_MIRRORS, "RequestTimeout")),
    "konghq.com/kic-gateway-controller": ("the Kong Ingress Controller", (*_MIRRORS, "RequestTimeout")),
    "konghq.com/gateway-operator": ("the Kong Operator", (*_MIRRORS, "RequestTimeout")),
    "networking.gke.io/gateway": ("GKE Gateway", ("PathRewrite", "RequestTimeout")),
    "gateway.k8s.aws/alb": ("the AWS Load Balancer Controller", (*_MIRRORS, "PathRewrite", "RequestTimeout")),
    "alb.networking.azure.io/alb-controller": (
        "Azure Application Gateway for Containers",
        (*_MIRRORS, "RequestTimeout"),
    ),
    "microgateway.airlock.com/gatewayclass-controller": ("Airlock Microgateway", _MIRRORS),
    "solo.io/gloo-gateway": ("Gloo Gateway", ("PercentageMirror", "RequestTimeout")),
    "haproxy-ingress.github.io/controller": ("HAProxy Ingress", (*_MIRRORS, "PathRewrite", "RequestTimeout")),
}


def lacking(gateway_class: Json) -> dict[Feature, str]:
    """Return what a GatewayClass cannot do -> how that is known, in plain English; empty where nothing is known."""
    name = gateway_class["metadata"]["name"]
    published = (gateway_class.get("status") or {}).get("supportedFeatures")
    if published:
        # Before Gateway API 1.3 the list was one of names.
        able = {item.get("name") if isinstance(item, dict) else item for item in published}
        return {
            feature: f"GatewayClass {name} does not list {known} in its status.supportedFeatures"
            for feature, known in _PUBLISHED.items()
            if known not in able
        }
    controller = str((gateway_class.get("spec") or {}).get("controllerName") or "")
    product, lacks = _KNOWN.get(controller, ("", ()))
    return dict.fromkeys(
        lacks, f"GatewayClass {name} is of {product} ({controller}), whose conformance reports lack it"
    )


class Classes:
    """Reads GatewayClasses, each at most once a minute: many Gateways share one, and it hardly ever changes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._cache: dict[str, tuple[float, dict[Feature, str]]] = {}

    async def look(self, name: str) -> dict[Feature, str]:
        """Return what the class cannot do. One that is missing, or may not be read, is not known to lack anything."""
        cached = self._cache.get(name)
        if cached and cached[0] > time.monotonic():
            return cached[1]
        try:
            found = await self._cluster.find(kinds.GATEWAY_CLASS, None, name)
        except ForbiddenError:
            # Without a ClusterRole the operator sees none.
            found = None
        lacks = lacking(found) if found else {}
        if len(self._cache) >= _MOST:
            self._cache.clear()
        self._cache[name] = (time.monotonic() + _GOOD_FOR, lacks)
        return lacks
