"""What only shows when the resource meets the cluster's settings: told as text, for a condition."""

from __future__ import annotations

import re

from ekiben.api.modeldeployment import ModelDeployment

from .httproute import hostnames
from .settings import Settings

_HOSTNAME = re.compile(r"([*][.])?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
_LONGEST_HOSTNAME = 253


def problems(resource: ModelDeployment, settings: Settings) -> list[str]:
    """Return why the resource cannot be carried out as it is; empty where it can."""
    return _foreign(resource, settings) + [
        f"{hostname} is no valid hostname: write spec.traffic.hostnames, or have the operator's setting for the domain "
        f"({settings.domain}) corrected"
        for hostname in hostnames(resource, settings)
        if len(hostname) > _LONGEST_HOSTNAME or not _HOSTNAME.fullmatch(hostname)
    ]


def _foreign(resource: ModelDeployment, settings: Settings) -> list[str]:
    """Below the operator's domain a namespace has only its own names: a longer path would take others' requests."""
    own = f"{resource.metadata.namespace}.{settings.domain}"
    return [
        f"{hostname} is not of this namespace: below {settings.domain} write a hostname that ends with .{own}"
        for hostname in hostnames(resource, settings)
        if (hostname == settings.domain or hostname.endswith(f".{settings.domain}"))
        and not hostname.endswith(f".{own}")
    ]
