"""How fast requests come, and how long "not worse" therefore still takes."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log1p

from .block import Block, Table
from .noninferiority import nearest_null, pooled_rate

_MEMORY = 20.0
"""Seconds that weigh as much as all before them."""
_LONGEST = 600.0
"""A pause of so many seconds is an interruption, no quiet traffic."""


@dataclass(frozen=True)
class Pace:
    """Requests a second."""

    at: float | None = None
    """End of the last block, seconds since the epoch."""
    canary: float = 0.0
    baseline: float = 0.0

    def after(self, block: Block) -> Pace:
        """Take in a block."""
        span = block.t - self.at if self.at is not None else 0.0
        if not 0 < span <= _LONGEST:
            return Pace(block.t, self.canary, self.baseline)
        new = 1.0 if self.canary == self.baseline == 0 else 1 - exp(-span / _MEMORY)
        rates = [sum(counts.n for counts in pods.values()) / span for pods in (block.canary, block.baseline)]
        canary, baseline = (a + new * (b - a) for a, b in zip((self.canary, self.baseline), rates, strict=True))
        return Pace(block.t, round(canary, 6), round(baseline, 6))


def seconds_left(pace: Pace, totals: Table, missing: float, delta: float, rho: float) -> float | None:
    """Return about how many seconds a metric takes until it passes; None where it is not on its way.

    Args:
        pace: the present traffic.
        totals: what the metric has counted; its arms' rates are taken to stay.
        missing: log of the factor that the evidence still lacks.
        delta: absolute margin.
        rho: relative margin.
    """
    if missing <= 0:
        return 0.0
    if pace.canary <= 0 or pace.baseline <= 0:
        return None
    q = pooled_rate(totals)
    a, b = nearest_null(q, pace.canary, pace.baseline, delta, rho)
    # Shrunk towards each other: a rate of few requests is mostly chance.
    canary = (totals.canary_events + 30 * q) / (totals.canary_trials + 30)
    baseline = (totals.baseline_events + 30 * q) / (totals.baseline_trials + 30)
    growth = pace.canary * _gain(canary, q, a) + pace.baseline * _gain(baseline, q, b)
    return missing / growth if growth > 0 else None


def _gain(rate: float, q: float, p: float) -> float:
    return rate * log(q / p) + (1 - rate) * (log1p(-q) - log1p(-p))
