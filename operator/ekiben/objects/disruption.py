"""A revision's PodDisruptionBudget: whoever drains a node takes its pods one at a time."""

from __future__ import annotations

from typing import Any

from ekiben.api.modeldeployment import ModelDeployment

from .meta import metadata
from .names import child_name, selector


def render(resource: ModelDeployment, revision: str) -> dict[str, Any]:
    """Return the budget that lets one pod of a revision go at a time, and any that is not healthy."""
    name = resource.metadata.name
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(resource, child_name(name, revision), revision),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(name, revision)},
            # By default pods that crash hold up the drain of their node for ever.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
