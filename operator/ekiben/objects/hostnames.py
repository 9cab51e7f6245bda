"""Hostnames: which ones reach a model, and which ones a namespace may claim."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.rollout import Rollout, Strategy

from .settings import Settings

_HOSTNAME = re.compile(r"([*][.])?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
_LONGEST = 253
_ANY = "*"


def of(resource: ModelDeployment, settings: Settings) -> list[str]:
    """Return the hostnames that reach the model."""
    meta = resource.metadata
    return list(resource.spec.traffic.hostnames or [f"{meta.name}.{meta.namespace}.{settings.domain}"])


def of_preview(policy: Rollout) -> str | None:
    """Return the hostname that reaches the new revision before the switch, where the policy has one."""
    if policy.strategy is not Strategy.BLUE_GREEN or policy.blue_green is None:
        return None
    return policy.blue_green.hostname


def refused(namespace: str, hostname: str, settings: Settings) -> str:
    """Say why a namespace may not claim a hostname, and what to do; empty where it may."""
    if len(hostname) > _LONGEST or not _HOSTNAME.fullmatch(hostname):
        return (
            f"{hostname} is no valid hostname: write spec.traffic.hostnames, or have the operator's setting for the "
            f"domain ({settings.domain}) corrected"
        )
    own = f"{namespace}.{settings.domain}"
    if _below(hostname, settings.domain):
        # A longer path on the hostname of another namespace would take that one's requests.
        if hostname.endswith(f".{own}"):
            return ""
        return f"{hostname} is not of this namespace: below {settings.domain} write a hostname that ends with .{own}"
    if not settings.hostnames:
        return ""
    allowed = _allowed(namespace, settings)
    if any(domain == _ANY or _below(hostname, domain) for domain in allowed):
        return ""
    may = f"hostnames in {', '.join(allowed)}" if allowed else f"only hostnames that end with .{own}"
    return (
        f"{hostname} may not be claimed by namespace {namespace}, which may claim {may}: write one of those, or have "
        "the operator's setting EKIBEN_HOSTNAMES (chart value hostnames) extended"
    )


def _allowed(namespace: str, settings: Settings) -> list[str]:
    found = (domains for pattern, domains in settings.hostnames.items() if fnmatchcase(namespace, pattern))
    return list(dict.fromkeys(domain for domains in found for domain in domains))


def _below(hostname: str, domain: str) -> bool:
    return hostname == domain or hostname.endswith(f".{domain}")
