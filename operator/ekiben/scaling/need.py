"""Load -> replicas, metric by metric."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, sqrt

from .config import Config, Kind, Metric
from .learn import Learned
from .levels import NOT_BUSY
from .traffic import Traffic

_MOST = 1e6
_NOT_WORTH_A_POD = 1e-3
"""Share of a pod's load below which no pod is asked for: a measured 300.0001 is 300."""


@dataclass(frozen=True)
class Capacity:
    """What one pod is to get of one metric's load."""

    metric: Kind
    per_pod: float
    room: float = 0.0
    """Room for chance, in square roots of the requests at once."""
    scale: float = 1.0
    """Load that one request at once makes."""
    source: str = "its target"
    """Where `per_pod` comes from, in plain English."""

    def need(self, load: float) -> int:
        """Return the replicas that take this load; 0 for none.

        Without a target pods need room for chance: requests come at random, and a service whose pods take exactly the
        average makes most of them wait. For R requests at once the room is a number of times the square root of R
        (square-root staffing: A. K. Erlang; S. Halfin and W. Whitt, Heavy-traffic limits for queues with many
        exponential servers, Operations Research 29, 1981): a large service needs a smaller share of it than a small
        one.
        """
        if load <= 0:
            return 0
        total = load + self.room * sqrt(load * self.scale)
        return max(1, ceil(min(total / self.per_pod, _MOST) - _NOT_WORTH_A_POD))


def limit_of(config: Config, learned: Learned) -> float | None:
    """Return the requests that a pod works on at once, as far as anybody knows."""
    return config.limit if config.limit is not None else learned.knee


def capacity_of(metric: Metric, config: Config, learned: Learned) -> Capacity | None:
    """Return what one pod is to get; None where nobody can tell."""
    if metric.kind is Kind.LATENCY:
        return _within(metric, config, learned)
    if metric.target is not None:
        return Capacity(metric.kind, metric.target)
    limit, known = _known(config, learned)
    if metric.kind is Kind.CONCURRENCY:
        return Capacity(metric.kind, limit, config.headroom, source=known)
    service = learned.service
    if service is None:
        return None
    return Capacity(metric.kind, limit / service, config.headroom, 1 / service, known)


def _known(config: Config, learned: Learned) -> tuple[float, str]:
    if config.limit is not None:
        return config.limit, "what it works on at once"
    if learned.knee is not None:
        return learned.knee, "what pods were seen to take"
    return NOT_BUSY, "a first guess, until more was seen"


def _within(metric: Metric, config: Config, learned: Learned) -> Capacity:
    limit, known = _known(config, learned)
    if learned.within is not None:
        most = min(learned.within, config.limit or inf)
        return Capacity(metric.kind, most, config.headroom, source=f"what it was seen to answer in {metric.target:g} s")
    if learned.slow_anyway:
        known = f"answers take longer than {metric.target:g} s even where pods are not busy: more of them do not help"
    return Capacity(metric.kind, limit, config.headroom, source=known)


def unit_of(kind: Kind, learned: Learned) -> float:
    """Return the load that one request a second makes; 0 where that is not known."""
    return 1.0 if kind is Kind.REQUEST_RATE else learned.service or 0.0


def load_of(kind: Kind, traffic: Traffic, learned: Learned) -> float:
    """Return the load of a metric, those requests left out that wait behind full pods.

    Requests at once are the arrivals times the time of an answer (Little's law). What pods are seen to work on says
    less: full ones work on no more than they can, however many requests come, and while they work off a queue they are
    busier than the load makes them.
    """
    if kind is Kind.REQUEST_RATE or learned.service is not None:
        return traffic.arrived * unit_of(kind, learned)
    return traffic.serving


def backlog_of(kind: Kind, waiting: float, learned: Learned, drain: float) -> float:
    """Return the load that works off what waits within `drain` seconds.

    Requests that wait are not so many requests at once: a queue that grew while pods started would ask for pods that
    have nothing to do once it is gone.
    """
    if kind is Kind.REQUEST_RATE:
        return waiting / drain
    return waiting if learned.service is None else waiting * min(1.0, learned.service / drain)
