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

from .counters import MetricsError, PodCounters, Trouble
from .dialects import DIALECTS, has_histogram
from .prometheus_api import PrometheusApi, Series
from .promql import Matcher, one_of, raw
from .restarts import STARTED
from .scrapes import STALE, UP, PodScrapes, by_scraper
from .source import Readings, ScrapeTarget, outcome

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_WINDOW = 10
"""Intervals that are looked back: more than lie between two readings, since a reading may fail."""


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
        self._pods: dict[str, PodScrapes] = {}

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
            one_of("__name__", [UP, STARTED, *families]),
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
        pod = self._pods.setdefault(target.uid, PodScrapes(self.interval))
        try:
            return pod.take(by_scraper(series, target.runtime), target, self._clock())
        except MetricsError as error:
            if error.trouble is not Trouble.STALE:
                raise
            raise MetricsError(
                Trouble.STALE,
                f"the last samples of pod {target.name} in {self._api.whose} are older than {STALE} scrape intervals "
                f"of {self.interval:g} s, or its first is younger than one: if it scrapes less often, say so in the "
                "operator's setting prometheus_interval",
            ) from error
