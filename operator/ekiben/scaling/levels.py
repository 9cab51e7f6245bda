"""What pods did with so many requests at once: seconds, answers and slow answers, filed by their load."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, log2

from .isotonic import rising
from .sample import Sample

_LOWEST, _LEVELS = 0.0625, 36
_FEWEST_ANSWERS = 200.0
"""Answers that a stretch of time needs before it is filed: with few, the busy seconds are those with the long answers,
and load would seem to make answers slow."""
_LONGEST = 60.0
"""Seconds after which a stretch is filed with fewer, or given up."""
_WEIGHT = 300.0
"""Answers that a level needs to stand alone."""
_BEYOND = 1.5
"""What was not seen is not believed: a pod is given at most so many times what it was seen to take. With less, the room
that is left for chance would keep more from ever being seen."""
_BENT = 1.25
"""Answers that take so many times longer than those of a pod that is not busy show that it is."""
NOT_BUSY = 2.0
"""Requests at once at which a pod is taken not to be busy."""
_DIGITS = 4


@dataclass(frozen=True)
class Level:
    """The time that pods spent with about as many requests at once each; steps of the square root of 2."""

    index: int = -1
    """-1: a stretch that is not filed yet."""
    seconds: float = 0.0
    """Of all pods together."""
    in_flight: float = 0.0
    """Requests at once, times seconds."""
    answered: float = 0.0
    slow: float = 0.0

    def plus(self, other: Level) -> Level:
        """Return the sum, at this level."""
        return Level(
            self.index,
            round(self.seconds + other.seconds, _DIGITS),
            round(self.in_flight + other.in_flight, _DIGITS),
            round(self.answered + other.answered, _DIGITS),
            round(self.slow + other.slow, _DIGITS),
        )


@dataclass(frozen=True)
class Levels:
    """What was filed, lowest load first, and the stretch that is not yet."""

    filed: tuple[Level, ...] = ()
    stretch: Level = Level()
    lasted: float = 0.0
    """Seconds of the stretch."""

    def plus(self, sample: Sample) -> Levels:
        """Return the levels with one look more. Pods that are not ready say nothing."""
        readings = [pod.reading for pod in sample.pods if pod.ready and pod.reading is not None]
        seconds = sample.seconds
        look = Level(
            -1,
            len(readings) * seconds,
            sum(reading.in_flight for reading in readings) * seconds,
            sum(reading.answered for reading in readings) * seconds,
            sum(reading.slow for reading in readings) * seconds,
        )
        stretch, lasted = self.stretch.plus(look), round(self.lasted + seconds, _DIGITS)
        if stretch.answered < _FEWEST_ANSWERS and lasted < _LONGEST:
            return Levels(self.filed, stretch, lasted)
        if stretch.answered < _FEWEST_ANSWERS / 20 or stretch.seconds <= 0:
            return Levels(self.filed)
        return Levels(_filed(self.filed, stretch))

    def faded(self, by: float) -> Levels:
        """Return the levels with so much less weight."""
        return Levels(tuple(_faded(self.filed, by)), self.stretch, self.lasted)


def knee(levels: Levels) -> float | None:
    """Return the requests at once that keep a pod just busy; None before enough answers.

    The time of an answer where pods are not busy, times the most answers a second that a pod ever gives (Little's law):
    fewer at once leave it idle, more only wait. It is the optimal operating point of L. Kleinrock, Power and
    deterministic rules of thumb for probabilistic problems in computer communications (ICC 1979). Times and answers are
    made to rise with the load first, so that one odd minute says nothing. While no bend was seen, the knee lies beyond
    the most that was (idle pods say nothing about busy ones); while no pod was seen that is not busy, nobody can tell
    what busy means.
    """
    seen = _weighty(levels.filed)
    if not seen or seen[0].in_flight / seen[0].seconds > NOT_BUSY:
        return None
    times = rising([(level.in_flight / level.answered, level.answered) for level in seen])
    rates = rising([(level.answered / level.seconds, level.seconds) for level in seen])
    most = rates[-1] * times[0]
    return round(most if times[-1] > _BENT * times[0] else max(NOT_BUSY, _BEYOND * most), _DIGITS)


def within(levels: Levels, quantile: float, idle: float) -> float | None:
    """Return the most requests at once with which a share `quantile` of the answers is quick enough.

    None before enough answers; 0 where they are too slow even of pods that have no more than `idle` requests at once:
    then it is not the load that makes them slow. Between the two, the least that was seen.
    """
    seen = _weighty(levels.filed)
    if not seen:
        return None
    allowed = 1 - quantile
    at = [level.in_flight / level.seconds for level in seen]
    slow = rising([(level.slow / level.answered, level.answered) for level in seen])
    fine = [index for index, share in enumerate(slow) if share <= allowed]
    if not fine:
        return 0.0 if at[0] <= idle else round(at[0], _DIGITS)
    last = fine[-1]
    if last + 1 == len(seen):
        return round(_BEYOND * at[last], _DIGITS)
    part = (allowed - slow[last]) / (slow[last + 1] - slow[last])
    return round(at[last] + part * (at[last + 1] - at[last]), _DIGITS)


def _weighty(filed: tuple[Level, ...]) -> list[Level]:
    """Return the levels, each with the rarer ones beside it: what a pod did in one minute only may have been chance."""
    weighty: list[Level] = []
    for level in filed:
        if weighty and min(level.answered, weighty[-1].answered) < _WEIGHT:
            weighty[-1] = weighty[-1].plus(level)
        else:
            weighty.append(level)
    return weighty if sum(level.in_flight for level in weighty) > 0 else []


def _filed(levels: tuple[Level, ...], stretch: Level) -> tuple[Level, ...]:
    load = max(_LOWEST, stretch.in_flight / stretch.seconds)
    index = min(_LEVELS - 1, floor(2 * log2(load / _LOWEST)))
    found = {level.index: level for level in levels}
    found[index] = found.get(index, Level(index)).plus(stretch)
    return tuple(found[each] for each in sorted(found))


def _faded(levels: Iterable[Level], by: float) -> Iterable[Level]:
    for level in levels:
        faded = Level(
            level.index,
            round(level.seconds * by, _DIGITS),
            round(level.in_flight * by, _DIGITS),
            round(level.answered * by, _DIGITS),
            round(level.slow * by, _DIGITS),
        )
        if faded.answered >= 1:
            yield faded
