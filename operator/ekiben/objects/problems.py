"""What only shows when the resource meets the cluster's settings: told as text, for a condition."""

from __future__ import annotations

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.rollout import Rollout
from ekiben.api.traffic import Provider

from . import hostnames
from .settings import Settings


def problems(resource: ModelDeployment, settings: Settings) -> list[str]:
    """Return why the resource cannot be carried out as it is; empty where it can."""
    if resource.spec.traffic.provider is Provider.REPLICA_RATIO:
        return []
    # A route of the user's own says itself which hostnames it has.
    own = hostnames.of(resource, settings) if resource.spec.traffic.http_route is None else []
    found = [hostnames.refused(resource.metadata.namespace, name, settings) for name in own]
    return [text for text in found if text] + policy_problems(resource, resource.spec.rollout, settings)


def policy_problems(resource: ModelDeployment, policy: Rollout, settings: Settings) -> list[str]:
    """Return why a policy cannot be used for this resource: its own spec.rollout, or that over a RolloutPolicy."""
    name, traffic = hostnames.of_preview(policy), resource.spec.traffic
    if name is None or traffic.provider is Provider.REPLICA_RATIO:
        return []
    if traffic.http_route is None and name in hostnames.of(resource, settings):
        return [f"{name} is the model's own hostname: write another one in spec.rollout.blueGreen.hostname"]
    why = hostnames.refused(resource.metadata.namespace, name, settings)
    return [f"spec.rollout.blueGreen.hostname: {why}"] if why else []
