"""The counters of a business metric, by revision, from Prometheus."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from ekiben.api.base import seconds

from .counters import MetricsError, PodCounters, Trouble
from .processes import Pod, Scraper
from .prometheus import Names
from .prometheus_api import PrometheusApi, Series
from .promql import Matcher, one_of, quoted, raw
from .queries import Counter, Query

_WINDOW = 10
"""Intervals that are looked back."""
_STALE = 3
_SHOWN = 200
# What the same process may be known by more than once: a second job, the second of a pair of servers.
_SCRAPER = ("job", "prometheus", "prometheus_replica", "replica")
_ByScraper = Mapping[tuple[str, str], Mapping[Scraper, Mapping[str, list[Series]]]]
"""(revision, pod) -> who scraped it -> the process within the pod -> its series."""


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
        self._pods: dict[tuple[str, str], Pod] = {}

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
        found, others = self._by_scraper(trials, revisions), self._by_scraper(events, revisions)
        for key, scrapers in found.items():
            self._pods.setdefault(key, Pod()).take(scrapers, others.get(key, {}), self._oldest())
        return self._totals(revisions)

    def sought(self, namespace: str) -> str:
        """Return the series of the trials that are asked for, for people."""
        labels = dict(self._query.trials.labels)
        if self._namespace != "-":
            labels = {self._namespace: namespace, **labels}
        shown = ",".join(f"{label}={quoted(value)}" for label, value in labels.items())
        kind = "the name of a pod" if self._query.revision_by == "pod" else "the revision's name"
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        return f"{self._query.trials.metric}{{{shown}}} with {kind} in the label {self._label}"

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

    def _by_scraper(self, series: Iterable[Series], revisions: Mapping[str, str]) -> _ByScraper:
        found: dict[tuple[str, str], dict[Scraper, dict[str, list[Series]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(list))
        )
        for one in series:
            value = one.labels.get(self._label, "")
            if value not in revisions or not one.samples:
                continue
            # A pod may have several processes, each behind a port of its own.
            instance = one.labels.get("instance", "")
            pod = value if self._query.revision_by == "pod" else instance
            found[revisions[value], pod][tuple(one.labels.get(label, "") for label in _SCRAPER)][instance].append(one)
        return found

    def _oldest(self) -> float:
        """Return the moment before which samples are not fresh."""
        return self._clock() - _STALE * self.interval

    def _totals(self, revisions: Mapping[str, str]) -> dict[str, PodCounters]:
        found: dict[str, PodCounters] = {}
        for revision in dict.fromkeys(revisions.values()):
            parts = [pod for (whose, _), pod in self._pods.items() if whose == revision]
            # New pods may export nothing before their first trial: those that they replaced are no reading that failed.
            there = [pod for (whose, value), pod in self._pods.items() if whose == revision and value in revisions]
            fresh = [part.at for part in parts if part.at >= self._oldest()]
            if there and not fresh:
                raise MetricsError(
                    Trouble.STALE,
                    f"the last samples of {self._query.trials.metric} for revision {revision} are older than {_STALE} "
                    f"scrape intervals of {self.interval:g} s",
                )
            if fresh:
                counted = (round(sum(part.trials for part in parts)), round(sum(part.events for part in parts)))
                found[revision] = PodCounters(*counted, at=min(fresh))
        return found
