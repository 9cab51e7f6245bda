"""What has happened to the requests of each model: for Prometheus, and for the operator as JSON."""

from __future__ import annotations

from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import generate_latest

from .queue import Queue

_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)
_MODEL = ("namespace", "name")


class Figures:
    """All series of one activator."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        disable_created_metrics()  # type: ignore[no-untyped-call]
        own = self.registry
        ProcessCollector(registry=own)
        self.waiting = Gauge("ekiben_activator_waiting", "Requests that are held now.", _MODEL, registry=own)
        self.on_the_way = Gauge(
            "ekiben_activator_on_the_way",
            "Requests that were handed on and are not answered.",
            _MODEL,
            registry=own,
        )
        self.requests = Counter("ekiben_activator_requests", "Requests that came.", _MODEL, registry=own)
        self.forwarded = Counter(
            "ekiben_activator_forwarded", "Requests that were handed on to a pod.", _MODEL, registry=own
        )
        self.refused = Counter(
            "ekiben_activator_refused",
            "Requests that the activator answered itself, by reason.",
            [*_MODEL, "reason"],
            registry=own,
        )
        self.left = Counter(
            "ekiben_activator_left", "Requests whose caller went away before the answer.", _MODEL, registry=own
        )
        self.waited = Histogram(
            "ekiben_activator_wait_seconds",
            "Time until a request was handed on.",
            _MODEL,
            buckets=_SECONDS,
            registry=own,
        )
        self._reasons: dict[tuple[str, str], set[str]] = {}

    def refuse(self, model: tuple[str, str], reason: str) -> None:
        """Count a request that the activator answered itself."""
        self._reasons.setdefault(model, set()).add(reason)
        self.refused.labels(*model, reason).inc()

    def forget(self, model: tuple[str, str]) -> None:
        """Remove the series of a model that is gone."""
        for metric in (self.waiting, self.on_the_way, self.requests, self.forwarded, self.left, self.waited):
            with suppress(KeyError):
                metric.remove(*model)
        for reason in self._reasons.pop(model, ()):
            self.refused.remove(*model, reason)

    def exposition(self, queues: dict[str, Queue]) -> bytes:
        """Return the text that Prometheus reads."""
        for queue in queues.values():
            model = (queue.entry.namespace, queue.entry.name)
            self.waiting.labels(*model).set(queue.waiting)
            self.on_the_way.labels(*model).set(queue.on_the_way)
        return generate_latest(self.registry)


def page(queues: dict[str, Queue], *, instance: str, ready: bool) -> dict[str, object]:
    """Return what the operator asks for each second."""
    return {
        "instance": instance,
        "ready": ready,
        "models": {
            key: {
                "uid": queue.entry.uid,
                "port": queue.entry.port,
                "pods": len(queue.entry.pods),
                "waiting": queue.waiting,
                "onTheWay": queue.on_the_way,
                "arrived": queue.arrived,
                "forwarded": queue.forwarded,
                "longestWait": round(queue.longest_wait(), 3),
            }
            for key, queue in queues.items()
        },
    }
