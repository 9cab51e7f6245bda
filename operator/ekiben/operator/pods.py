"""Pods as the API server shows them -> what decide() and the scrapers need to know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ekiben.rollout.observation import Pod

Json = dict[str, Any]


def still_runs(pod: Json) -> bool:
    """Whether a pod's processes may still run; an evicted pod stays as an object only."""
    return (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}


def parse_pod(pod: Json) -> Pod:
    """Read one pod."""
    meta, status = pod["metadata"], pod.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    conditions = {item["type"]: item for item in status.get("conditions") or ()}
    waiting: Json = next((found for item in containers if (found := (item.get("state") or {}).get("waiting"))), {})
    ended: Json = next((found for item in containers if (found := _last_exit(item))), {})
    scheduled = conditions.get("PodScheduled") or {}
    code = ended.get("exitCode")
    return Pod(
        name=str(meta["name"]),
        ready=(conditions.get("Ready") or {}).get("status") == "True",
        terminating=meta.get("deletionTimestamp") is not None,
        restarts=sum(int(item.get("restartCount") or 0) for item in containers),
        waiting_reason=str(waiting.get("reason") or ""),
        waiting_message=str(waiting.get("message") or ""),
        last_exit_reason=str(ended.get("reason") or ""),
        last_exit_code=None if code is None else int(code),
        last_exit_at=_moment(ended.get("finishedAt")),
        unschedulable=str(scheduled.get("message") or "") if scheduled.get("reason") == "Unschedulable" else "",
    )


def _moment(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


def _last_exit(container: Mapping[str, Any]) -> dict[str, Any] | None:
    found = (container.get("lastState") or {}).get("terminated") or (container.get("state") or {}).get("terminated")
    return found if isinstance(found, dict) and int(found.get("exitCode") or 0) != 0 else None


def owner(item: Json, kind: str) -> tuple[str, str] | None:
    """Return (name, uid) of the controller of this kind that owns an object."""
    for reference in item["metadata"].get("ownerReferences") or ():
        if reference.get("controller") and reference.get("kind") == kind:
            return str(reference["name"]), str(reference["uid"])
    return None
