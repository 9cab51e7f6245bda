"""Two readings of a pod's counters -> what it did in between."""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.scaling import Reading
from ekiben.signals.counters import PodCounters

_LONGEST = 60.0
"""Seconds after which a reading is too old to begin from."""


@dataclass(frozen=True)
class At:
    """Counters, and when they were read."""

    counters: PodCounters
    at: float


def between(before: At | None, now: At, below: float | None) -> Reading | None:
    """Return what a pod did between two readings; None where they say nothing, as after its container restarted.

    Args:
        before: the reading before, None for the first.
        now: this one.
        below: seconds above which an answer is slow; None where nobody asks.
    """
    if before is None or not now.counters.in_flight_known:
        return None
    seconds = now.at - before.at
    old, new = before.counters, now.counters
    came = new.requests - old.requests
    failed, rejected = new.errors - old.errors, new.rejected - old.rejected
    if not 0 < seconds <= _LONGEST or min(came, failed, rejected) < 0:
        return None
    rise = max(0, came + new.in_flight - old.in_flight)
    return Reading(
        in_flight=(old.in_flight + new.in_flight) / 2,
        arrived=rise / seconds,
        answered=max(0, came - failed - rejected) / seconds,
        slow=_slow(old, new, below) / seconds if below is not None else 0.0,
    )


def _slow(old: PodCounters, new: PodCounters, below: float) -> float:
    """Return the answers above a time; of the bucket that it lies in, the part above by a straight line.

    Beyond the last bound nobody can tell, and they count as slow.
    """
    if not new.hist or (old.hist and old.bounds != new.bounds):
        return 0.0
    earlier = old.hist or (0,) * len(new.hist)
    slow, lower = 0.0, 0.0
    for index, count in enumerate(new.hist):
        more = max(0, count - earlier[index])
        upper = new.bounds[index] if index < len(new.bounds) else None
        if upper is None or lower >= below:
            slow += more
        elif upper > below:
            slow += more * (upper - below) / (upper - lower)
        lower = upper if upper is not None else lower
    return slow
