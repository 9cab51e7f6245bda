"""What Prometheus is told of scaling."""

from __future__ import annotations

from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge

from ekiben.operator.queue import Key
from ekiben.rollout.observation import Measured

_ROLES = ("stable", "canary")


class ScalingSeries:
    """Load, capacity and decisions."""

    def __init__(self, own: CollectorRegistry) -> None:
        labels = ["namespace", "name", "role"]
        self._decisions = Counter(
            "ekiben_scaling_decisions", "Decisions that change replicas.", ["direction", "reason"], registry=own
        )
        self._gauges = (
            Gauge("ekiben_scaling_desired_replicas", "Replicas that the load asks for.", labels, registry=own),
            Gauge("ekiben_scaling_load", "Load in the unit of the leading metric.", labels, registry=own),
            Gauge("ekiben_scaling_capacity", "What one replica is given, in the same unit.", labels, registry=own),
        )

    def decided(self, by: int, reason: str) -> None:
        """Count one decision that adds so many replicas."""
        self._decisions.labels("up" if by > 0 else "down", reason).inc()

    def show(self, key: Key, role: str, seen: Measured | None) -> None:
        """Show what is known of one revision; None where it does not exist."""
        values = (seen.wanted, seen.load, seen.capacity) if seen is not None else (None, None, None)
        for gauge, value in zip(self._gauges, values, strict=True):
            if value is None:
                with suppress(KeyError):
                    gauge.remove(*key, role)
            else:
                gauge.labels(*key, role).set(value)

    def forget(self, key: Key) -> None:
        """Remove the series of a resource."""
        for role in _ROLES:
            self.show(key, role, None)
