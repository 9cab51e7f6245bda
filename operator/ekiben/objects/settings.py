"""What rendering needs to know about the cluster; the operator's settings supply it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Where a model is reached when its resource does not say."""

    gateway_name: str = "ekiben"
    """Name of the Gateway that routes attach to."""
    gateway_namespace: str = "ekiben-gateway"
    """Namespace of that Gateway."""
    domain: str = "ekiben.localhost"
    """Hostnames are NAME.NAMESPACE.DOMAIN."""
