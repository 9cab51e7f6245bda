"""How requests reach the activators: a Service without a selector, and EndpointSlices that ekiben writes.

An object in one namespace must not lead to another one; an EndpointSlice that holds addresses does not, and only who
may write EndpointSlices can make one. The Service NAME keeps its selector all the time. While the model sleeps it has
one slice more, of ekiben's: Kubernetes' own controller leaves alone what another one manages, and whoever reads the
slices of a Service takes all of them. So a pod that becomes ready answers at once, be the operator there or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from ekiben.api.base import GROUP, seconds
from ekiben.api.modeldeployment import ModelDeployment

from .meta import metadata
from .names import wake_name
from .service import PORT

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
SERVICE_OF = "kubernetes.io/service-name"
MANAGER = f"activator.{GROUP}"
_PORT_NAME = "http"
_COLD_START = "120s"
_FAMILIES = {4: "IPv4", 6: "IPv6"}

Json = dict[str, Any]


def cold_start(resource: ModelDeployment) -> float:
    """Return how long a request waits for the model to wake, seconds."""
    return seconds(resource.spec.scaling.cold_start_timeout or _COLD_START)


def render_service(resource: ModelDeployment) -> Json:
    """Return the Service NAME-wake, a backend of the route while the model sleeps."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(resource, wake_name(resource.metadata.name)),
        "spec": {
            "type": "ClusterIP",
            "ports": [{"name": _PORT_NAME, "port": PORT, "protocol": "TCP", "appProtocol": "http"}],
        },
    }


def render_slices(resource: ModelDeployment, service: str, addresses: Sequence[str], port: int) -> dict[str, Json]:
    """Return the EndpointSlices by name that lead a Service to the activators: one of each family of addresses.

    Args:
        resource: the model.
        service: NAME or NAME-wake.
        addresses: IP addresses of the activators that are ready.
        port: the model's port there.
    """
    found = {}
    for version, family in _FAMILIES.items():
        own = sorted({one for one in addresses if ip_address(one).version == version})
        if own:
            name = slice_name(service, family)
            found[name] = _slice(resource, service, name, family, own, port)
    return found


def slice_name(service: str, family: str) -> str:
    """Return the name of the slice for a Service and a family of addresses."""
    return f"{service}-activator-{family.lower()}"


def is_ours(live: Mapping[str, Any]) -> bool:
    """Whether an EndpointSlice leads to activators."""
    return (live.get("metadata", {}).get("labels") or {}).get(MANAGED_BY) == MANAGER


def listed(slices: Mapping[str, Mapping[str, Any]], service: str) -> frozenset[tuple[str, int]]:
    """Return the (address, port) of activators that a Service leads to by these slices."""
    return frozenset(
        (str(address), int(port["port"]))
        for one in slices.values()
        if (one["metadata"].get("labels") or {}).get(SERVICE_OF) == service
        for endpoint in one.get("endpoints") or ()
        for address in endpoint.get("addresses") or ()
        for port in one.get("ports") or ()
    )


def _slice(
    resource: ModelDeployment, service: str, name: str, family: str, addresses: Sequence[str], port: int
) -> Json:
    meta = metadata(resource, name)
    meta["labels"] |= {SERVICE_OF: service, MANAGED_BY: MANAGER}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": meta,
        "addressType": family,
        "ports": [{"name": _PORT_NAME, "port": port, "protocol": "TCP", "appProtocol": "http"}],
        "endpoints": [{"addresses": [one], "conditions": {"ready": True}} for one in addresses],
    }
