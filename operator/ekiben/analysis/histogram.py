"""Latency histograms: quantiles, the boundary between quick and slow, and what a tolerated slowdown does to it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import log

import numpy as np
from numpy.typing import NDArray

_SMOOTHING = 0.05
"""Answers added to each bucket, so that no odds are 0 or infinite."""


@dataclass(frozen=True)
class Histogram:
    """Successful answers by latency."""

    bounds: tuple[float, ...]
    """Upper bounds in seconds, rising, the infinite one left out."""
    counts: tuple[int, ...]
    """Answers in each bucket, one more than bounds."""

    def __post_init__(self) -> None:
        if len(self.counts) != len(self.bounds) + 1:
            raise ValueError(f"{len(self.bounds)} bounds make {len(self.bounds) + 1} buckets, not {len(self.counts)}")

    @property
    def total(self) -> int:
        """Answers altogether."""
        return sum(self.counts)

    def plus(self, counts: tuple[int, ...]) -> Histogram:
        """Return the sum with further answers in the same buckets."""
        return Histogram(self.bounds, tuple(a + b for a, b in zip(self.counts, counts, strict=True)))

    def on(self, bounds: tuple[float, ...]) -> Histogram:
        """Return the same answers in fewer buckets; `bounds` are some of its own."""
        merged = [0] * (len(bounds) + 1)
        for index, count in enumerate(self.counts):
            target = bisect_left(bounds, self.bounds[index]) if index < len(self.bounds) else len(bounds)
            merged[target] += count
        return Histogram(bounds, tuple(merged))


def quantile(histogram: Histogram, fraction: float) -> float | None:
    """Return a quantile in seconds, log-linear inside its bucket; the last bound when it lies beyond; None if empty."""
    total, bounds = histogram.total, histogram.bounds
    if total == 0 or not bounds:
        return None
    goal, below = fraction * total, 0
    for index, count in enumerate(histogram.counts[:-1]):
        if count and below + count >= goal:
            inside = max(0.0, (goal - below) / count)
            upper = bounds[index]
            # The first bucket has no lower bound above 0 that a logarithm could use.
            return upper * inside if index == 0 else bounds[index - 1] * (upper / bounds[index - 1]) ** inside
        below += count
    return bounds[-1]


def boundary_nearest(histogram: Histogram, fraction: float) -> float | None:
    """Return the bound nearest to a quantile, by ratio; None when the histogram is empty."""
    where = quantile(histogram, fraction)
    if where is None:
        return None
    return min(histogram.bounds, key=lambda bound: abs(log(bound / where)) if where > 0 else bound)


def odds_tolerance(histogram: Histogram, boundary: float, slowdown: float) -> float:
    """Return by how much the odds of exceeding `boundary` rise when every answer takes `slowdown` times longer.

    The histogram is smoothed by 0.05 answers a bucket and taken as log-linear inside buckets. At least 1.
    """
    index = histogram.bounds.index(boundary)
    smoothed = [count + _SMOOTHING for count in histogram.counts]
    total = sum(smoothed)
    upto = [0.0, *accumulate(smoothed)]
    now = upto[index + 1] / total
    then = _mass_below(histogram.bounds, smoothed, upto, boundary / slowdown) / total
    return max(1.0, ((1 - then) / then) / ((1 - now) / now))


@lru_cache(maxsize=64)
def slowed(bounds: tuple[float, ...], slowdown: float) -> NDArray[np.float64]:
    """Return the share of each bucket's answers that lies in each bucket when all take `slowdown` times longer, (J, J).

    Log-linear inside buckets, linear inside the first; what is beyond the last bound stays there.
    """
    size = len(bounds) + 1
    moved = np.zeros((size, size))
    moved[-1, -1] = 1.0
    for index in range(size - 1):
        mass = [0.0] * size
        mass[index] = 1.0
        upto = [0.0, *accumulate(mass)]
        below = [_mass_below(bounds, mass, upto, bound / slowdown) for bound in bounds]
        moved[index] = np.diff([0.0, *below, 1.0])
    return moved


def _mass_below(bounds: tuple[float, ...], mass: list[float], upto: list[float], x: float) -> float:
    index = next(i for i, bound in enumerate(bounds) if x <= bound)
    upper = bounds[index]
    inside = x / upper if index == 0 else log(x / bounds[index - 1]) / log(upper / bounds[index - 1])
    return upto[index] + inside * mass[index]
