"""Averages over the last seconds, in a bounded number of buckets."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

from .traffic import Traffic

MOST_BUCKETS = 60
_DIGITS = 4
"""Sums are kept to so many places, so that a state stays short and is the same after it was written and read."""


@dataclass(frozen=True)
class Bucket:
    """Sums over the looks whose time lies in one stretch of `width` seconds."""

    index: int
    """Number of the stretch: the time in seconds since the epoch, over the width."""
    seconds: float = 0.0
    arrived: float = 0.0
    serving: float = 0.0
    """Requests at once that are worked on, times seconds."""
    waiting: float = 0.0
    missing: float = 0.0
    """Pods without a reading, times seconds."""
    unseen: float = 0.0
    """Requests that these had, if they had what the others had."""

    def plus(self, traffic: Traffic) -> Bucket:
        """Return the sums with one look more."""
        seconds = traffic.seconds
        return Bucket(
            self.index,
            round(self.seconds + seconds, _DIGITS),
            round(self.arrived + traffic.arrived * seconds, _DIGITS),
            round(self.serving + traffic.serving * seconds, _DIGITS),
            round(self.waiting + traffic.waiting * seconds, _DIGITS),
            round(self.missing + traffic.missing * seconds, _DIGITS),
            round(self.unseen + traffic.unseen * seconds, _DIGITS),
        )


@dataclass(frozen=True)
class Window:
    """The last stretches, oldest first; those without a look are not kept."""

    width: float
    """Seconds of a bucket."""
    span: float
    """Seconds that are kept."""
    buckets: tuple[Bucket, ...] = ()

    @classmethod
    def over(cls, span: float) -> Window:
        """Return an empty window over so many seconds, in at most 60 buckets of whole seconds."""
        return cls(float(max(1, ceil(span / MOST_BUCKETS))), span)

    def plus(self, traffic: Traffic, now: float) -> Window:
        """Return the window with one look more, and without what is too old."""
        index = floor(now / self.width)
        oldest = index - self._count(self.span)
        kept = tuple(bucket for bucket in self.buckets if oldest < bucket.index <= index)
        if kept and kept[-1].index == index:
            return Window(self.width, self.span, (*kept[:-1], kept[-1].plus(traffic)))
        return Window(self.width, self.span, (*kept, Bucket(index).plus(traffic)))

    def mean(self, now: float, span: float) -> Traffic | None:
        """Return the average over the last `span` seconds (rounded up to whole buckets); None without a look in them.

        Time without any look is left out, it does not count as time without load.
        """
        oldest = floor(now / self.width) - self._count(span)
        seconds = arrived = serving = waiting = missing = unseen = 0.0
        for bucket in reversed(self.buckets):
            if bucket.index <= oldest:
                break
            seconds += bucket.seconds
            arrived += bucket.arrived
            serving += bucket.serving
            waiting += bucket.waiting
            missing += bucket.missing
            unseen += bucket.unseen
        if seconds <= 0:
            return None
        sums = (arrived, serving, waiting, missing, unseen)
        return Traffic(seconds, *(one / seconds for one in sums))

    def points(self, now: float, span: float, *, whole: bool = False) -> list[tuple[float, float]]:
        """Return (middle of a bucket, requests a second in it) over the last `span` seconds, oldest first.

        A bucket that is not half full would be little more than chance. `whole` adds what nobody has seen.
        """
        return [
            ((bucket.index + 0.5) * self.width, (bucket.arrived + (bucket.unseen if whole else 0.0)) / bucket.seconds)
            for bucket in self.buckets
            if bucket.seconds >= self.width / 2 and (bucket.index + 0.5) * self.width > now - span
        ]

    def _count(self, span: float) -> int:
        return max(1, ceil(span / self.width))
