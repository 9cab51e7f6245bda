"""What rendering needs to know about the cluster; the operator's settings supply it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """Where a model is reached when its resource does not say."""

    gateway_name: str = "ekiben"
    """Name of the Gateway that routes attach to."""
    gateway_namespace: str = "ekiben-gateway"
    """Namespace of that Gateway."""
    domain: str = "ekiben.localhost"
    """Hostnames are NAME.NAMESPACE.DOMAIN."""
    hostnames: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Namespace, `*` standing for any characters -> domains in which it may claim hostnames, `*` being all of them.
    Empty where nothing is limited but the operator's own domain."""
