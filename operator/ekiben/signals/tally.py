"""Samples of one pod -> its counters."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf, isfinite

from .counters import MetricsError, PodCounters, Trouble
from .dialects import Slot

_MOST_BOUNDS = 64
_MOST = 2.0**53
"""Above it a float that rises by one stays the same."""
_NOT_A_LETTER = re.compile(r"[^a-z0-9]")


@dataclass
class _Sums:
    """Counters of one service of a server."""

    requests: float = 0
    errors: float = 0
    rejected: float = 0
    in_flight: float = 0
    gauge: bool = False
    """There is a series of the requests in flight."""
    itself: bool = False
    upto: dict[float, float] = field(default_factory=lambda: defaultdict(float))
    """Upper bound -> answers that took at most so long."""

    def add(self, slot: Slot, value: float) -> None:
        """Add one sample."""
        if slot.in_flight:
            self.in_flight += value
            self.gauge = True
            self.itself = self.itself or slot.itself
            return
        if value < 0:
            raise MetricsError(Trouble.MALFORMED, f"a counter is below zero: {value:g}")
        if slot.bound is not None:
            self.upto[slot.bound] += value
            return
        if slot.requests:
            self.requests += value
        if slot.errors:
            self.errors += value
        if slot.rejected:
            self.rejected += value

    def counters(self, at: float | None) -> PodCounters:
        """Return the sums as whole numbers."""
        bounds, hist = _buckets(self.upto)
        return PodCounters(
            requests=_whole(self.requests),
            errors=_whole(self.errors),
            rejected=_whole(self.rejected),
            hist=hist,
            bounds=bounds,
            # A worker that was killed can leave the sum of the gauges below zero.
            in_flight=max(0, _whole(self.in_flight)),
            in_flight_known=self.gauge or self.requests == 0,
            in_flight_itself=self.itself,
            at=at,
        )


def tally(samples: Iterable[tuple[Slot, float]], at: float | None = None, entry: str | None = None) -> PodCounters:
    """Return a pod's counters; none at all where there are no samples.

    Args:
        samples: what a series adds to, and its value.
        at: when the pod counted so, where that is not now.
        entry: name of the service that callers reach, on a server of several; by default the one named like the
            bundle that they were packed into.

    Raises:
        MetricsError: Malformed, or Ambiguous where no service of several is named like the bundle.
    """
    services = _sums(samples)
    return _entry(services, entry).counters(at) if services else PodCounters(at=at)


def tally_each(samples: Iterable[tuple[Slot, float]]) -> dict[tuple[str, str], PodCounters]:
    """Return (bundle, service) -> its counters.

    Raises:
        MetricsError: Malformed.
    """
    return {entry: sums.counters(None) for entry, sums in _sums(samples).items()}


def _sums(samples: Iterable[tuple[Slot, float]]) -> dict[tuple[str, str], _Sums]:
    services: dict[tuple[str, str], _Sums] = {}
    for slot, value in samples:
        if not isfinite(value):
            raise MetricsError(Trouble.MALFORMED, f"not a finite number: {value}")
        sums = services.get(slot.entry)
        if sums is None:
            sums = services[slot.entry] = _Sums()
        sums.add(slot, value)
    return services


def _whole(value: float) -> int:
    if not -_MOST <= value <= _MOST:
        raise MetricsError(Trouble.MALFORMED, f"a counter of {value:g}, which cannot be")
    return round(value)


def _buckets(upto: dict[float, float]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return the finite bounds and the answers in each bucket, on at most 64 bounds, evenly chosen."""
    if not upto:
        return (), ()
    if inf not in upto:
        raise MetricsError(Trouble.MALFORMED, "a latency histogram without the bucket +Inf, which cannot be")
    rising = [(bound, _whole(upto[bound])) for bound in sorted(upto)]
    if any(high < low for (_, low), (_, high) in pairwise(rising)):
        raise MetricsError(Trouble.MALFORMED, "the buckets of the latency histogram do not rise")
    # By place, not by count: the next reading, and the other revision, have to have the same ones.
    finite, kept = len(rising) - 1, min(len(rising) - 1, _MOST_BOUNDS)
    chosen = [rising[(place + 1) * finite // kept - 1] for place in range(kept)] + [rising[-1]]
    counts = (high - low for low, high in pairwise([0, *(count for _, count in chosen)]))
    return tuple(bound for bound, _ in chosen[:-1]), tuple(counts)


def _entry(services: dict[tuple[str, str], _Sums], entry: str | None) -> _Sums:
    if len(services) == 1:
        return next(iter(services.values()))
    for (bundle, service), sums in services.items():
        if _plain(service) == _plain(entry if entry is not None else bundle):
            return sums
    names = ", ".join(sorted(service for _, service in services))
    raise MetricsError(
        Trouble.AMBIGUOUS, f"the bento has several services ({names}) and none is named like it: its entry is unknown"
    )


def _plain(name: str) -> str:
    return _NOT_A_LETTER.sub("", name.lower())
