"""Latency histograms: quantiles, the boundary between quick and slow, and what a tolerated slowdown does to it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from math import inf, log

import numpy as np
from numpy.typing import NDArray

from .normal import probability, probit

_SMOOTHING = 0.05
"""Answers added to each bucket, so that no odds are 0 or infinite."""
_NEXT_TO_NONE = 0.002
"""A smaller share of the answers tells nothing about where the others begin."""
_NARROW = 10.0
"""Probits for each factor e of latency: the standard deviation of the latency's logarithm is 0.1."""


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

    The histogram is smoothed by 0.05 answers a bucket; where answers lie inside buckets is as in `slowed`. At least 1.
    """
    index = histogram.bounds.index(boundary)
    now = float(_shares_below(histogram)[index])
    then = float(_below_when_slowed(histogram, slowdown)[index])
    return max(1.0, ((1 - then) / then) / ((1 - now) / now))


@lru_cache(maxsize=8)
def slowed(histogram: Histogram, slowdown: float) -> NDArray[np.float64]:
    """Return the share of each bucket's answers that lies in each bucket when all take `slowdown` times longer, (J, J).

    What is beyond the last bound stays there. Where answers lie inside a bucket no histogram says. Two guesses are
    made, and at each bound the one counts by which more answers cross it, so that what is tolerated is no less than
    either allows: log-uniform (uniform in the first bucket), and `_like_lognormal`.
    """
    below = _shares_below(histogram)
    least = np.append(0.0, below)
    mass = np.diff(np.append(least, 1.0))
    then = _below_when_slowed(histogram, slowdown)
    upto = np.clip((then[None, :] - least[:, None]) / mass[:, None], 0.0, 1.0)
    upto[-1] = 0.0
    return np.diff(upto, prepend=0.0, append=1.0, axis=1)


def _shares_below(histogram: Histogram) -> NDArray[np.float64]:
    smoothed = np.array(histogram.counts, dtype=np.float64) + _SMOOTHING
    return np.asarray((np.cumsum(smoothed) / smoothed.sum())[:-1])


def _below_when_slowed(histogram: Histogram, slowdown: float) -> NDArray[np.float64]:
    """Return the share of the answers below each bound when all take `slowdown` times longer."""
    below, x = _shares_below(histogram), np.log(histogram.bounds)
    if slowdown == 1 or not x.size:
        return below
    sought = x - log(slowdown)
    spread = np.interp(sought, x, below)
    first = sought <= x[0]
    spread[first] = below[0] * np.exp(sought[first] - x[0])
    return np.minimum(spread, _like_lognormal(histogram, below, x, sought))


def _like_lognormal(
    histogram: Histogram, below: NDArray[np.float64], x: NDArray[np.float64], sought: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the share of the answers below each of `sought`, as a lognormal distribution between bounds has them.

    That is, linear in probits. Where next to no answer lies below a bucket, its counts say nothing about how near to
    its upper bound they are: they are taken to be as near as they are where answers differ by a tenth.
    """
    z = probit(below)
    slopes = np.diff(z) / np.diff(x)
    total = max(histogram.total, 1)
    seen_below = np.cumsum(histogram.counts)[:-1] / total
    slopes = np.append(_NARROW, np.where(seen_below[:-1] < _NEXT_TO_NONE, np.maximum(slopes, _NARROW), slopes))
    # The bucket that each lies in, and how far under its upper bound.
    where = np.minimum(np.searchsorted(x, sought), x.size - 1)
    lowest = np.append(-inf, z[:-1])[where]
    return probability(np.maximum(z[where] - slopes[where] * (x[where] - sought), lowest))
