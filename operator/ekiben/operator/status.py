"""Writing the status: the whole of it, only when it changed, only over the version that was read."""

from __future__ import annotations

from typing import Any

from ekiben.api.status import Condition, Phase, Status
from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.rollout.times import text

Json = dict[str, Any]

_BLOCKED = "Degraded"


def dump(status: Status) -> Json:
    """Return the status as it stands in the resource."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


async def write(cluster: Cluster, raw: Json, before: Status, after: Status) -> bool:
    """Replace the status if it changed; returns whether it did.

    Raises:
        ConflictError: the resource has changed since it was read.
    """
    body = dump(after)
    if raw.get("status") and body == dump(before):
        return False
    await cluster.replace(kinds.MODEL_DEPLOYMENT, raw["metadata"]["namespace"], {**raw, "status": body}, "status")
    return True


def degraded(after: Status, before: Status, reason: str, message: str, generation: int, now: float) -> Status:
    """Return a status that says besides what cannot be carried out."""
    known = next((one for one in before.conditions if one.type == _BLOCKED), None)
    since = known.last_transition_time if known is not None else text(now)
    condition = Condition(
        type=_BLOCKED,
        status="True",
        reason=reason,
        message=message[:4096],
        last_transition_time=since,
        observed_generation=generation,
    )
    others = [one for one in after.conditions if one.type != _BLOCKED]
    return after.model_copy(update={"conditions": [*others, condition], "phase": Phase.DEGRADED})


def tells(before: Status, reason: str, message: str) -> bool:
    """Whether a status says already what cannot be carried out."""
    return any((one.type, one.reason, one.message) == (_BLOCKED, reason, message[:4096]) for one in before.conditions)


async def write_blocked(cluster: Cluster, raw: Json, reason: str, message: str, now: float) -> bool:
    """Set phase and condition Degraded beside what the status says already.

    It works on the raw status, so that a resource that cannot be read by this version is told so too.
    """
    status: Json = dict(raw.get("status") or {})
    conditions = [item for item in status.get("conditions") or [] if item.get("type") != _BLOCKED]
    before: Json = next((item for item in status.get("conditions") or [] if item.get("type") == _BLOCKED), {})
    condition = Condition(
        type=_BLOCKED,
        status="True",
        reason=reason,
        message=message[:4096],
        last_transition_time=str(before.get("lastTransitionTime") or text(now)),
        observed_generation=int(raw["metadata"].get("generation") or 1),
    ).model_dump(mode="json", by_alias=True)
    if before == condition and status.get("phase") == Phase.DEGRADED:
        return False
    status |= {"conditions": [*conditions, condition], "phase": Phase.DEGRADED.value}
    status.setdefault("observedGeneration", 0)
    await cluster.replace(kinds.MODEL_DEPLOYMENT, raw["metadata"]["namespace"], {**raw, "status": status}, "status")
    return True
