"""What the API server shows of the revisions that the scaler follows."""

from __future__ import annotations

from datetime import datetime

from ekiben.objects.names import child_name
from ekiben.operator.pods import still_runs
from ekiben.operator.world import Json, World

from .arm import Seen

LEAVING = "leaving"


def roles(world: World) -> dict[str, str]:
    """Return revision -> stable, canary or leaving, the stable one first.

    What leaves is not scaled any more; but what it still carries, the stable one is about to.
    """
    status = world.resource.status
    found = {status.stable.revision: "stable"} if status.stable is not None else {}
    leaving = status.rollout is not None and status.rollout.state in ("RollingBack", "Restoring")
    if status.canary is not None:
        found.setdefault(status.canary.revision, LEAVING if leaving and found else "canary")
    return found


def pods(world: World, revision: str) -> list[Seen]:
    """Return the pods of a revision that exist and are not going."""
    ready = world.endpoints.get(child_name(world.name, revision), frozenset())
    return [
        Seen(str(meta.get("uid", "")), meta["name"] in ready, _started_in(pod))
        for pod in world.pods.get(revision, ())
        if still_runs(pod) and (meta := pod["metadata"]).get("deletionTimestamp") is None
    ]


def _started_in(pod: Json) -> float | None:
    """Return the seconds from a pod's creation to its readiness; None where a restart lies between the two."""
    status = pod.get("status") or {}
    if any(int(one.get("restartCount") or 0) for one in status.get("containerStatuses") or ()):
        return None
    ready: Json = next((one for one in status.get("conditions") or () if one.get("type") == "Ready"), {})
    created, since = pod["metadata"].get("creationTimestamp"), ready.get("lastTransitionTime")
    if ready.get("status") != "True" or not created or not since:
        return None
    return max(0.0, (datetime.fromisoformat(since) - datetime.fromisoformat(created)).total_seconds())
