"""Counters of revisions from a gateway's own proxies: Envoy's statistics.

They count exactly the requests that the route's weights have split, each at random: no caller of the in-cluster
Service, no tester, no probe. A proxy counts by cluster of upstreams, and by endpoint within where it was told to:

- Envoy Gateway puts all backends of a rule into one cluster. By endpoint (EnvoyProxy
  telemetry.metrics.enablePerEndpointStats) there are the answers, 5xx failures and requests in flight of each pod, and
  no latency.
- Where each revision has a cluster of its own there are statuses and latencies as well, of the revision as a whole.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from yarl import URL

from ekiben.api.model import Runtime

from . import envoy
from .accumulate import plus
from .counters import MetricsError, PodCounters, Trouble
from .http import Asker
from .proxy_sums import ProxySums
from .scrape import checked
from .source import Readings, ScrapeTarget, outcome

_MAX_BODY = 4 * 1024 * 1024
_AT_ONCE = 32
# Envoy Gateway gives each backend of a rule a cluster of its own where they have filters of their own.
_ONE_BACKEND = re.compile(r"/backend/[0-9]+$")


@dataclass(frozen=True)
class Proxy:
    """One running proxy of a gateway."""

    uid: str
    name: str
    ip: str


@dataclass(frozen=True)
class Routing:
    """What the proxies call the upstreams of a resource."""

    gateway: str
    """The Gateway, for messages."""
    rules: tuple[str, ...] = ()
    """Clusters that the weights split requests over, or the beginnings of such clusters' names."""
    services: Mapping[str, str] = field(default_factory=dict)
    """Revision -> the cluster of its Service, where the proxies have one for each Service."""

    @property
    def clusters(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.rules, *self.services.values())


class GatewaySource:
    """Asks all proxies of the gateway, and adds up what they counted for one resource."""

    interval = 0.0
    drains = False  # callers of the in-cluster Service are not seen

    def __init__(
        self,
        proxies: Callable[[], Awaitable[Sequence[Proxy]]],
        routing: Callable[[], Routing],
        port: int = 19001,
        path: str = "/stats/prometheus",
        *,
        loopback: bool = False,
    ) -> None:
        """Prepare.

        Args:
            proxies: finds the proxies that run now.
            routing: tells what they call the resource's upstreams now.
            port: of their statistics.
            path: of their statistics.
            loopback: ask 127.0.0.0/8 and ::1 too, where no proxy of a cluster is.
        """
        self.pooled = False
        self._find, self._routing = proxies, routing
        self._port, self._path, self._loopback = port, path, loopback
        self._http = Asker(at_once=_AT_ONCE, per_host=1, max_body=_MAX_BODY)
        self._sums = ProxySums()

    async def read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        """Return pod uid -> what the proxies counted for it, or why that is not known.

        Where they count by revision (`pooled`), the counters of a revision stand at one of its pods.
        """
        try:
            return await self._read(targets, timeout)
        except MetricsError as error:
            return {target.uid: error for target in targets}

    def histograms(self, runtime: Runtime) -> bool:
        """Whether latencies are known, as far as the last reading tells."""
        return self.pooled

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        routing = self._routing()
        proxies = await outcome(self._find(), timeout, f"the list of the proxies of the Gateway {routing.gateway}")
        if isinstance(proxies, MetricsError):
            raise proxies
        if not proxies:
            message = f"no proxy of the Gateway {routing.gateway} runs where the operator's settings look for them"
            raise MetricsError(Trouble.SOURCE_DOWN, message)
        asked = (outcome(self._ask(one, routing), timeout, f"proxy {one.name}") for one in proxies)
        answers = dict(zip((proxy.uid for proxy in proxies), await asyncio.gather(*asked), strict=True))
        dumps = {uid: one for uid, one in answers.items() if isinstance(one, envoy.Dump)}
        if not dumps:
            raise next(one for one in answers.values() if isinstance(one, MetricsError))
        if not any(dump.clusters or dump.endpoints for dump in dumps.values()):
            message = f"the proxies of the Gateway {routing.gateway} have no upstream for the route's weights"
            raise MetricsError(Trouble.NOT_ROUTED, message)
        own = _own_clusters(targets, routing, dumps.values())
        self.pooled = own is not None
        if own is not None:
            return self._by_revision(targets, own, dumps, answers)
        return self._by_endpoint(targets, dumps, answers)

    async def _ask(self, proxy: Proxy, routing: Routing) -> envoy.Dump:
        ip = checked(proxy.ip, f"proxy {proxy.name}", loopback=self._loopback)
        query = {"filter": envoy.stat_filter(routing.clusters)}
        url = URL.build(scheme="http", host=ip, port=self._port, path=self._path, query=query)
        return envoy.read(await self._http.ask("GET", url, f"proxy {proxy.name}"))

    def _by_revision(
        self,
        targets: Sequence[ScrapeTarget],
        own: Mapping[str, str],
        dumps: Mapping[str, envoy.Dump],
        answers: Mapping[str, object],
    ) -> Readings:
        counted = {
            uid: {cluster: dump.clusters[cluster] for cluster in own.values() if cluster in dump.clusters}
            for uid, dump in dumps.items()
        }
        self._sums.take(counted, answers)
        found: dict[str, PodCounters | MetricsError] = {}
        for revision in {target.revision for target in targets}:
            first = min((target for target in targets if target.revision == revision), key=lambda pod: pod.uid)
            total = self._sums.total(own[revision]) if revision in own else None
            found[first.uid] = total or _absent(f"revision {revision}")
        return found

    def _by_endpoint(
        self, targets: Sequence[ScrapeTarget], dumps: Mapping[str, envoy.Dump], answers: Mapping[str, object]
    ) -> Readings:
        if not any(dump.endpoints for dump in dumps.values()):
            raise MetricsError(
                Trouble.NOT_ROUTED,
                "the gateway's proxies count all revisions together: have its administrator set "
                "telemetry.metrics.enablePerEndpointStats in the EnvoyProxy, or choose another source",
            )
        counted: dict[str, dict[str, PodCounters]] = {}
        for uid, dump in dumps.items():
            mine = counted.setdefault(uid, {})
            for (_, address), counters in dump.endpoints.items():
                mine[address] = plus(mine.get(address, PodCounters()), counters)
        self._sums.take(counted, answers)
        return {target.uid: self._sums.total(_address(target)) or _absent(f"pod {target.name}") for target in targets}


def _own_clusters(
    targets: Sequence[ScrapeTarget], routing: Routing, dumps: Iterable[envoy.Dump]
) -> dict[str, str] | None:
    """Return revision -> the cluster that is its alone; None where the clusters hold several revisions."""
    if routing.services:
        return dict(routing.services)
    revisions = {_address(target): target.revision for target in targets}
    members: dict[str, set[str]] = {}
    for dump in dumps:
        for cluster, address in dump.endpoints:
            if _ONE_BACKEND.search(cluster):
                members.setdefault(cluster, set()).add(revisions.get(address, ""))
    if not members:
        return None
    return {next(iter(found)): cluster for cluster, found in sorted(members.items()) if len(found) == 1}


def _address(target: ScrapeTarget) -> str:
    host = f"[{target.ip}]" if ":" in target.ip else target.ip
    return f"{host}:{target.serving_port or target.port}"


def _absent(what: str) -> MetricsError:
    return MetricsError(Trouble.UNKNOWN, f"no proxy of the gateway has {what} as an upstream")
