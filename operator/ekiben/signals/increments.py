"""From counters that only rise to what happened between two scrapes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ekiben.analysis import Counts

from .counters import PodCounters


@dataclass(frozen=True)
class Increment:
    """What one pod counted between two scrapes."""

    counts: Counts = Counts()  # noqa: RUF009  (frozen)
    bounds: tuple[float, ...] = ()
    """Bounds of the histogram; empty when it is."""

    def __add__(self, other: Increment) -> Increment:
        shared = common_bounds((self, other))
        mine, theirs = rebucket(self, shared), rebucket(other, shared)
        hist = tuple(x + y for x, y in zip(mine, theirs, strict=True)) if mine and theirs else mine or theirs
        a, b = self.counts, other.counts
        counts = Counts(a.n + b.n, a.errors + b.errors, hist, a.rejected + b.rejected, a.pending + b.pending)
        return Increment(counts, shared if hist else ())


def increment(before: PodCounters, now: PodCounters) -> Increment:
    """Return what a pod counted since its reference.

    Counters that fell are only a new reference: who knows that they began again at zero adds them up.
    """
    if fallen(before, now):
        return Increment(Counts(pending=now.in_flight - before.in_flight))
    if before.hist and before.bounds == now.bounds:
        hist = tuple(b - a for a, b in zip(before.hist, now.hist, strict=True))
    else:
        # No answers before, or, with other bounds, nothing that could be told apart: only a reference.
        hist = now.hist if not before.hist else ()
    errors, rejected = now.errors - before.errors, now.rejected - before.rejected
    pending = now.in_flight - before.in_flight
    counts = Counts(now.requests - before.requests, errors, hist, rejected, pending)
    return Increment(counts, now.bounds if hist else ())


def increments(references: Mapping[str, PodCounters], scraped: Mapping[str, PodCounters]) -> dict[str, Increment]:
    """Return pod uid -> what it counted; a pod without a reference is not among them."""
    return {uid: increment(references[uid], now) for uid, now in scraped.items() if uid in references}


def merge(first: Mapping[str, Increment], second: Mapping[str, Increment]) -> dict[str, Increment]:
    """Return the sum, pod by pod."""
    nothing = Increment()
    return {uid: first.get(uid, nothing) + second.get(uid, nothing) for uid in {**first, **second}}


def common_bounds(parts: Iterable[Increment]) -> tuple[float, ...]:
    """Return the bounds that all histograms have; those without any answers do not matter."""
    shared: set[float] | None = None
    for part in parts:
        if part.counts.hist:
            shared = set(part.bounds) if shared is None else shared & set(part.bounds)
    return tuple(sorted(shared or ()))


def rebucket(part: Increment, bounds: tuple[float, ...]) -> tuple[int, ...]:
    """Return the histogram on fewer bounds, each of them one of its own."""
    if not part.counts.hist or part.bounds == bounds:
        return part.counts.hist
    merged = [0] * (len(bounds) + 1)
    for index, count in enumerate(part.counts.hist):
        target = bisect_left(bounds, part.bounds[index]) if index < len(part.bounds) else len(bounds)
        merged[target] += count
    return tuple(merged)


def counts_on(parts: Mapping[str, Increment], bounds: tuple[float, ...]) -> dict[str, Counts]:
    """Return pod uid -> counts, all histograms on the same bounds, never more failures than requests."""
    return {uid: replace(_possible(part.counts), hist=rebucket(part, bounds)) for uid, part in sorted(parts.items())}


def _possible(counts: Counts) -> Counts:
    # What is counted apart, or some time after its request, may exceed the requests of a short span.
    errors = min(counts.errors, counts.n)
    return replace(counts, errors=errors, rejected=min(counts.rejected, counts.n - errors))


def fallen(before: PodCounters, now: PodCounters) -> bool:
    """Whether any counter is lower than before."""
    falls = now.requests < before.requests or now.errors < before.errors or now.rejected < before.rejected
    same = before.bounds == now.bounds
    lower = same and any(b < a for a, b in zip(before.hist, now.hist, strict=False))
    return falls or lower or sum(now.hist) < sum(before.hist)
