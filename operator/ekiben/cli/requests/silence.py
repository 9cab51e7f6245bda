"""Why nobody answered a request: is an operator there?"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from ekiben.api.request import REQUEST_ANNOTATION
from ekiben.api.status import Condition
from ekiben.cli import words
from ekiben.cluster import kinds
from ekiben.cluster.errors import ClusterError

_LEASE = "ekiben-operator"
_ALIVE_SECONDS = 20.0


class Lister(Protocol):
    """The part of the API server that this needs."""

    async def list(
        self, kind: kinds.Kind, namespace: str | None, labels: str = "", fields: str = ""
    ) -> list[dict[str, Any]]:
        """Read all objects of a kind."""


async def leases(api: Lister) -> list[dict[str, Any]] | None:
    """Return the operators' leases; None where one may not look."""
    try:
        return await api.list(kinds.LEASE, None, fields=f"metadata.name={_LEASE}")
    except ClusterError:
        return None


def explain(found: list[dict[str, Any]] | None, now: float) -> str:
    """Say what the leases tell about the operator, in a sentence or two."""
    if found is None:
        return "Whether an operator runs is told by its lease: kubectl get leases -A"
    newest = max(found, key=_renewed, default=None)
    if newest is None or not _renewed(newest):
        return "No operator has ever run in this cluster, or it has a lease of another name: kubectl get leases -A"
    where = f"{newest['metadata']['namespace']}/{newest['metadata']['name']}"
    holder = str(newest["spec"].get("holderIdentity") or "")
    age = now - _renewed(newest)
    if not holder:
        return f"No operator is running: the last one gave its lease ({where}) back {words.span(age)} ago."
    if age > _ALIVE_SECONDS:
        return f"The operator is down: {holder} renewed its lease ({where}) last {words.span(age)} ago."
    return (
        f"An operator is running ({holder}, lease {where}): it may serve other namespaces only, or be behind; its log "
        "tells."
    )


def degraded(told: Condition | None) -> str:
    """Say what keeps the operator from carrying the resource out; empty where its status tells of nothing."""
    if told is None:
        return ""
    return f"The resource is Degraded ({told.reason}): {told.message.rstrip('.')}."


def withdraw(name: str, namespace: str) -> str:
    """Return the command that takes an unanswered request back."""
    return f"kubectl annotate -n {namespace} mdep/{name} {REQUEST_ANNOTATION}-"


def _renewed(lease: dict[str, Any]) -> float:
    written = (lease.get("spec") or {}).get("renewTime")
    return datetime.fromisoformat(written).timestamp() if written else 0.0
