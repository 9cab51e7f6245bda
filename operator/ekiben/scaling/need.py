"""Load -> replicas, metric by metric."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, sqrt

from .config import Config, Kind, Metric
from .learn import Learned
from .levels import NOT_BUSY
from .traffic import Traffic

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Capacity:
    """What one pod is to get of one metric's load."""

    metric: Kind
    per_pod: float
    room: float = 0.0
    """Room for chance, in square roots of the requests at once."""
    scale: float = 1.0
    """Requests at once that one unit of the load means."""
    source: str = "the target"
    """Where `per_pod` comes from, in plain English."""

    def need(self, load: float) -> int:
        """Return the replicas that take this load; 0 for none.

        Without a target pods need room for chance: requests come at random, and a service whose pods take exactly the
        average makes most of them wait. For R requests at once the room is a number of times the square root of R
        (square-root staffing: A. K. Erlang; S. Halfin and W. Whitt, Heavy-traffic limits for queues with many
        exponential servers, Operations Research 29, 1981): a large service needs a smaller share of it than a small
        one.
        """
        if load <= _ROUNDING:
            return 0
        total = load + self.room * sqrt(load / self.scale) * self.scale
        return ceil(min(total / self.per_pod, 1e6) - _ROUNDING)

    def takes(self, replicas: int) -> float:
        """Return the load that so many replicas take."""
        if replicas <= 0:
            return 0.0
        # Solve load + room sqrt(load) = replicas * per_pod, in requests at once.
        total = replicas * self.per_pod / self.scale
        root = (sqrt(self.room**2 + 4 * total) - self.room) / 2
        return root * root * self.scale


def limit_of(config: Config, learned: Learned) -> float | None:
    """Return the requests that a pod works on at once, as far as anybody knows."""
    return config.limit if config.limit is not None else learned.knee


def capacity_of(metric: Metric, config: Config, learned: Learned) -> Capacity:
    """Return what one pod is to get."""
    limit = limit_of(config, learned)
    known = "its concurrency" if config.limit is not None else "what pods were seen to take"
    if metric.kind is Kind.LATENCY:
        most = learned.within if learned.within is not None else (limit or NOT_BUSY)
        per_pod = min(most, config.limit or inf)
        seen = f"what pods were seen to answer within {metric.target:g} s"
        return Capacity(metric.kind, per_pod, config.headroom, source=seen if learned.within is not None else known)
    if metric.target is not None:
        return Capacity(metric.kind, metric.target)
    if metric.kind is Kind.CONCURRENCY:
        source = known if limit is not None else "a first guess"
        return Capacity(metric.kind, limit or NOT_BUSY, config.headroom, source=source)
    service = learned.service
    if limit is None or service is None:
        return Capacity(metric.kind, inf, source="not known yet")
    return Capacity(metric.kind, limit / service, config.headroom, 1 / service, known)


def load_of(kind: Kind, traffic: Traffic, learned: Learned) -> float:
    """Return the load of a metric, those requests left out that wait behind full pods.

    Requests at once are the arrivals times the time of an answer (Little's law). What pods are seen to work on says
    less: full ones work on no more than they can, however many requests come, and while they work off a queue they are
    busier than the load makes them.
    """
    if kind is Kind.REQUEST_RATE:
        return traffic.arrived
    service = learned.service
    return traffic.serving if service is None else traffic.arrived * service


def backlog_of(kind: Kind, waiting: float, learned: Learned, drain: float) -> float:
    """Return the load that works off what waits within `drain` seconds.

    Requests that wait are not so many requests at once: a queue that grew while pods started would ask for pods that
    have nothing to do once it is gone.
    """
    if kind is Kind.REQUEST_RATE:
        return waiting / drain
    return waiting if learned.service is None else waiting * min(1.0, learned.service / drain)
