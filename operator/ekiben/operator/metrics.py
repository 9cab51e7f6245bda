"""What the operator tells Prometheus about itself. The names are documented in docs/operations.md."""

from __future__ import annotations

from collections import Counter as Count
from contextlib import suppress

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest

from ekiben.api.status import Phase, Status

from .queue import Key
from .scale.series import ScalingSeries

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """All series of one operator."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the age of a counter is nobody's question, and doubles the series
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        own = self.registry
        self.reconciles = Counter("ekiben_reconcile", "Looks at a resource, by result.", ["result"], registry=own)
        self.reconcile_seconds = Histogram(
            "ekiben_reconcile_seconds", "Duration of a look at a resource.", buckets=_SECONDS, registry=own
        )
        self.queue_depth = Gauge("ekiben_queue_depth", "Resources that wait for a worker.", registry=own)
        self.queue_oldest = Gauge(
            "ekiben_queue_oldest_seconds", "How long the longest-waiting resource has waited.", registry=own
        )
        self.leader = Gauge("ekiben_leader", "1 while this process holds the lease.", registry=own)
        self.rollouts = Gauge("ekiben_rollouts", "Resources by phase.", ["phase"], registry=own)
        self.outcomes = Counter(
            "ekiben_rollout_outcomes", "Rollouts that have ended.", ["outcome", "reason"], registry=own
        )
        self.weight = Gauge(
            "ekiben_canary_weight", "Per cent of requests asked for the canary.", ["namespace", "name"], registry=own
        )
        self.evidence = Gauge(
            "ekiben_evidence",
            "Evidence that the canary is worse (regressed) or not worse (not_worse); 1 and more decides.",
            ["namespace", "name", "metric", "says"],
            registry=own,
        )
        self.writes = Counter("ekiben_writes", "Objects written, by kind of action.", ["action"], registry=own)
        self.scrapes = Counter("ekiben_scrapes", "Looks at pods' counters.", registry=own)
        self.scrape_failures = Counter("ekiben_scrape_failures", "Pods whose counters could not be read.", registry=own)
        self.api_requests = Counter(
            "ekiben_api_requests",
            "Requests to the API server; code 0 where no answer came.",
            ["verb", "kind", "code"],
            registry=own,
        )
        self.scaling = ScalingSeries(own)
        self._phases: dict[Key, Phase] = {}
        self._evidence: dict[Key, set[str]] = {}

    def count_request(self, verb: str, kind: str, code: int) -> None:
        """Count one request to the API server."""
        self.api_requests.labels(verb, kind, str(code)).inc()

    def tell(self, key: Key, status: Status) -> None:
        """Show a resource's status."""
        self._note_phase(key, status.phase)
        self.weight.labels(*key).set(status.canary.weight if status.canary else 0)
        self.scaling.tell(key, status)
        metrics = status.verdict.metrics if status.verdict and status.rollout else []
        for metric in metrics:
            self.evidence.labels(*key, metric.name, "regressed").set(metric.regressed)
            self.evidence.labels(*key, metric.name, "not_worse").set(metric.not_worse)
        names = {metric.name for metric in metrics}
        self._drop_evidence(key, self._evidence.get(key, set()) - names)
        self._evidence[key] = names

    def blocked(self, key: Key) -> None:
        """Show a resource that cannot be carried out."""
        self._note_phase(key, Phase.DEGRADED)

    def forget(self, key: Key) -> None:
        """Remove the series of a resource that is gone."""
        self._drop_evidence(key, self._evidence.pop(key, set()))
        self.scaling.forget(key)
        if self._phases.pop(key, None) is not None:
            with suppress(KeyError):  # blocked from the beginning
                self.weight.remove(*key)
        self._count_phases()

    def exposition(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)

    def _drop_evidence(self, key: Key, names: set[str]) -> None:
        for name in names:
            self.evidence.remove(*key, name, "regressed")
            self.evidence.remove(*key, name, "not_worse")

    def _note_phase(self, key: Key, phase: Phase) -> None:
        if self._phases.get(key) is not phase:
            self._phases[key] = phase
            self._count_phases()

    def _count_phases(self) -> None:
        counts = Count(self._phases.values())
        for phase in Phase:
            self.rollouts.labels(phase.value).set(counts.get(phase, 0))
