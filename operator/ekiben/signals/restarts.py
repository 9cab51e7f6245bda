"""Who answers for a pod: a process that goes on, one that began anew, or several that count each for itself.

Counters that fall are another process's. That it began anew is believed where the container has been restarted, or the
process says that it started since it was asked last: then all that it has counted is new. Otherwise it may be one of
several, such as workers that each have a registry of their own, and what one of them counted in its whole life must
not be taken for what happened since another one was asked. Then nothing counts until a while has shown that one process
answers; with each further sign of several the while gets longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import isfinite, nan

from .accumulate import plus, since
from .counters import MetricsError, PodCounters, Trouble
from .increments import fallen
from .source import Readings, ScrapeTarget

STARTED = "process_start_time_seconds"
_STARTED = STARTED.encode() + b" "
_PATIENCE = 10
"""Readings: of two workers that answer by chance, one answers so many in a row once in a thousand times."""
_MOST_DOUBLINGS = 8
_CALM = 100
"""Readings without a sign of several processes after which one sign is forgotten."""
_ROUNDED = 2.0
"""Seconds: when a process started is told to the second, by another clock."""


def started(body: bytes) -> float | None:
    """Return when the process that wrote a page started, by its own clock in seconds since the epoch."""
    # Samples follow what is said of them; to look for the line by an expression takes longer than to read the page.
    place = body.rfind(_STARTED)
    if place < 0 or body[place - 1 : place] not in (b"", b"\n"):
        return None
    words = body[place + len(_STARTED) : place + len(_STARTED) + 64].split(maxsplit=1)
    try:
        when = float(words[0]) if words else nan
    except ValueError:
        return None
    return when if isfinite(when) else None


class Counting:
    """What a pod counted, over restarts of what counts: totals that never fall."""

    def __init__(self) -> None:
        self.total = PodCounters()
        self._last: PodCounters | None = None
        self._at = 0.0
        """When the last reading began, seconds since the epoch."""
        self._former: PodCounters | None = None
        """What had been counted before a fall that nothing explains, until it is reached again."""
        self._doubt = 0
        """Readings that still have to pass without a sign of several processes."""
        self._signs = 0
        self._calm = 0
        """Readings since the last of them."""
        self._held = PodCounters()
        """Counted since the last sign; counts once it is clear that one process did."""

    @property
    def doubted(self) -> bool:
        """Whether it is open who counts; `total` is of the time before then."""
        return self._doubt > 0

    def take(self, now: PodCounters, at: float, *, restarted: bool) -> bool:
        """Take in the next reading; the first one counts as a whole.

        Args:
            now: what was read.
            at: when, seconds since the epoch.
            restarted: whether the container was restarted since the last reading that was not in doubt.

        Returns:
            Whether what answers has begun anew.
        """
        last, self._last = self._last, now
        before, self._at = self._at, at
        if last is None:
            self._count(now, now)
            return False
        other = last.started is not None and now.started is not None and last.started != now.started
        born = other and now.started is not None and now.started >= before - _ROUNDED
        if born or (restarted and (other or self.doubted or fallen(last, now))):
            self._doubt = self._signs = 0
            self._former, self._held = None, PodCounters()
            self._count(now, now)
            return True
        if fallen(last, now) or self._back(last, now) or (other and self.doubted):
            self._wonder(last, now)
            return False
        if not other:  # another process's counters say nothing about what this one has counted since
            self._held = plus(self._held, since(last, now))
        self._doubt = max(0, self._doubt - 1)
        self._calm += 1
        if self._calm >= _CALM:
            self._calm, self._signs = 0, max(0, self._signs - 1)
        if not self.doubted:
            self._former = None  # one that goes on gets there by itself
            self._count(self._held, now)
            self._held = PodCounters()
        return False

    def refer(self, now: PodCounters, at: float) -> None:
        """Take in what counts from now on, and nothing of what it has counted by then."""
        self._last, self._at, self._former, self._held = now, at, None, PodCounters()

    def why(self, name: str) -> MetricsError:
        """Return what is wrong while it is open who counts in the pod of this name."""
        if self._signs > 1:
            return MetricsError(
                Trouble.SEVERAL,
                f"several processes of pod {name} answer with counters of their own, each with its part of the "
                "requests: let them share one registry (such as prometheus_client's multiprocess mode), or run one "
                "process in each pod",
            )
        return MetricsError(
            Trouble.SEVERAL,
            f"the counters of pod {name} fell although its container was not restarted: nothing of it counts until it "
            "is clear that one process answers",
        )

    def _count(self, more: PodCounters, now: PodCounters) -> None:
        total = plus(self.total, more)
        self.total = replace(
            now,
            requests=total.requests,
            errors=total.errors,
            rejected=total.rejected,
            hist=total.hist,
            bounds=total.bounds,
            started=None,
        )

    def _back(self, last: PodCounters, now: PodCounters) -> bool:
        """Whether a rise leads back to what had been counted before a fall: the one that counted then answers again."""
        return self._former is not None and fallen(self._former, last) and not fallen(self._former, now)

    def _wonder(self, last: PodCounters, now: PodCounters) -> None:
        if not fallen(last, now):
            self._former = None
        elif self._former is None or not fallen(self._former, last):
            self._former = last
        self._doubt = _PATIENCE * 2 ** min(self._signs, _MOST_DOUBLINGS)
        self._signs, self._calm = self._signs + 1, 0
        self._held = PodCounters()


class Countings:
    """The pods of one reader of raw counters."""

    def __init__(self) -> None:
        self._pods: dict[str, Counting] = {}
        self._restarts: dict[str, int] = {}
        """Pod uid -> restarts of its containers at the last reading that was not in doubt."""

    def take(self, targets: Iterable[ScrapeTarget], read: Readings, now: float) -> Readings:
        """Return a reading that began at `now` with totals that never fall in the place of raw counters.

        A pod of which it is open who counts is one that could not be read.
        """
        by_uid = {target.uid: target for target in targets}
        self._pods = {uid: pod for uid, pod in self._pods.items() if uid in by_uid}
        self._restarts = {uid: count for uid, count in self._restarts.items() if uid in by_uid}
        found: dict[str, PodCounters | MetricsError] = dict(read)
        for uid, answer in read.items():
            if uid in by_uid and isinstance(answer, PodCounters):
                found[uid] = self._one(by_uid[uid], answer, now)
        return found

    def _one(self, target: ScrapeTarget, answer: PodCounters, now: float) -> PodCounters | MetricsError:
        counting = self._pods.setdefault(target.uid, Counting())
        restarted = target.restarts > self._restarts.get(target.uid, target.restarts)
        counting.take(answer, now, restarted=restarted)
        if counting.doubted:
            return counting.why(target.name)
        self._restarts[target.uid] = target.restarts
        return counting.total
