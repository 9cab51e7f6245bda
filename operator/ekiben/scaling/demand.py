"""What the load needs: one metric's windows, read against what a pod takes."""

from __future__ import annotations

from dataclasses import dataclass

from .config import Config, Metric
from .learn import Learned
from .need import Capacity, backlog_of, capacity_of, load_of, unit_of
from .seen import Seen

STARTED_IN = 30.0
"""Seconds until a new pod is ready, while nobody has seen one start."""
_SURE = 2.0
"""Standard errors that a growth is reckoned less by."""
_FURTHEST = 2.0
"""A forecast is at most so many times the load."""
_TREND, _BACK, _LONGEST = 30.0, 0.5, 120.0
"""Seconds that a growth is seen in: a share of those that it is reckoned ahead, within these."""
_SURGE, _SURGE_AHEAD = 8.0, 10.0
"""Seconds that a sudden growth is seen in, and how many ahead it is believed."""
_LATEST = 2.0
_DRAIN = 2.0
"""Seconds within which what waits is to be worked off."""


@dataclass(frozen=True)
class Look:
    """What a demand is reckoned from."""

    config: Config
    learned: Learned
    seen: Seen
    now: float
    replicas: int
    """What the Deployment asks for."""

    @property
    def starts_in(self) -> float:
        """Seconds until a pod that is asked for now is ready."""
        return self.learned.started_in if self.learned.started_in is not None else STARTED_IN


@dataclass(frozen=True)
class Demand:
    """What one metric asks for; loads in its unit."""

    capacity: Capacity
    stable: float
    panic: float
    recent: float
    """What the last seconds prove, chance left out."""
    forecast: float
    """What it will be when a pod that is asked for now is ready."""
    rush: float
    """What it takes besides, for a short time: to work off the requests that wait, and to meet a sudden growth."""
    up: int
    """Replicas that the load is sure to need."""
    panics: int
    """Replicas that the load of the panic window needs."""
    down: int
    """Replicas that are enough even if every pod that nobody saw is full."""


def demand(metric: Metric, look: Look) -> Demand | None:
    """Return what a metric asks for; None where there is nothing to go by."""
    config, learned, seen, now = look.config, look.learned, look.seen, look.now
    capacity, unit = capacity_of(metric, config, learned), unit_of(metric.kind, learned)
    stable, panic = seen.mean(now, config.stable_window), seen.mean(now, config.panic_window)
    if capacity is None or stable is None or panic is None:
        return None
    over_stable, over_panic = load_of(metric.kind, stable, learned), load_of(metric.kind, panic, learned)
    recent = seen.proven(now, config.panic_window) * unit
    present = max(over_stable, recent)
    ahead = present + min((_FURTHEST - 1) * present, _growth(look) * unit)
    surge = min((_FURTHEST - 1) * ahead, _surge(look) * unit)
    waiting = (seen.mean(now, _LATEST) or panic).waiting
    rush = surge + backlog_of(metric.kind, waiting, learned, _DRAIN)
    return Demand(
        capacity=capacity,
        stable=over_stable,
        panic=over_panic,
        recent=recent,
        forecast=ahead,
        rush=rush,
        up=_up(capacity, ahead + rush, look),
        panics=capacity.need(over_panic),
        down=_down(capacity, ahead + stable.missing * capacity.per_pod, look),
    )


def _up(capacity: Capacity, load: float, look: Look) -> int:
    need = capacity.need(load)
    if capacity.room or load > capacity.per_pod * look.replicas * (1 + look.config.tolerance):
        return need
    return min(need, look.replicas)


def _down(capacity: Capacity, load: float, look: Look) -> int:
    if capacity.room:
        return capacity.need(load * (1 + look.config.tolerance))
    need, present = capacity.need(load), look.replicas
    return need if need <= present * (1 - look.config.tolerance) else max(need, present)


def _growth(look: Look) -> float:
    """Return the requests a second that come on top by the time a new pod is ready, as far as that is no chance."""
    trend = look.seen.trend(look.now, min(_LONGEST, max(_TREND, _BACK * look.starts_in)))
    return trend.surely(look.starts_in, _SURE) if trend is not None else 0.0


def _surge(look: Look) -> float:
    """Return those that a sudden growth brings in the next seconds, for which alone it may be believed."""
    trend = look.seen.trend(look.now, _SURGE)
    return trend.surely(min(look.starts_in, _SURGE_AHEAD), _SURE) if trend is not None else 0.0
