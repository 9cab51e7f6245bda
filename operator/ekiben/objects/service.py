"""Services: one for each revision, whose selector never changes, and the one with the resource's own name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ekiben.api.base import GROUP
from ekiben.api.modeldeployment import ModelDeployment

from .container import PORT_NAME
from .meta import metadata
from .names import MANAGED_BY_LABEL, MANAGER, RESOURCE_LABEL, REVISION_LABEL, child_name, selector

PORT = 80
"""Port of every Service, whatever the port of the model server."""
WEIGHTS_ANNOTATION = f"{GROUP}/weights"
"""On the Service NAME under replicaRatio: what was asked for, such as bcdfghjk=80,mnpqrstv=20."""
ROUTE_ANNOTATION = f"{GROUP}/http-route"
"""On the Service NAME: the user's HTTPRoute in which ekiben changes an entry, so that it is left as it was found."""


def render(resource: ModelDeployment, revision: str) -> dict[str, Any]:
    """Return the Service of a revision, a backend of the route."""
    meta = metadata(resource, child_name(resource.metadata.name, revision), revision)
    return _service(meta, selector(resource.metadata.name, revision))


def render_stable(resource: ModelDeployment, revision: str) -> dict[str, Any]:
    """Return the Service that has the resource's own name, selecting the pods of the stable revision."""
    route = resource.spec.traffic.http_route
    meta = metadata(resource, resource.metadata.name, annotations={ROUTE_ANNOTATION: route} if route else None)
    return _service(meta, selector(resource.metadata.name, revision))


def render_shared(resource: ModelDeployment, weights: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Return the Service that has the resource's own name, selecting the pods of every revision that has weight.

    The labels of pods never change, and a selector cannot say "or": of two revisions it selects all pods of the
    resource. Whoever writes it sees to it that no third revision has any.
    """
    name = resource.metadata.name
    annotations = {WEIGHTS_ANNOTATION: noted(weights)}
    serving = [revision for revision, weight in weights if weight > 0]
    both = {RESOURCE_LABEL: name, MANAGED_BY_LABEL: MANAGER}
    chosen = both if len(serving) > 1 else selector(name, serving[0] if serving else weights[0][0])
    return _service(metadata(resource, name, annotations=annotations), chosen)


def selected(service: Mapping[str, Any]) -> str | None:
    """Return the revision that the Service NAME selects; None where it selects several, or something else."""
    found = (service.get("spec", {}).get("selector") or {}).get(REVISION_LABEL)
    return None if found is None else str(found)


def weights(service: Mapping[str, Any]) -> dict[str, int]:
    """Return what was asked for under replicaRatio: revision -> per cent. The selector is what counts: where the note
    does not fit it, the revision that it selects has everything, and of several nothing is known."""
    told = noted_weights((service.get("metadata", {}).get("annotations") or {}).get(WEIGHTS_ANNOTATION, ""))
    serving = [revision for revision, weight in told.items() if weight > 0]
    one = selected(service)
    if one is None:
        return told if len(serving) > 1 else {}
    return told if serving == [one] else {one: 100}


def weights_noted(service: Mapping[str, Any]) -> bool:
    """Whether the Service NAME has been written under replicaRatio, and not since then for a route."""
    told = (service.get("metadata", {}).get("annotations") or {}).get(WEIGHTS_ANNOTATION)
    return bool(told) and route_of(service) is None


def route_of(service: Mapping[str, Any]) -> str | None:
    """Return the name of the user's HTTPRoute in which an entry is ekiben's."""
    found = (service.get("metadata", {}).get("annotations") or {}).get(ROUTE_ANNOTATION)
    return str(found) if found else None


def noted(weights: Sequence[tuple[str, int]]) -> str:
    """Return weights as the annotation has them."""
    return ",".join(f"{revision}={weight}" for revision, weight in weights)


def noted_weights(text: str) -> dict[str, int]:
    """Return the weights of an annotation: revision -> per cent."""
    pairs = [part.partition("=") for part in text.split(",") if part]
    return {revision: int(weight) for revision, _, weight in pairs if weight.isdecimal() and len(weight) <= 3}


def _service(meta: dict[str, Any], chosen: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {
            "type": "ClusterIP",
            "selector": dict(chosen),
            "ports": [
                {"name": "http", "port": PORT, "targetPort": PORT_NAME, "protocol": "TCP", "appProtocol": "http"}
            ],
        },
    }
