"""Services: one for each revision, whose selector never changes, and the stable one with the resource's own name."""

from __future__ import annotations

from typing import Any

from ekiben.api.modeldeployment import ModelDeployment

from .container import PORT_NAME
from .meta import metadata
from .names import child_name, selector

PORT = 80
"""Port of every Service, whatever the port of the model server."""


def render(resource: ModelDeployment, revision: str) -> dict[str, Any]:
    """Return the Service of a revision, a backend of the route."""
    name = child_name(resource.metadata.name, revision)
    return _service(resource, metadata(resource, name, revision), revision)


def render_stable(resource: ModelDeployment, revision: str) -> dict[str, Any]:
    """Return the Service that has the resource's own name, selecting the pods of the stable revision."""
    return _service(resource, metadata(resource, resource.metadata.name), revision)


def _service(resource: ModelDeployment, meta: dict[str, Any], revision: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {
            "type": "ClusterIP",
            "selector": selector(resource.metadata.name, revision),
            "ports": [
                {"name": "http", "port": PORT, "targetPort": PORT_NAME, "protocol": "TCP", "appProtocol": "http"}
            ],
        },
    }
