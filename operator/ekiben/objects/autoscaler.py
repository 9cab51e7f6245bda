"""A revision's HorizontalPodAutoscaler: each revision scales by its own load, never by an average of two."""

from __future__ import annotations

from typing import Any

from ekiben.api.modeldeployment import ModelDeployment

from .meta import metadata
from .names import child_name

# Up at once, by as much as the load asks for; down slowly, since a replica that is missed costs a model load.
_BEHAVIOR: dict[str, Any] = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Percent", "value": 100, "periodSeconds": 15},
            {"type": "Pods", "value": 4, "periodSeconds": 15},
        ],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
    },
}


def render(resource: ModelDeployment, revision: str, min_replicas: int, max_replicas: int) -> dict[str, Any]:
    """Return the autoscaler that owns a revision's replicas within these bounds."""
    name = child_name(resource.metadata.name, revision)
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(resource, name, revision),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": min_replicas,
            "maxReplicas": max_replicas,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": metric.type.value,
                        "target": {"type": "Utilization", "averageUtilization": metric.target},
                    },
                }
                for metric in resource.spec.followed
            ],
            "behavior": _BEHAVIOR,
        },
    }
