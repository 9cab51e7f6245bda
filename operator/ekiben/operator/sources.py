"""The ways to the counters that the settings offer, and which one a rollout asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ekiben.api.rollout import EvidenceSource
from ekiben.cluster.api import Cluster
from ekiben.signals.gateway import GatewaySource, Proxy
from ekiben.signals.prometheus import Names, PrometheusSource
from ekiben.signals.prometheus_api import PrometheusApi, Server
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
            ValueError: the address of Prometheus, or a file of its, cannot be used.
        """
        self._settings = settings
        self._metrics = metrics
        # `auto` is direct in a cluster, where pod addresses lead somewhere.
        direct = settings.scrape == "direct" or (settings.scrape == "auto" and in_cluster)
        self._pods = Shared(DirectSource() if direct else ApiProxy(cluster))
        self.prometheus = _prometheus(settings)
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

    async def close(self) -> None:
        """Close what is shared."""
        await self._pods.end()
        if self.prometheus is not None:
            await self.prometheus.close()

    def _open(self, kind: EvidenceSource, world: Callable[[], World], revisions: Sequence[str]) -> Source:
        settings = self._settings
        if kind is EvidenceSource.PROMETHEUS:
            if self.prometheus is None:
                return Missing(f"the operator knows no Prometheus server: {_advice('PROMETHEUS_URL')}")
            names = Names(settings.prometheus_namespace_label, settings.prometheus_pod_label)
            return PrometheusSource(self.prometheus, settings.prometheus_interval, names)
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
