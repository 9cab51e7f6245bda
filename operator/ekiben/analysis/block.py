"""One block of evidence: what both arms answered over the same span of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite

POOLED = ""
"""The uid of an arm that is counted as a whole, without its pods."""


class BlockError(ValueError):
    """A block contradicts itself; the message says where."""


@dataclass(frozen=True)
class Counts:
    """Increments of one pod's counters over one block."""

    n: int = 0
    """Requests answered, whatever the answer."""
    errors: int = 0
    """Answers of the 5xx class, and 429."""
    hist: tuple[int, ...] = ()
    """Successful answers by latency bucket, one more entry than the block has bounds; empty when there are none."""
    rejected: int = 0
    """Answers of the 4xx class but 429: the caller made the mistake, or the canary reads requests differently."""
    pending: int = 0
    """How many more requests were on their way at the end than at the beginning; 0 where nobody says."""


@dataclass(frozen=True)
class Block:
    """Increments of every pod of both arms over the same span.

    Raises:
        BlockError: a count is negative, there are more errors than requests, or a histogram does not fit the bounds.
    """

    id: str
    """Identifies the block; a second block with the same id is ignored."""
    t: float
    """End of the span, seconds since the epoch."""
    canary: Mapping[str, Counts] = field(default_factory=dict)
    """Pod uid -> increments."""
    baseline: Mapping[str, Counts] = field(default_factory=dict)
    bounds: tuple[float, ...] = ()
    """Upper bounds of the latency buckets in seconds, rising, the infinite one left out."""
    weight: float | None = None
    """Share of the requests that the canary was to get, 0 to 1; None where nobody says."""

    def __post_init__(self) -> None:
        if not 0 < len(self.id) <= 64:
            raise BlockError(f"a block's id has 1 to 64 characters; this one has {len(self.id)}")
        _check_bounds(self.id, self.bounds)
        if self.weight is not None and not 0 <= self.weight <= 1:
            raise BlockError(f"block {self.id!r}: the weight lies between 0 and 1, not {self.weight}")
        for arm, pods in (("canary", self.canary), ("baseline", self.baseline)):
            for uid, counts in pods.items():
                _check_counts(f"block {self.id!r}, {arm}, pod {uid!r}", counts, len(self.bounds))


@dataclass(frozen=True)
class Table:
    """A 2x2 table: events among trials in each arm."""

    canary_events: int = 0
    canary_trials: int = 0
    baseline_events: int = 0
    baseline_trials: int = 0

    @property
    def compares(self) -> bool:
        """Both arms have trials."""
        return self.canary_trials > 0 and self.baseline_trials > 0

    def __add__(self, other: Table) -> Table:
        return Table(
            self.canary_events + other.canary_events,
            self.canary_trials + other.canary_trials,
            self.baseline_events + other.baseline_events,
            self.baseline_trials + other.baseline_trials,
        )


def errors_table(block: Block) -> Table:
    """Errors among requests, summed over the pods of each arm."""
    return Table(*_errors(block.canary), *_errors(block.baseline))


def rejected_table(block: Block) -> Table:
    """Rejected requests among all, summed over the pods of each arm."""
    return Table(*_rejected(block.canary), *_rejected(block.baseline))


def arrivals(pods: Mapping[str, Counts]) -> int:
    """Requests that came, whether they have been answered yet or not."""
    return max(0, sum(counts.n + counts.pending for counts in pods.values()))


def slow_table(block: Block, boundary: float) -> Table | None:
    """Answers slower than `boundary` (seconds) among successful ones; None when it is no bound of the block."""
    if boundary not in block.bounds:
        return None
    first_slow = block.bounds.index(boundary) + 1
    return Table(*_slow(block.canary, first_slow), *_slow(block.baseline, first_slow))


def histogram_of(pods: Mapping[str, Counts], bounds: tuple[float, ...]) -> tuple[int, ...]:
    """Sum of the pods' histograms, one more entry than `bounds`."""
    counted = [counts.hist for counts in pods.values() if counts.hist]
    return tuple(map(sum, zip(*counted, strict=True))) if counted else (0,) * (len(bounds) + 1)


def _errors(pods: Mapping[str, Counts]) -> tuple[int, int]:
    return sum(counts.errors for counts in pods.values()), sum(counts.n for counts in pods.values())


def _rejected(pods: Mapping[str, Counts]) -> tuple[int, int]:
    return sum(counts.rejected for counts in pods.values()), sum(counts.n for counts in pods.values())


def _slow(pods: Mapping[str, Counts], first_slow: int) -> tuple[int, int]:
    slow = sum(sum(counts.hist[first_slow:]) for counts in pods.values())
    return slow, sum(sum(counts.hist) for counts in pods.values())


def _check_bounds(block: str, bounds: tuple[float, ...]) -> None:
    if any(not isfinite(bound) or bound <= 0 for bound in bounds):
        raise BlockError(f"block {block!r}: bounds are finite and above 0, not {bounds}")
    if any(low >= high for low, high in pairwise(bounds)):
        raise BlockError(f"block {block!r}: bounds rise, not {bounds}")


def _check_counts(where: str, counts: Counts, bounds: int) -> None:
    if min(counts.n, counts.errors, counts.rejected, *counts.hist) < 0:
        raise BlockError(f"{where}: a count is negative: {counts}")
    if counts.errors > counts.n:
        raise BlockError(f"{where}: {counts.errors} errors among only {counts.n} requests")
    if counts.errors + counts.rejected > counts.n:
        raise BlockError(
            f"{where}: {counts.errors} errors and {counts.rejected} rejected among only {counts.n} requests"
        )
    if counts.hist and len(counts.hist) != bounds + 1:
        raise BlockError(f"{where}: the histogram has {len(counts.hist)} buckets, its bounds make {bounds + 1}")
