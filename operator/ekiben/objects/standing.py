"""The way by which requests reach a model now, as spec.traffic would say it: kept while that cannot be followed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.traffic import ParentRef, Provider, Traffic

from . import hostnames, httproute, service
from .settings import Settings

Json = dict[str, Any]


def standing(
    resource: ModelDeployment, route: Mapping[str, Any] | None, stable: Mapping[str, Any] | None
) -> Json | None:
    """Return the fields of spec.traffic that say what is there: the resource's own HTTPRoute, or the Service NAME.

    The resource's own route comes first: it is what callers have until another way has taken over. The time limit is
    the spec's, which is part of no way. None where nothing is there, or what is there cannot be said.
    """
    noted = service.route_of(stable) if stable is not None else None
    wanted = resource.spec.traffic
    if noted is not None and noted == wanted.http_route:
        return {}
    other: Json = {"http_route": None, "parent_refs": None, "hostnames": None, "path": "/"}
    if route is not None:
        return {**other, "provider": Provider.GATEWAY_API, **own} if (own := _own(resource, route)) else None
    if noted is not None:
        return {**other, "provider": Provider.GATEWAY_API, "http_route": noted, "path": wanted.path}
    if stable is not None and service.weights_noted(stable):
        return {**other, "provider": Provider.REPLICA_RATIO, "path": wanted.path}
    return None


def apart(resource: ModelDeployment, traffic: Traffic, settings: Settings) -> bool:
    """Whether spec.traffic asks for another way than this one."""
    wanted = resource.spec.traffic
    if (wanted.provider, wanted.http_route) != (traffic.provider, traffic.http_route):
        return True
    if wanted.provider is not Provider.GATEWAY_API or wanted.http_route is not None:
        return False
    return _way(resource, settings) != _way(as_standing(resource, traffic), settings)


def as_standing(resource: ModelDeployment, traffic: Traffic) -> ModelDeployment:
    """Return the resource with another spec.traffic."""
    return resource.model_copy(update={"spec": resource.spec.model_copy(update={"traffic": traffic})})


def _way(resource: ModelDeployment, settings: Settings) -> tuple[Any, ...]:
    parents = httproute.parent_refs(resource, settings)
    return hostnames.of(resource, settings), parents, resource.spec.traffic.path.rstrip("/")


def _own(resource: ModelDeployment, route: Mapping[str, Any]) -> Json | None:
    spec = route["spec"]
    names, parents = spec.get("hostnames") or [], spec.get("parentRefs") or []
    if not names or not parents:
        return None
    refs = [
        # As they are: what the API server took once is not to be refused here.
        ParentRef.model_construct(
            name=ref["name"],
            namespace=ref.get("namespace") or resource.metadata.namespace,
            section_name=ref.get("sectionName"),
        )
        for ref in parents
    ]
    return {"hostnames": list(names), "parent_refs": refs, "path": httproute.path_of(route)}
