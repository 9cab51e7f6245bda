"""What Prometheus is told of scaling."""

from __future__ import annotations

from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge

from ekiben.api.status import RevisionScaling, Status
from ekiben.operator.queue import Key
from ekiben.rollout.observation import Measured

from .moves import Move, roles

_ROLES = ("stable", "canary")
_LABELS = ["namespace", "name", "role"]


class ScalingSeries:
    """Replicas, who owns them, load, capacity, and each change."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._decisions = Counter(
            "ekiben_scaling_decisions",
            "Changes of the replicas of a revision, whoever made them.",
            [*_LABELS, "direction", "reason"],
            registry=own,
        )
        self._owner = Gauge(
            "ekiben_scaling_owner", "1 for whoever owns the replicas.", [*_LABELS, "writer"], registry=own
        )
        self._replicas = (
            Gauge("ekiben_scaling_desired_replicas", "Replicas that are wanted.", _LABELS, registry=own),
            Gauge("ekiben_scaling_ready_replicas", "Replicas that answer.", _LABELS, registry=own),
        )
        self._loads = (
            Gauge("ekiben_scaling_load", "Load in the unit of the leading metric.", _LABELS, registry=own),
            Gauge("ekiben_scaling_capacity", "What one replica is given, in the same unit.", _LABELS, registry=own),
        )
        self._counted: dict[Key, set[tuple[str, str, str]]] = {}
        self._owners: dict[tuple[Key, str], str] = {}

    def moved(self, key: Key, move: Move) -> None:
        """Count one change."""
        labels = (move.role, "up" if move.after > move.before else "down", move.reason)
        self._counted.setdefault(key, set()).add(labels)
        self._decisions.labels(*key, *labels).inc()

    def tell(self, key: Key, status: Status) -> None:
        """Show how many replicas there are, and whose."""
        named = {role: revision for revision, role in roles(status).items()}
        known = {one.revision: one for one in status.scaling.revisions} if status.scaling is not None else {}
        for role in _ROLES:
            self._tell(key, role, known.get(named.get(role, "")))

    def show(self, key: Key, role: str, seen: Measured | None) -> None:
        """Show the load of one revision; None where it does not exist."""
        values = (seen.load, seen.capacity) if seen is not None else (None, None)
        for gauge, value in zip(self._loads, values, strict=True):
            _set(gauge, (*key, role), value)

    def forget(self, key: Key) -> None:
        """Remove the series of a resource."""
        for role in _ROLES:
            self.show(key, role, None)
            self._tell(key, role, None)
        for labels in self._counted.pop(key, set()):
            self._decisions.remove(*key, *labels)

    def _tell(self, key: Key, role: str, one: RevisionScaling | None) -> None:
        for gauge, value in zip(self._replicas, (one.desired, one.ready) if one else (None, None), strict=True):
            _set(gauge, (*key, role), value)
        before, now = self._owners.pop((key, role), None), one.writer if one is not None else None
        if before is not None and before != now:
            self._owner.remove(*key, role, before)
        if now is not None:
            self._owners[key, role] = now
            self._owner.labels(*key, role, now).set(1)


def _set(gauge: Gauge, labels: tuple[str, ...], value: float | None) -> None:
    if value is not None:
        gauge.labels(*labels).set(value)
        return
    with suppress(KeyError):
        gauge.remove(*labels)
