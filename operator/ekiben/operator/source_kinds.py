"""Sources that stand before others: one that counts, one that is shared, one through the API server, and none."""

from __future__ import annotations

from collections.abc import Sequence

from kubernetes.aio.client.api_client import ApiClient

from ekiben.api.model import Runtime
from ekiben.cluster.api import Cluster
from ekiben.signals.counters import MetricsError, Trouble
from ekiben.signals.dialects import has_histogram
from ekiben.signals.proxy import ProxySource
from ekiben.signals.source import Readings, ScrapeTarget, Source

from .metrics import Metrics


class Before:
    """Says what the source behind it says."""

    def __init__(self, inner: Source) -> None:
        self._inner = inner

    @property
    def interval(self) -> float:
        """What the source says."""
        return self._inner.interval

    @property
    def drains(self) -> bool:
        """What the source says."""
        return self._inner.drains

    @property
    def pooled(self) -> bool:
        """What the source says."""
        return self._inner.pooled

    async def read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        """Return what the source says."""
        return await self._inner.read(targets, timeout)

    def histograms(self, runtime: Runtime) -> bool:
        """Return what the source says."""
        return self._inner.histograms(runtime)

    async def close(self) -> None:
        """Close the connections."""
        await self._inner.close()


class Counted(Before):
    """Counts what a source does."""

    def __init__(self, inner: Source, metrics: Metrics) -> None:
        super().__init__(inner)
        self._metrics = metrics

    async def read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        """Return what the source says."""
        answers = await super().read(targets, timeout)
        self._metrics.scrapes.inc()
        self._metrics.scrape_failures.inc(sum(isinstance(answer, MetricsError) for answer in answers.values()))
        return answers


class Shared(Before):
    """A source that all rollouts use at once: it stays open when one of them ends."""

    async def close(self) -> None:
        """Nothing: others use it."""

    async def end(self) -> None:
        """Close the connections."""
        await self._inner.close()


class Missing:
    """A source that the settings do not offer: the rollout holds, and says what to do."""

    interval = 0.0
    drains = False
    pooled = False

    def __init__(self, why: str) -> None:
        self._why = MetricsError(Trouble.SOURCE_DOWN, why)

    async def read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        """Return why nothing is known."""
        return {target.uid: self._why for target in targets}

    def histograms(self, runtime: Runtime) -> bool:
        """Return that nothing is known."""
        return False

    async def close(self) -> None:
        """There is nothing to close."""


class ApiProxy:
    """Reads through the API server with the credentials that the cluster's gateway uses at the time."""

    interval = 0.0
    drains = True
    pooled = False

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._client: ApiClient | None = None
        self._inner: ProxySource | None = None

    async def read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        """Return pod uid -> its counters, or why they are not known."""
        if self._inner is None or self._client is not self._cluster.client:
            await self.close()
            self._client = self._cluster.client
            self._inner = ProxySource(self._client)
        return await self._inner.read(targets, timeout)

    def histograms(self, runtime: Runtime) -> bool:
        """Whether the runtime exports a latency histogram."""
        return has_histogram(runtime)

    async def close(self) -> None:
        """Close the connections."""
        if self._inner is not None:
            await self._inner.close()
            self._inner = None
