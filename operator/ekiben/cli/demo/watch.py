"""What the demo sees of the rollout: the resource and the route, looked at a few times a second."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import UnavailableError
from ekiben.cluster.kinds import HTTP_ROUTE, MODEL_DEPLOYMENT
from ekiben.objects import httproute

_EVERY = 0.2


@dataclass(frozen=True)
class Sight:
    """The rollout at one moment."""

    at: float
    """Seconds on the event loop's clock."""
    phase: str = ""
    weights: dict[str, int] = field(default_factory=dict)
    """Revision -> per cent of the requests, as the route says."""
    status: dict[str, Any] = field(default_factory=dict)
    generation: int = 0

    def condition(self, name: str) -> tuple[str, str, str]:
        """Return status, reason and message of a condition, if it speaks of the present generation."""
        for one in self.status.get("conditions", ()):
            if one["type"] == name and one.get("observedGeneration") == self.generation:
                return one["status"], one["reason"], one["message"]
        return "Unknown", "", ""

    @property
    def canary_weight(self) -> int:
        """Per cent of the requests that go to the canary."""
        canary = (self.status.get("canary") or {}).get("revision")
        return self.weights.get(canary, 0) if canary else 0


class Watch:
    """Looks at one ModelDeployment and keeps every change that it saw."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        self._cluster, self._namespace, self._name = cluster, namespace, name
        self.changes: list[Sight] = []

    @property
    def now(self) -> Sight:
        """The latest sight."""
        return self.changes[-1] if self.changes else Sight(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY)

    async def look(self) -> Sight:
        """Look once."""
        try:
            resource = await self._cluster.find(MODEL_DEPLOYMENT, self._namespace, self._name) or {}
            route = await self._cluster.find(HTTP_ROUTE, self._namespace, self._name) or {}
        except UnavailableError:
            return self.now
        status = resource.get("status", {})
        sight = Sight(
            at=asyncio.get_running_loop().time(),
            phase=status.get("phase", ""),
            weights=_weights(route, self._name),
            status=status,
            generation=resource.get("metadata", {}).get("generation", 0),
        )
        before = self.changes[-1] if self.changes else None
        if before is None or (before.status, before.weights, before.generation) != (
            sight.status,
            sight.weights,
            sight.generation,
        ):
            self.changes.append(sight)
        return sight


def _weights(route: dict[str, Any], name: str) -> dict[str, int]:
    place = httproute.main_rule(route)
    backends = route["spec"]["rules"][place].get("backendRefs", []) if place >= 0 else []
    return {backend["name"].removeprefix(f"{name}-"): backend.get("weight", 1) for backend in backends}
