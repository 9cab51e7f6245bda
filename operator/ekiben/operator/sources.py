"""The ways to the counters that the settings ask for."""

from __future__ import annotations

from collections.abc import Sequence

from kubernetes.aio.client.api_client import ApiClient

from ekiben.api.model import Runtime
from ekiben.cluster.api import Cluster
from ekiben.signals.counters import MetricsError
from ekiben.signals.dialects import has_histogram
from ekiben.signals.proxy import ProxySource
from ekiben.signals.scrape import DirectSource
from ekiben.signals.source import Readings, ScrapeTarget, Source

from .metrics import Metrics


def pods_source(scrape: str, cluster: Cluster, metrics: Metrics, *, in_cluster: bool) -> Source:
    """Return the way to the pods: direct or proxy; `auto` is direct in a cluster, where pod addresses lead anywhere."""
    direct = scrape == "direct" or (scrape == "auto" and in_cluster)
    return Counted(DirectSource() if direct else ApiProxy(cluster), metrics)


class Counted:
    """Counts what a source does."""

    def __init__(self, inner: Source, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics
        self.interval = inner.interval
        self.drains = inner.drains

    @property
    def pooled(self) -> bool:
        """What the source says."""
        return self._inner.pooled

    async def read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        """Return what the source says."""
        answers = await self._inner.read(targets, timeout)
        self._metrics.scrapes.inc()
        self._metrics.scrape_failures.inc(sum(isinstance(answer, MetricsError) for answer in answers.values()))
        return answers

    def histograms(self, runtime: Runtime) -> bool:
        """Return what the source says."""
        return self._inner.histograms(runtime)

    async def close(self) -> None:
        """Close the connections."""
        await self._inner.close()


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
