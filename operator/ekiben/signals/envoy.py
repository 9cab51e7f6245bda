"""What Envoy calls its statistics of upstreams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .counters import PodCounters
from .dialects import Dialect, Family, Outcome, Role
from .page import Reader
from .promql import literal
from .tally import tally_each

_CLUSTER, _ADDRESS = "envoy_cluster_name", "envoy_endpoint_address"
_ENDPOINTS = Reader(
    Dialect(
        {
            "envoy_cluster_endpoint_rq_success": Family(Role.REQUESTS),
            "envoy_cluster_endpoint_rq_error": Family(Role.REQUESTS, outcome=Outcome.FAILED),
            "envoy_cluster_endpoint_rq_active": Family(Role.IN_FLIGHT),
        },
        bundle=_CLUSTER,
        service=_ADDRESS,
    )
)
_CLUSTERS = Reader(
    Dialect(
        {
            "envoy_cluster_upstream_rq": Family(Role.REQUESTS, ("envoy_response_code",)),
            "envoy_cluster_upstream_rq_active": Family(Role.IN_FLIGHT),
            "envoy_cluster_upstream_rq_time_bucket": Family(Role.BUCKETS, unit=1e-3),
        },
        service=_CLUSTER,
    )
)


@dataclass(frozen=True)
class Dump:
    """What one proxy counted for the clusters that were asked for."""

    clusters: Mapping[str, PodCounters] = field(default_factory=dict)
    """Cluster -> what it counted: statuses, latencies of all answers, requests in flight."""
    endpoints: Mapping[tuple[str, str], PodCounters] = field(default_factory=dict)
    """(cluster, address with port) -> answers, failures of the 5xx class, requests in flight."""


def read(body: bytes) -> Dump:
    """Read a page of /stats/prometheus.

    Raises:
        MetricsError: Malformed.
    """
    clusters = {name: counters for (_, name), counters in tally_each(_CLUSTERS.samples(body)).items()}
    return Dump(clusters, tally_each(_ENDPOINTS.samples(body)))


def stat_filter(clusters: Iterable[str]) -> str:
    """Return the regular expression of the statistics that `read` looks at, of these clusters and their parts."""
    names = "|".join(literal(name) for name in clusters)
    stats = r"endpoint\..*\.rq_(success|error|active)|upstream_rq_(active|time|[0-9]+)"
    return rf"^cluster\.({names})(/backend/[0-9]+)?\.({stats})$"
