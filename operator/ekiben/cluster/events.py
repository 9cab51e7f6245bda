"""Kubernetes Events: what `kubectl describe` and `kubectl events` tell about a resource."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import socket
from typing import Any

from .api import Cluster
from .errors import ClusterError, ConflictError, NotFoundError
from .kinds import EVENT

_log = logging.getLogger(__name__)
_CONTROLLER = "ekiben.dev/operator"
_NOTE_LIMIT = 1000  # the API refuses 1,024 and more


async def tell(cluster: Cluster, about: dict[str, Any], type_: str, reason: str, note: str) -> None:
    """Create one Event about an object; the same one again within its life becomes a series.

    An Event that cannot be written is logged and forgotten: it is news, not state.
    """
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    metadata = about["metadata"]
    digest = hashlib.sha256(f"{metadata['uid']} {reason} {note}".encode()).hexdigest()[:16]
    name = f"{metadata['name'][:200]}.{digest}"
    body = {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "eventTime": now,
        "reportingController": _CONTROLLER,
        "reportingInstance": socket.gethostname()[:128] or "ekiben",
        "action": reason,
        "reason": reason,
        "type": type_,
        "note": note[:_NOTE_LIMIT],
        "regarding": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
    }
    try:
        try:
            await cluster.create(EVENT, metadata["namespace"], body)
        except ConflictError:
            await _again(cluster, metadata["namespace"], name, now)
    except ClusterError as error:
        _log.warning("The event %r was not written: %s", reason, error.message)


async def _again(cluster: Cluster, namespace: str, name: str, now: str) -> None:
    try:
        event = await cluster.get(EVENT, namespace, name)
    except NotFoundError:  # it expired in this very moment
        return
    count = int((event.get("series") or {}).get("count") or 1) + 1
    await cluster.merge(EVENT, namespace, name, {"series": {"count": count, "lastObservedTime": now}})
