"""Requests that are really counted: pods' counters, for histories with the real collector and the real analysis."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ekiben.api.model import Runtime
from ekiben.api.rollout import EvidenceSource
from ekiben.cluster import kinds
from ekiben.objects.names import REVISION_LABEL
from ekiben.operator.world import World as Seen
from ekiben.signals.counters import MetricsError, PodCounters, Trouble
from ekiben.signals.source import Readings, ScrapeTarget, Source

from .workloads import is_ready

if TYPE_CHECKING:
    from .world import World

_RATE = 200.0
_ERRORS = {"good": 0.002, "unsure": 0.012, "bad": 0.2}
_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0)
_TIMES = (0.02, 0.03, 0.04, 0.07, 0.2)
"""Seconds that answers take, in turn."""


@dataclass
class _Pod:
    requests: int = 0
    errors: int = 0
    hist: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    in_flight: int = 0
    owed: float = 0.0


class Counters:
    """A source for every rollout: the requests of a steady load, shared out as the gateway does."""

    interval = 0.0
    drains = True
    pooled = False

    def __init__(self, world: World) -> None:
        self._world = world
        self._pods: dict[str, _Pod] = {}
        self._until = world.now
        self.served: Counter[str] = Counter()
        """Revision -> requests that it has answered."""

    async def read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        """Return what each pod has counted."""
        self._serve()
        if not self._world.senses.counters:
            return {target.uid: MetricsError(Trouble.TIMEOUT, "no answer") for target in targets}
        return {target.uid: self._counters(target.uid) for target in targets}

    def histograms(self, _runtime: Runtime) -> bool:
        """Latency is known."""
        return True

    def open(self, _wanted: EvidenceSource, _world: Callable[[], Seen], _revisions: Sequence[str]) -> Source:
        """Return itself: it is a way to all pods."""
        return self

    def query(self, _name: str) -> None:
        """Nobody has defined a business metric."""

    async def close(self) -> None:
        """There is nothing to close."""

    def _counters(self, uid: str) -> PodCounters:
        pod = self._pods.get(uid, _Pod())
        hist = tuple(pod.hist) if any(pod.hist) else ()
        return PodCounters(pod.requests, pod.errors, hist, _BOUNDS if hist else (), pod.in_flight)

    def _serve(self) -> None:
        """Hand out the requests that have come since the last time."""
        passed, self._until = self._world.now - self._until, self._world.now
        if passed <= 0:
            return
        exposed = self._world.exposed() if self._world.senses.traffic else {}
        pods = [
            pod
            for pod in self._world.server.all(kinds.POD)
            if is_ready(pod) and pod["metadata"].get("deletionTimestamp") is None
        ]
        for pod in pods:
            revision = pod["metadata"]["labels"][REVISION_LABEL]
            peers = sum(one["metadata"]["labels"][REVISION_LABEL] == revision for one in pods)
            share = exposed.get(f"{self._world.name}-{revision}", 0) / 100
            image = pod["spec"]["containers"][0]["image"]
            self._answer(pod["metadata"]["uid"], revision, image, _RATE * share * passed / peers)

    def _answer(self, uid: str, revision: str, image: str, amount: float) -> None:
        pod, verdict = self._pods.setdefault(uid, _Pod()), self._world.nature(image).verdict
        pod.owed += amount
        count = int(pod.owed)
        pod.owed -= count
        if verdict == "hung":
            pod.in_flight = 5 if count or pod.in_flight else 0
            return
        errors = sum(self._world.rng.random() < _ERRORS[verdict] for _ in range(count))
        pod.in_flight = 0
        pod.requests += count
        pod.errors += errors
        self.served[revision] += count
        for number in range(count - errors):
            pod.hist[bisect_left(_BOUNDS, _TIMES[(pod.requests + number) % len(_TIMES)])] += 1
