"""What one pod takes, from what its pods were seen to take."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median

from .levels import NOT_BUSY, Levels, knee, within
from .sample import Sample

_HALF_LIFE = 3600.0
"""Seconds after which what a pod took counts half."""
_SERVICE_HALF_LIFE = 60.0
"""The same for the time of an answer, which changes with what is asked."""
_CLEARLY = 1.5
"""Pods that have so many times what they were seen to take are full."""
_FORGET_EVERY = 60.0
_LEARN_EVERY = 10.0
_START_SECONDS = 300.0
_DIGITS = 4


@dataclass(frozen=True)
class Learned:
    """What is known about one pod of a revision."""

    levels: Levels = field(default_factory=Levels)
    busy: float = 0.0
    """Requests worked on, times seconds, and ..."""
    done: float = 0.0
    """... the requests that this took."""
    started_in: float | None = None
    """Seconds until a new pod is ready."""
    knee: float | None = None
    """Requests at once that keep a pod just busy."""
    within: float | None = None
    """Requests at once with which its answers stay within the time of metric latency."""
    slow_anyway: bool = False
    """They do not even where it is not busy."""
    learned_at: float | None = None
    forgot_at: float | None = None

    @property
    def service(self) -> float | None:
        """Seconds that a pod works on one request; None before any was answered."""
        return self.busy / self.done if self.done >= 1 and self.busy > 0 else None


def learn(learned: Learned, sample: Sample, now: float, limit: float | None, quantile: float | None) -> Learned:
    """Return what is known after one look.

    Args:
        learned: what was known before.
        sample: the look.
        now: its time, seconds since the epoch.
        limit: requests that a pod works on at once, where that was configured; otherwise it is learned.
        quantile: share of answers that has to stay within the time of metric latency; None without that metric.
    """
    busy, done = _work(sample, limit, learned.knee)
    after = replace(learned, started_in=_started_in(learned.started_in, sample))
    if not done:
        # Silence teaches nothing, and what was known before it is the best that there is.
        return after
    fade = 0.5 ** (sample.seconds / _SERVICE_HALF_LIFE)
    after = replace(
        _forget(after, now),
        busy=round(after.busy * fade + busy, _DIGITS),
        done=round(after.done * fade + done, _DIGITS),
    )
    if limit is not None and quantile is None:
        return replace(after, levels=Levels(), knee=None, within=None, slow_anyway=False)
    after = replace(after, levels=after.levels.plus(sample))
    if after.learned_at is not None and 0 <= now - after.learned_at < _LEARN_EVERY:
        return after
    bend = knee(after.levels) if limit is None else None
    idle = (limit or bend or NOT_BUSY) / 2
    quick = within(after.levels, quantile, idle) if quantile is not None else None
    return replace(after, learned_at=now, knee=bend, within=quick or None, slow_anyway=quick == 0)


def _work(sample: Sample, limit: float | None, most: float | None) -> tuple[float, float]:
    """Return requests worked on times seconds, and how many requests that was.

    Elsewhere a failure takes as long as an answer; what a full pod refuses took it no time, and what waits in it is not
    worked on.
    """
    readings = [pod.reading for pod in sample.pods if pod.ready and pod.reading is not None]
    if limit is None:
        at_once = sum(reading.in_flight for reading in readings)
        full = most is not None and at_once > _CLEARLY * most * len(readings)
        busy = most * len(readings) if full and most is not None else at_once
        done = sum(reading.answered if full else reading.arrived for reading in readings)
    else:
        busy = sum(min(reading.in_flight, limit) for reading in readings)
        done = sum(reading.answered if reading.in_flight >= limit else reading.arrived for reading in readings)
    return busy * sample.seconds, done * sample.seconds


def _forget(learned: Learned, now: float) -> Learned:
    if learned.forgot_at is None or now < learned.forgot_at:
        return replace(learned, forgot_at=now)
    if now - learned.forgot_at < _FORGET_EVERY:
        return learned
    return replace(learned, levels=learned.levels.faded(0.5 ** (_FORGET_EVERY / _HALF_LIFE)), forgot_at=now)


def _started_in(known: float | None, sample: Sample) -> float | None:
    seen = [pod.started_in for pod in sample.pods if pod.ready and pod.started_in is not None]
    if not seen:
        return known
    now = median(seen)
    if known is None:
        return round(now, _DIGITS)
    return round(known + (now - known) * min(1.0, sample.seconds / _START_SECONDS), _DIGITS)
