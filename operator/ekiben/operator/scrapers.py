"""The way to the pods' counters that the settings ask for."""

from __future__ import annotations

from collections.abc import Sequence

from kubernetes.aio.client.api_client import ApiClient

from ekiben.cluster.api import Cluster
from ekiben.signals.counters import MetricsError
from ekiben.signals.proxy import ProxyScraper
from ekiben.signals.scrape import DirectScraper, Scraped, Scraper, ScrapeTarget

from .metrics import Metrics


def scraper_of(scrape: str, cluster: Cluster, metrics: Metrics, *, in_cluster: bool) -> Scraper:
    """Return the scraper: direct or proxy; `auto` is direct in a cluster, where pod addresses lead somewhere."""
    direct = scrape == "direct" or (scrape == "auto" and in_cluster)
    return Counted(DirectScraper() if direct else ApiProxy(cluster), metrics)


class Counted:
    """Counts what a scraper does."""

    def __init__(self, inner: Scraper, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics

    async def scrape(self, targets: Sequence[ScrapeTarget], timeout: float) -> Scraped:  # noqa: ASYNC109
        """Return what the scraper says."""
        answers = await self._inner.scrape(targets, timeout)
        self._metrics.scrapes.inc()
        self._metrics.scrape_failures.inc(sum(isinstance(answer, MetricsError) for answer in answers.values()))
        return answers

    async def close(self) -> None:
        """Close the connections."""
        await self._inner.close()


class ApiProxy:
    """Reads through the API server with the credentials that the cluster's gateway uses at the time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._client: ApiClient | None = None
        self._inner: ProxyScraper | None = None

    async def scrape(self, targets: Sequence[ScrapeTarget], timeout: float) -> Scraped:  # noqa: ASYNC109
        """Return pod uid -> its counters, or why they are not known."""
        if self._inner is None or self._client is not self._cluster.client:
            await self.close()
            self._client = self._cluster.client
            self._inner = ProxyScraper(self._client)
        return await self._inner.scrape(targets, timeout)

    async def close(self) -> None:
        """Close the connections."""
        if self._inner is not None:
            await self._inner.close()
            self._inner = None
