"""The ways to the counters that the settings offer, and which one a rollout asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ekiben.api.rollout import EvidenceSource
from ekiben.cluster.api import Cluster
from ekiben.signals.gateway import GatewaySource, Proxy
from ekiben.signals.prometheus import Names, PrometheusSource
from ekiben.signals.prometheus_api import PrometheusApi, Server
from ekiben.signals.queries import Query, load
from ekiben.signals.query_reader import QueryReader
from ekiben.signals.scrape import DirectSource
from ekiben.signals.source import Source

from .metrics import Metrics
from .routing import ProxyFinder, gateways, routing
from .settings import Settings
from .source_kinds import ApiProxy, Counted, Missing, Shared
from .world import World


class Sources:
    """Opens a source for each rollout; what can be shared is."""

    def __init__(self, settings: Settings, cluster: Cluster, metrics: Metrics, *, in_cluster: bool) -> None:
        """Prepare.

        Raises:
            ValueError, OSError: the address of Prometheus, a file of its, or the queries cannot be used.
        """
        self._settings = settings
        self._metrics = metrics
        # `auto` is direct in a cluster, where pod addresses lead somewhere.
        direct = settings.scrape == "direct" or (settings.scrape == "auto" and in_cluster)
        self._pods = Shared(DirectSource() if direct else ApiProxy(cluster))
        self._prometheus = _prometheus(settings)
        self._names = Names(settings.prometheus_namespace_label, settings.prometheus_pod_label)
        self._queries = load(Path(settings.queries_file)) if settings.queries_file else {}
        self._proxies = ProxyFinder(cluster, settings) if settings.gateway_proxy_namespace else None

    def open(self, wanted: EvidenceSource, world: Callable[[], World], revisions: Sequence[str]) -> Source:
        """Return a source for one rollout, which closes it.

        Args:
            wanted: which one.
            world: the resource as it was read last.
            revisions: the two that are compared.
        """
        kind = EvidenceSource(self._settings.evidence_source) if wanted is EvidenceSource.AUTO else wanted
        return Counted(self._open(kind, world, revisions), self._metrics)

    @property
    def pods(self) -> Source:
        """Asks the pods themselves; scaling cannot wait for what another keeps."""
        return Counted(self._pods, self._metrics)

    def query(self, name: str) -> tuple[QueryReader, Query] | None:
        """Return what reads a business metric, anew for each rollout; None where nobody has defined it."""
        query = self._queries.get(name)
        if query is None or self._prometheus is None:
            return None
        return QueryReader(self._prometheus, query, self._settings.prometheus_interval, self._names), query

    async def close(self) -> None:
        """Close what is shared."""
        await self._pods.end()
        if self._prometheus is not None:
            await self._prometheus.close()

    def _open(self, kind: EvidenceSource, world: Callable[[], World], revisions: Sequence[str]) -> Source:
        settings = self._settings
        if kind is EvidenceSource.PROMETHEUS:
            if self._prometheus is None:
                return Missing(f"the operator knows no Prometheus server: {_advice('PROMETHEUS_URL')}")
            return PrometheusSource(self._prometheus, settings.prometheus_interval, self._names)
        if kind is EvidenceSource.GATEWAY:
            proxies = self._proxies
            if proxies is None:
                where = _advice("GATEWAY_PROXY_NAMESPACE")
                return Missing(f"the operator does not know where the gateway's proxies run: {where}")

            async def found() -> Sequence[Proxy]:
                return await proxies.find(gateways(world()))

            return GatewaySource(
                found,
                lambda: routing(world(), revisions, settings.gateway_cluster),
                settings.gateway_proxy_port,
                settings.gateway_proxy_path,
            )
        return self._pods


def _prometheus(settings: Settings) -> PrometheusApi | None:
    if not settings.prometheus_url:
        return None
    server = Server(settings.prometheus_url, settings.prometheus_token_file, settings.prometheus_ca_file)
    return PrometheusApi(server)


def _advice(setting: str) -> str:
    return f"have its setting EKIBEN_{setting} set, or write spec.rollout.analysis.source: pods"
