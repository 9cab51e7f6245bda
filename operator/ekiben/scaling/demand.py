"""What the load needs: one metric's windows, read against what a pod takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

from .config import Config, Kind, Metric
from .learn import Learned
from .need import Capacity, backlog_of, capacity_of, load_of
from .trend import fit
from .window import Window

STARTED_IN = 30.0
"""Seconds until a new pod is ready, while nobody has seen one start."""
_RECENT = (2.0, 4.0, 12.0, 24.0)
"""Seconds that a rise is looked for in, besides the panic window."""
_CHANCE = 3.0
"""Standard errors that a rise has to stand out by to be acted on at once."""
_SURE = 2.0
"""Standard errors that a growth is reckoned less by."""
_FURTHEST = 2.0
"""A forecast is at most so many times the load."""
_TREND, _BACK, _LONGEST = 30.0, 0.5, 120.0
"""Seconds that a growth is seen in: as many as it is reckoned ahead, within these."""
_SURGE, _SURGE_AHEAD = 8.0, 10.0
"""The same for a sudden growth, and how many seconds ahead it is believed."""
_DRAIN = 2.0
"""Seconds within which what waits is to be worked off, where pods start sooner."""


@dataclass(frozen=True)
class Look:
    """What a demand is reckoned from."""

    config: Config
    learned: Learned
    window: Window
    """The looks of the stable window."""
    history: Window
    """Those of the last minutes."""
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
    """Return what a metric asks for; None where nothing was seen in its windows."""
    config, learned, now = look.config, look.learned, look.now
    capacity = capacity_of(metric, config, learned)
    stable, panic = look.window.mean(now, config.stable_window), look.window.mean(now, config.panic_window)
    if stable is None or panic is None:
        return None
    over_stable, over_panic = load_of(metric.kind, stable, learned), load_of(metric.kind, panic, learned)
    recent = max(_proven(metric.kind, look), default=0.0)
    ahead = _forecast(metric.kind, look, max(over_stable, recent))
    sure = max(over_stable, recent, ahead)
    last = look.window.mean(now, _RECENT[0]) or panic
    rush = backlog_of(metric.kind, last.waiting, learned, _DRAIN) + _surge(metric.kind, look, sure)
    unseen = stable.missing * capacity.per_pod if stable.missing else 0.0
    return Demand(
        capacity=capacity,
        stable=over_stable,
        panic=over_panic,
        recent=recent,
        forecast=ahead,
        rush=rush,
        up=_up(capacity, sure + rush, look),
        panics=capacity.need(over_panic),
        down=capacity.need((sure + unseen) * (1 + config.tolerance)),
    )


def _up(capacity: Capacity, load: float, look: Look) -> int:
    need = capacity.need(load)
    if capacity.room or load > capacity.takes(look.replicas) * (1 + look.config.tolerance):
        return need
    return min(need, look.replicas)


def _proven(kind: Kind, look: Look) -> Iterator[float]:
    """Yield lower bounds of the load in the last seconds: arrivals less so many standard errors of a Poisson count."""
    service = look.learned.service
    unit = 1.0 if kind is Kind.REQUEST_RATE else service
    for span in (*_RECENT, look.config.panic_window):
        traffic = look.window.mean(look.now, span)
        if traffic is None:
            continue
        came = traffic.arrived * traffic.seconds
        if unit is not None:
            yield max(0.0, came - _CHANCE * sqrt(came)) / traffic.seconds * unit


def _forecast(kind: Kind, look: Look, load: float) -> float:
    """Return the load by the time a new pod is ready: what it is and its growth, as far as that is no chance."""
    span = min(_LONGEST, max(_TREND, _BACK * look.starts_in))
    return load + _growth(kind, look, look.history, span, look.starts_in, load)


def _surge(kind: Kind, look: Look, load: float) -> float:
    """Return the growth that the last seconds show, for the few seconds that such a growth may be believed."""
    return _growth(kind, look, look.window, _SURGE, min(look.starts_in, _SURGE_AHEAD), load)


def _growth(kind: Kind, look: Look, seen: Window, span: float, ahead: float, load: float) -> float:
    unit = 1.0 if kind is Kind.REQUEST_RATE else look.learned.service
    points = [(at, mean.arrived) for at, mean in seen.means() if at > look.now - span]
    if unit is None or not points:
        return 0.0
    average = sum(arrived for _, arrived in points) / len(points)
    trend = fit(points, noise=average / seen.width)
    if trend is None:
        return 0.0
    return min((_FURTHEST - 1) * load, trend.surely(ahead, _SURE) * unit)
