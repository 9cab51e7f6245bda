"""The counters of a business metric, by revision, from Prometheus."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from ekiben.api.base import seconds

from .counters import MetricsError, PodCounters, Trouble
from .prometheus import Names
from .prometheus_api import PrometheusApi, Series
from .promql import Matcher, one_of, raw
from .queries import Counter, Query

_WINDOW = 10
"""Intervals that are looked back."""
_STALE = 3
# What the same process may be known by more than once: a second job, the second of a pair of servers.
_SCRAPER = ("job", "prometheus", "prometheus_replica", "replica")
Scraper = tuple[str, ...]
Pages = dict[float, tuple[float, float]]
"""Moment (seconds since the epoch) -> (trials, events)"""


class QueryReader:
    """Reads one query for one pair of revisions."""

    def __init__(
        self,
        api: PrometheusApi,
        query: Query,
        interval: float,
        names: Names | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare.

        Args:
            api: the server; stays the caller's to close.
            query: what to read.
            interval: the operator's scrape interval in seconds, where the query has none of its own.
            names: the operator's labels of pods.
            clock: seconds since the epoch.
        """
        self.interval = seconds(query.interval) if query.interval else interval
        self._api = api
        self._query = query
        self._clock = clock
        names = names or Names()
        by_pod = query.revision_by == "pod"
        self._namespace = query.namespace_label or names.namespace
        self._label = query.revision_label or (names.pod if by_pod else "revision")
        self._processes: dict[tuple[str, str], Process] = {}

    async def read(self, namespace: str, pods: Mapping[str, Sequence[str]]) -> dict[str, PodCounters]:
        """Return revision -> trials as `requests` and events as `errors`; not of one that has none at all.

        Args:
            namespace: of the resource.
            pods: revision -> the names of its pods.

        Raises:
            MetricsError: SourceDown, Stale.
            aiohttp.ClientError, OSError: the server cannot be reached.
        """
        revisions = self._values(pods)
        if not revisions:
            return {}
        trials = await self._ask(self._query.trials, namespace, revisions)
        events = await self._ask(self._query.events, namespace, revisions)
        for key, pages in self._pages(trials, events, revisions).items():
            process = self._processes.setdefault(key, Process())
            for at, counted in sorted(pages.items()):
                process.take(at, *counted)
        return self._totals(revisions.values())

    def _values(self, pods: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Return value of the label -> revision."""
        if self._query.revision_by == "revision":
            return {revision: revision for revision in pods}
        return {pod: revision for revision, names in pods.items() for pod in names}

    async def _ask(self, counter: Counter, namespace: str, revisions: Mapping[str, str]) -> list[Series]:
        matchers = [Matcher("__name__", counter.metric), one_of(self._label, revisions)]
        if self._namespace != "-":
            matchers.append(Matcher(self._namespace, namespace))
        matchers += [Matcher(label, value) for label, value in counter.labels.items()]
        return await self._api.samples(raw(matchers, _WINDOW * self.interval), self._clock())

    def _pages(
        self, trials: Iterable[Series], events: Iterable[Series], revisions: Mapping[str, str]
    ) -> dict[tuple[str, str], Pages]:
        """Return (revision, process) -> moment -> (trials, events) that it had counted by then."""
        first, second = self._by_scraper(trials, revisions), self._by_scraper(events, revisions)
        found: dict[tuple[str, str], Pages] = {}
        for key, scrapers in first.items():
            scraper = _chosen(scrapers)
            others = second.get(key, {})
            # One scrape tells both: where it tells no event, there was none yet. Otherwise both have to be there.
            same = not others or scraper in others
            found[key] = joined(scrapers[scraper], others[scraper if same else _chosen(others)] if others else {}, same)
        return found

    def _by_scraper(
        self, series: Iterable[Series], revisions: Mapping[str, str]
    ) -> dict[tuple[str, str], dict[Scraper, dict[float, float]]]:
        """Return (revision, process) -> who scraped it -> moment -> value, summed over series."""
        seen: dict[tuple[str, str], dict[Scraper, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
        for one in series:
            value = one.labels.get(self._label, "")
            if value not in revisions:
                continue
            process = value if self._query.revision_by == "pod" else one.labels.get("instance", "")
            values = seen[revisions[value], process][tuple(one.labels.get(label, "") for label in _SCRAPER)]
            for at, count in one.samples:
                values[at] = values.get(at, 0.0) + count
        return seen

    def _totals(self, revisions: Iterable[str]) -> dict[str, PodCounters]:
        found: dict[str, PodCounters] = {}
        oldest = self._clock() - _STALE * self.interval
        for revision in dict.fromkeys(revisions):
            parts = [process for (whose, _), process in self._processes.items() if whose == revision]
            fresh = [part.at for part in parts if part.at >= oldest]
            if parts and not fresh:
                raise MetricsError(
                    Trouble.STALE,
                    f"the last samples of {self._query.trials.metric} for revision {revision} are older than {_STALE} "
                    f"scrape intervals of {self.interval:g} s",
                )
            if fresh:
                counted = (round(sum(part.trials for part in parts)), round(sum(part.events for part in parts)))
                found[revision] = PodCounters(*counted, at=min(fresh))
        return found


class Process:
    """What one process counted since it was seen first, over its restarts."""

    def __init__(self) -> None:
        self.at = 0.0
        """When it was scraped last."""
        self.trials = self.events = 0.0
        self._last: tuple[float, float] | None = None

    def take(self, at: float, trials: float, events: float) -> None:
        """Take in a scrape; one that is known already changes nothing. The first one is only a reference."""
        if at <= self.at:
            return
        if self._last is not None:
            self.trials += _since(self._last[0], trials)
            self.events += _since(self._last[1], events)
        self.at, self._last = at, (trials, events)


def joined(trials: Mapping[float, float], events: Mapping[float, float], same: bool) -> Pages:
    """Return moment -> (trials, events) at the moments of the trials, with the last events known by then.

    With `same`, one scrape tells both, and no events mean that there were none yet; otherwise moments before the first
    events are left out.
    """
    pages: Pages = {}
    moments = sorted(events)
    for at in sorted(trials):
        place = bisect_right(moments, at)
        if place or same:
            pages[at] = trials[at], events[moments[place - 1]] if place else 0.0
    return pages


def _chosen(scrapers: Mapping[Scraper, Mapping[float, float]]) -> Scraper:
    return min(scrapers, key=lambda scraper: (-len(scrapers[scraper]), scraper))


def _since(last: float, now: float) -> float:
    return now - last if now >= last else now
