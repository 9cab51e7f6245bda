"""Counters that begin again at zero -> counters that only rise."""

from __future__ import annotations

from dataclasses import replace

from .counters import PodCounters
from .increments import fallen, increment


class Rising:
    """Counters as somebody tells them, added up over restarts of whoever counts: a fall is one, and nothing else."""

    def __init__(self, *, whole: bool = True) -> None:
        """Prepare; with `whole` the first reading counts, otherwise it is only a reference."""
        self._whole = whole
        self._last: PodCounters | None = None
        self.total = PodCounters()

    def add(self, counters: PodCounters) -> None:
        """Take in the next reading."""
        if self._last is not None:
            restarted = fallen(self._last, counters)
            self.total = plus(self.total, since(PodCounters() if restarted else self._last, counters))
        elif self._whole:
            self.total = counters
        self._last = counters
        itself = counters.in_flight_itself
        self.total = replace(self.total, in_flight=counters.in_flight, in_flight_itself=itself, at=counters.at)


def plus(first: PodCounters, second: PodCounters) -> PodCounters:
    """Return the sum; of histograms with different bounds the second one's remains, which is a new reference then."""
    hist, bounds = second.hist or first.hist, second.bounds or first.bounds
    if first.hist and second.hist and first.bounds == second.bounds:
        hist = tuple(a + b for a, b in zip(first.hist, second.hist, strict=True))
    return PodCounters(
        requests=first.requests + second.requests,
        errors=first.errors + second.errors,
        hist=hist,
        bounds=bounds,
        in_flight=first.in_flight + second.in_flight,
        rejected=first.rejected + second.rejected,
        at=second.at,
    )


def since(last: PodCounters, now: PodCounters) -> PodCounters:
    """Return what was counted between two readings; nothing where counters fell."""
    more = increment(last, now)
    counts = more.counts
    return PodCounters(counts.n, counts.errors, counts.hist, more.bounds, rejected=counts.rejected)
