"""How near ours comes to what is possible, counted in the canary's requests, in blocks of a second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, log

import numpy as np

from ekiben.analysis import Config

from . import latencies, oracle, ours, told
from .families import BEFORE, CANARY_PODS, STABLE_PODS, Floats, Ints, Streams, seed, worse

ALPHA = 0.01
TICK = 1.0
_ABOUT = 60
"""Ticks that a detection takes, about: the traffic is chosen for it."""
_MOST = 20 * _ABOUT
ONE_METRIC, COMPLETE = 1.25, 1.65
"""How many times the oracle's requests ours may take."""


@dataclass(frozen=True)
class Cell:
    """One regression of errors."""

    p0: float
    odds: float
    weight: float
    streams: int

    @property
    def rps(self) -> float:
        """Requests a second, of both revisions."""
        needed = log(1 / ALPHA) / (self.p0 * (self.odds * log(self.odds) - self.odds + 1))
        return max(2.0, needed / (_ABOUT * self.weight))


@dataclass(frozen=True)
class Shape:
    """One shape of latencies."""

    latency: latencies.Latency
    streams: int
    weight: float = 0.1


@dataclass(frozen=True)
class Estimate:
    """Mean of the canary's requests until detection, over those of the best test."""

    ratio: float
    error: float
    """Its standard error."""
    found: float
    """Share of the streams that were found in time. The others count with all requests that there were: too few."""


@dataclass(frozen=True)
class Ratios:
    """What was measured of one cell or shape."""

    best: float
    """Requests of the best test."""
    told: float | None
    """Of latency: the same for the test that is told how long the canary's answers take."""
    ordered: float | None
    """Of latency: requests of the best test that never convicts a canary that is not slower."""
    one_metric: Estimate
    """With the whole of alpha, nothing tolerated."""
    complete: Estimate
    """All metrics, nothing tolerated."""
    default: Estimate
    """All metrics, default tolerances."""


def cells(streams: int) -> Iterator[Cell]:
    """Yield the grid of errors."""
    for p0 in (0.001, 0.01, 0.05):
        for odds in (2.0, 5.0, 10.0):
            for weight in (0.05, 0.1, 0.25, 0.5):
                yield Cell(p0, odds, weight, streams)


def measure(case: Cell | Shape) -> tuple[Cell | Shape, Ratios]:
    """Return the ratios of one cell or shape."""
    streams, best = _errors(case) if isinstance(case, Cell) else _latency(case)
    knowing = ordered = None
    if isinstance(case, Shape):
        found = told.ordered(streams, case.latency, case.weight, ALPHA)
        knowing = float(_requests_until(streams.n[:, :, :CANARY_PODS].sum(2), found).mean() / best.mean())
        ordered = latencies.ordered_bound(case.latency, case.weight, ALPHA)
    metric = "errors" if isinstance(case, Cell) else "latency"
    bare = streams if streams.hist is None or metric == "latency" else _without_latency(streams)
    history = None if bare.history is None else tuple(bare.history.tolist())
    strict = {"error_tolerance": 1.0, "latency_tolerance": 1.0}
    return case, Ratios(
        float(best.mean()),
        knowing,
        ordered,
        _estimate(bare, best, whole_alpha(metric, history, **strict), pooled=True),
        _estimate(streams, best, Config(**strict)),
        _estimate(streams, best, Config()),
    )


def whole_alpha(metric: str, history: tuple[int, ...] | None, **tolerances: float) -> Config:
    """Return a configuration in which one metric alone convicts at 1/ALPHA: it has the whole of it, others the rest."""
    share = float(getattr(ours.begin(Config(**tolerances), history), metric).share)
    return Config(alpha=ALPHA / share, **tolerances)


def _errors(cell: Cell) -> tuple[Streams, Floats]:
    rng = seed(cell)
    n = _requests(rng, cell.rps, cell.weight, cell.streams)
    rates = np.repeat([worse(cell.p0, cell.odds), cell.p0], [CANARY_PODS, STABLE_PODS])
    errors = rng.binomial(n, rates)
    n_c, n_b = n[:, :, :CANARY_PODS].sum(2), n[:, :, CANARY_PODS:].sum(2)
    x_c, x_b = errors[:, :, :CANARY_PODS].sum(2), errors[:, :, CANARY_PODS:].sum(2)
    found = oracle.conditional(n_c, n_b, x_c, x_b, cell.odds, ALPHA)
    usual = latencies.EQUAL[0].stable
    hist = rng.multinomial(n - errors, usual)
    return _streams(n, errors, cell.weight, hist, rng.multinomial(3000, usual)), _requests_until(n_c, found)


def _latency(shape: Shape) -> tuple[Streams, Floats]:
    bound = latencies.bound(shape.latency, shape.weight, ALPHA)
    rps = max(10.0, bound / (_ABOUT / 4 * shape.weight))
    drawn = latencies.draw(shape.latency, rps, shape.streams, _MOST // 2, shape.weight, TICK)
    return drawn, np.full(shape.streams, bound)


def _requests(rng: np.random.Generator, rps: float, weight: float, streams: int) -> Ints:
    shares = np.repeat([weight / CANARY_PODS, (1 - weight) / STABLE_PODS], [CANARY_PODS, STABLE_PODS])
    return rng.poisson(rps * TICK * shares, (streams, _MOST // 2, CANARY_PODS + STABLE_PODS))


def _streams(n: Ints, errors: Ints, weight: float, hist: Ints | None, history: Ints | None) -> Streams:
    looks = n.shape[1]
    nothing = np.zeros((len(n), BEFORE, STABLE_PODS), np.int64)
    all_of_them = np.ones(looks, bool)
    weights: Floats = np.full(looks, weight)
    return Streams(
        n, errors, np.zeros(n.shape[:2]), weights, all_of_them, all_of_them, (nothing, nothing), hist, history
    )


def _without_latency(streams: Streams) -> Streams:
    return _streams(streams.n, streams.errors, float(streams.weights[0]), None, None)


def _estimate(streams: Streams, best: Floats, config: Config, *, pooled: bool = False) -> Estimate:
    """Return the mean of the canary's requests until conviction, or of all of them, over that of `best`, (B,)."""
    found = [ours.judge(streams, stream, config, look=TICK, pooled=pooled) for stream in range(len(streams.n))]
    took = np.array([one.requests for one in found], dtype=np.float64)
    ratio = float(took.mean() / best.mean())
    # A stream that is hard for one is hard for the other: what is left of that is the error of their ratio.
    error = float((took - ratio * best).std(ddof=1) / len(took) ** 0.5 / best.mean())
    return Estimate(ratio, error, float(np.mean([one.look < inf for one in found])))


def _requests_until(n_c: Ints, blocks: Floats) -> Floats:
    upto = n_c.cumsum(1)
    last = np.where(np.isfinite(blocks), blocks, n_c.shape[1]).astype(int) - 1
    return np.take_along_axis(upto, last[:, None], 1)[:, 0].astype(np.float64)
