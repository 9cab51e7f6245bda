"""A revision's ScaledObject, where its replicas follow triggers of KEDA."""

from __future__ import annotations

from typing import Any

from ekiben.api.modeldeployment import ModelDeployment

from .meta import metadata
from .names import child_name

API_VERSION = "keda.sh/v1alpha1"
KIND = "ScaledObject"


def render(resource: ModelDeployment, revision: str, min_replicas: int, max_replicas: int) -> dict[str, Any]:
    """Return the ScaledObject that owns a revision's replicas within these bounds.

    It refers to nothing but the revision's own Deployment: no authentication, no other address than the triggers' own
    parameters, and of these only the types that the operator's settings allow.
    """
    name = child_name(resource.metadata.name, revision)
    keda = resource.spec.scaling.keda
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata(resource, name, revision),
        "spec": {
            "scaleTargetRef": {"name": name},
            "minReplicaCount": min_replicas,
            "maxReplicaCount": max_replicas,
            "triggers": [
                {"type": trigger.type, "metadata": dict(trigger.metadata)}
                for trigger in (keda.triggers if keda else ())
            ],
        },
    }


def refused(resource: ModelDeployment, allowed: tuple[str, ...], *, installed: bool) -> str:
    """Return why the triggers cannot be followed, and what to do; empty where they can."""
    keda = resource.spec.scaling.keda
    if keda is None:
        return ""
    asked = {trigger.type for trigger in keda.triggers}
    unlisted = ", ".join(sorted(asked - set(allowed)))
    if unlisted:
        return (
            f"KEDA's trigger {unlisted} is not among those that this cluster allows ({', '.join(allowed) or 'none'}): "
            "a trigger may ask any address that its author writes, so whoever runs ekiben lists the types that may be "
            "used in its setting EKIBEN_KEDA_TRIGGERS (keda.triggers of the chart), or follow metrics instead"
        )
    if not installed:
        return (
            "KEDA is not installed here (there is no kind ScaledObject): have it installed, or follow metrics instead"
        )
    return ""
