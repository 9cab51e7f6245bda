"""From the raw series of two counters to what a process, and a pod of several, has counted since it was seen first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import inf, nextafter

from .prometheus_api import Series

Scraper = tuple[str, ...]
"""The values of the labels by which one who scrapes is told from another."""
Told = Mapping[Scraper, Mapping[str, Collection[Series]]]
"""Who scraped it -> the process within the pod -> its series of one counter."""
_MOST = 1e15
"""A value above is no count: a float would no longer tell it from the next one."""
_Labels = frozenset[tuple[str, str]]
_Sample = tuple[float, float]
_New = Mapping[_Labels, tuple[_Sample | None, list[_Sample]]]
"""Labels -> the last sample that was known, those after it."""


class Process:
    """What one process counted since it was seen first, over its restarts.

    Each series counts for itself: a server that takes in remote writes may know one of a scrape's series and not yet
    another, and a sum that falls for that is no restart.
    """

    def __init__(self, after: float = -inf) -> None:
        """Prepare; samples until `after` (seconds since the epoch) say nothing."""
        self.trials = self.events = 0.0
        self.at = after
        """Moment of the last trials, seconds since the epoch."""
        self._after = after
        self._trials: dict[_Labels, _Sample] = {}
        self._events: dict[_Labels, _Sample] = {}

    def take(self, trials: Iterable[Series], events: Iterable[Series], until: float = inf) -> None:
        """Take in samples, events only up to `until`; those that are known already change nothing."""
        first, second = self._new(trials, self._trials, inf), self._new(events, self._events, until)
        going = {at for known, new in (*first.values(), *second.values()) for at, _ in (new if known else new[1:])}
        self.trials += _advance(self._trials, first, going)
        self.events += _advance(self._events, second, going)
        self.at = max((at for at, _ in self._trials.values()), default=self._after)

    def _new(self, series: Iterable[Series], known: Mapping[_Labels, _Sample], until: float) -> _New:
        found = {}
        for one in series:
            labels = frozenset(one.labels.items())
            last = known.get(labels)
            begin = self._after if last is None else last[0]
            found[labels] = last, [(at, n) for at, n in one.samples if begin < at <= until and 0 <= n <= _MOST]
        return found


class Pod:
    """What the processes of one pod counted together, as one of those who scrape it tells it."""

    def __init__(self) -> None:
        self.at = -inf
        """Moment of the last trials, seconds since the epoch."""
        self._processes: dict[tuple[Scraper, str], Process] = {}
        self._chosen: tuple[Scraper, Scraper] | None = None
        self._after = -inf
        self._before = (0.0, 0.0)

    @property
    def trials(self) -> float:
        """All trials since it was seen first."""
        return self._before[0] + sum(process.trials for process in self._processes.values())

    @property
    def events(self) -> float:
        """All events since it was seen first."""
        return self._before[1] + sum(process.events for process in self._processes.values())

    def take(self, trials: Told, events: Told, oldest: float) -> None:
        """Take in what was read; samples before `oldest` (seconds since the epoch) are not fresh."""
        chosen = self._choose(trials, events, oldest)
        if chosen != self._chosen:
            # What the other one has told until now counts; of the same time nothing is taken from the new one.
            self._before, self._processes, self._chosen = (self.trials, self.events), {}, chosen
            # Where events are scraped apart, trials before the first of them say nothing of how many there were.
            apart = chosen[0] != chosen[1] and self.at == -inf
            self._after = nextafter(min(_moments(events[chosen[1]])), -inf) if apart else self.at
        first, second = trials[chosen[0]], events.get(chosen[1], {})
        until = max(_moments(first))
        for scraper, name in {(chosen[0], name) for name in first} | {(chosen[1], name) for name in second}:
            process = self._processes.setdefault((scraper, name), Process(self._after))
            process.take(
                first.get(name, ()) if scraper == chosen[0] else (),
                second.get(name, ()) if scraper == chosen[1] else (),
                until,
            )
        self.at = max(self.at, *(process.at for process in self._processes.values()))

    def _choose(self, trials: Told, events: Told, oldest: float) -> tuple[Scraper, Scraper]:
        """Return who is believed about trials and about events: one alone if possible, the same while it answers."""
        kept = self._chosen
        if (
            kept
            and max(_moments(trials.get(kept[0], {})), default=-inf) >= oldest
            and (not events or kept[1] in events)
        ):
            return kept
        one = min(trials, key=lambda scraper: (scraper not in events, -len(_moments(trials[scraper])), scraper))
        if one in events or not events:
            # One scrape tells both: where it tells no event, there was none yet.
            return one, one
        return one, min(events, key=lambda scraper: (-len(_moments(events[scraper])), scraper))


def _moments(processes: Mapping[str, Collection[Series]]) -> set[float]:
    return {at for series in processes.values() for one in series for at, _ in one.samples}


def _advance(known: dict[_Labels, _Sample], new: _New, going: Collection[float]) -> float:
    """Take the samples in; return what was counted between them."""
    total = 0.0
    for labels, (before, samples) in new.items():
        last = before
        for at, count in samples:
            if last is not None:
                total += count - last[1] if count >= last[1] else count
            elif at in going:
                # The process was scraped before, without this series: it began at zero. Where no other series goes on,
                # all may have got other labels, and the first sample is a reference.
                total += count
            last = at, count
        if last is not None:
            known[labels] = last
    return total
