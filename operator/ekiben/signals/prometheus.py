"""Counters of pods from a Prometheus server that scrapes them.

What is asked for are raw samples. All series of one scrape carry one timestamp, so that the samples of a moment are a
pod's page as it was then, and are read as such. Each moment is taken in once, a restart between two of them included.
The moments of different pods differ by up to one scrape interval: blocks are at least four intervals long.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ekiben.api.model import Runtime

from .accumulate import Rising
from .counters import MetricsError, PodCounters, Trouble
from .dialects import DIALECTS, Dialect, Slot, has_histogram
from .prometheus_api import PrometheusApi, Series
from .promql import Matcher, one_of, raw
from .source import Readings, ScrapeTarget, outcome
from .tally import tally

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
# What tells one scraper of a pod from another: a second job, or the second of a pair of servers.
_SCRAPER = ("job", "instance", "prometheus", "prometheus_replica", "replica", "cluster")
UP = "up"
_WINDOW = 10
"""Intervals that are looked back: more than lie between two readings, since a reading may fail."""
_STALE = 3
"""Intervals after which a sample is too old: one scrape may fail."""
Pages = defaultdict[float, list[tuple[Slot, float]]]


@dataclass(frozen=True)
class Names:
    """Labels that the server puts on what it scrapes from pods."""

    namespace: str = "namespace"
    pod: str = "pod"


class PrometheusSource:
    """Asks a Prometheus server."""

    drains = False  # what it knows is an interval old
    pooled = False

    def __init__(
        self, api: PrometheusApi, interval: float, names: Names | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """Prepare.

        Args:
            api: the server; stays the caller's to close.
            interval: seconds between two scrapes of a pod.
            names: labels of the pods.
            clock: seconds since the epoch.
        """
        self.interval = interval
        self._api = api
        self._names = names or Names()
        self._clock = clock
        self._pods: dict[str, Rising] = {}

    async def read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        """Return pod uid -> its counters at its last scrape, or why they are not known."""
        existing = {target.uid for target in targets}
        self._pods = {uid: pod for uid, pod in self._pods.items() if uid in existing}
        found: dict[str, PodCounters | MetricsError] = {}
        groups: dict[tuple[str, Runtime], list[ScrapeTarget]] = defaultdict(list)
        for target in targets:
            if _NAME.fullmatch(target.name) and _NAME.fullmatch(target.namespace):
                groups[target.namespace, target.runtime].append(target)
            else:
                found[target.uid] = MetricsError(Trouble.REFUSED, f"{target.name!r} is not the name of a pod")
        for (namespace, runtime), group in groups.items():
            answer = await outcome(self._ask(namespace, runtime, group), timeout, self._api.whose)
            for target in group:
                found[target.uid] = answer if isinstance(answer, MetricsError) else self._reading(target, answer)
        return found

    def histograms(self, runtime: Runtime) -> bool:
        """Whether the runtime exports a latency histogram."""
        return has_histogram(runtime)

    async def close(self) -> None:
        """Nothing: the connections are the caller's."""

    async def _ask(self, namespace: str, runtime: Runtime, pods: Iterable[ScrapeTarget]) -> Mapping[str, list[Series]]:
        families = [name for dialect in DIALECTS[runtime] for name in dialect.families]
        matchers = (
            one_of("__name__", [UP, *families]),
            Matcher(self._names.namespace, namespace),
            one_of(self._names.pod, (pod.name for pod in pods)),
        )
        by_pod: dict[str, list[Series]] = defaultdict(list)
        for series in await self._api.samples(raw(matchers, _WINDOW * self.interval), self._clock()):
            by_pod[series.labels.get(self._names.pod, "")].append(series)
        return by_pod

    def _reading(self, target: ScrapeTarget, answer: Mapping[str, list[Series]]) -> PodCounters | MetricsError:
        series = answer.get(target.name)
        if not series:
            return MetricsError(
                Trouble.UNKNOWN,
                f"{self._api.whose} has no samples of pod {target.name} within {_WINDOW * self.interval:g} s: is it "
                f"scraped, with the labels {self._names.namespace} and {self._names.pod}?",
            )
        try:
            return self._advance(target, series)
        except MetricsError as error:
            return error

    def _advance(self, target: ScrapeTarget, series: Sequence[Series]) -> PodCounters:
        rising = self._pods.setdefault(target.uid, Rising())
        for moment in moments(series, target.runtime):
            if rising.total.at is None or (moment.at or 0.0) > rising.total.at:
                rising.add(moment)
        age = self._clock() - (rising.total.at or 0.0)
        if age > _STALE * self.interval:
            raise MetricsError(
                Trouble.STALE,
                f"the last samples of pod {target.name} in {self._api.whose} are older than {_STALE} scrape intervals "
                f"of {self.interval:g} s: if it scrapes less often, say so in the operator's setting "
                "prometheus_interval",
            )
        return rising.total


def moments(series: Sequence[Series], runtime: Runtime) -> list[PodCounters]:
    """Return a pod's counters at each moment of a scrape, in order of time.

    `up` tells of scrapes that brought nothing: a server that was asked nothing yet may have no series. Where several
    scrapers read the pod, the one with the most samples counts, and among equals the first by name.

    Raises:
        MetricsError: Malformed, or Ambiguous.
    """
    chosen: dict[tuple[str, ...], Pages] = {}
    for dialect in DIALECTS[runtime]:
        chosen = _pages(series, dialect)
        if any(samples for pages in chosen.values() for samples in pages.values()):
            break
    if not chosen:
        return []
    best = min(chosen, key=lambda scraper: (-len(chosen[scraper]), scraper))
    return [tally(samples, at) for at, samples in sorted(chosen[best].items())]


def _pages(series: Sequence[Series], dialect: Dialect) -> dict[tuple[str, ...], Pages]:
    """Return, by scraper, moment -> the samples of that moment."""
    found: dict[tuple[str, ...], Pages] = defaultdict(lambda: defaultdict(list))
    for one in series:
        name = one.labels.get("__name__", "")
        pages = found[tuple(one.labels.get(label, "") for label in _SCRAPER)]
        slot = dialect.slot(name, one.labels)
        for at, value in one.samples:
            if slot is not None:
                pages[at].append((slot, value))
            elif name == UP and value == 1:
                pages.setdefault(at, [])
    return found
