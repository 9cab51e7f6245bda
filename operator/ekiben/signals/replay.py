"""What a policy would have decided on past data in Prometheus: the same collector, with the clock turned back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ekiben.analysis import Config
from ekiben.api.model import Runtime
from ekiben.rollout.observation import Evidence

from .accumulate import Rising
from .collector import Collector, tick_seconds
from .counters import MetricsError, PodCounters, Trouble
from .dialects import DIALECTS, has_histogram
from .prometheus import Names
from .prometheus_api import PrometheusApi, Series
from .promql import Matcher, literal, one_of, raw
from .scrapes import UP, moments
from .source import Readings, ScrapeTarget

_SLICE = 900.0
"""Seconds that are asked for at once, so that no answer grows too large."""
_STALE = 3
_POD = "-([a-z0-9]{8})-[a-z0-9]+-[a-z0-9]+"
"""What follows a resource's name in the name of a pod: revision, template, pod."""


@dataclass(frozen=True)
class Look:
    """What was known at one moment."""

    at: float
    """Seconds since the epoch."""
    weight: float
    """The canary's share, per cent."""
    evidence: Evidence


@dataclass(frozen=True)
class Weight:
    """A change of the canary's share."""

    at: float
    percent: float
    inferred: bool = False
    """Whether it was made of the requests themselves: then it is no more than their average."""


@dataclass
class Recorded:
    """Counters of pods as they were scraped."""

    interval: float
    """Seconds between two scrapes."""
    pods: Mapping[str, Sequence[PodCounters]]
    """Pod name -> its counters at each scrape, in order of time."""
    runtime: Runtime = Runtime.BENTOML
    """The model server of revisions of which `runtimes` does not tell."""
    runtimes: Mapping[str, Runtime] = field(default_factory=dict)
    """Revision -> its model server."""
    now: float = 0.0
    """The moment at which it is asked, seconds since the epoch."""
    drains: bool = False
    pooled: bool = False
    _rising: dict[str, Rising] = field(default_factory=dict)
    _read: dict[str, int] = field(default_factory=dict)

    async def read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        """Return what was known of each target at the moment."""
        return {target.uid: self.at(target.uid) for target in targets}

    def at(self, pod: str) -> PodCounters | MetricsError:
        """Return what was known of a pod at the moment; moments are asked for in order."""
        rising, samples = self._rising.setdefault(pod, Rising()), self.pods[pod]
        position = self._read.get(pod, 0)
        while position < len(samples) and (samples[position].at or 0.0) <= self.now:
            rising.add(samples[position])
            position += 1
        self._read[pod] = position
        if rising.total.at is None or rising.total.at < self.now - _STALE * self.interval:
            return MetricsError(Trouble.STALE, f"pod {pod} was not scraped")
        return rising.total

    def histograms(self, runtime: Runtime) -> bool:
        """Whether the runtime exports a latency histogram."""
        return has_histogram(runtime)

    async def close(self) -> None:
        """There is nothing to close."""

    def revisions(self) -> dict[str, tuple[float, float]]:
        """Return revision -> when its pods were scraped first and last, the earliest first."""
        found: dict[str, tuple[float, float]] = {}
        for name, samples in self.pods.items():
            times = [one.at or 0.0 for one in samples]
            revision = revision_of(name)
            if times and revision:
                first, last = found.get(revision, (times[0], times[-1]))
                found[revision] = min(first, times[0]), max(last, times[-1])
        return dict(sorted(found.items(), key=lambda item: item[1]))

    def requests(self, revision: str) -> list[tuple[float, int]]:
        """Return (moment, requests since the scrape before) of a revision's pods, without the quiet moments."""
        found = []
        for name, samples in self.pods.items():
            if revision_of(name) == revision:
                rising = Rising(whole=False)
                for one in samples:
                    before = rising.total.requests
                    rising.add(one)
                    if rising.total.requests > before:
                        found.append((one.at or 0.0, rising.total.requests - before))
        return sorted(found)


def revision_of(pod: str) -> str:
    """Return the revision in a pod's name; empty where it is none of ekiben's."""
    found = re.search(f"{_POD}$", pod)
    return found[1] if found else ""


async def download(
    api: PrometheusApi,
    name: str,
    namespace: str,
    runtime: Runtime,
    since: float,
    until: float,
    interval: float,
    names: Names | None = None,
    runtimes: Mapping[str, Runtime] | None = None,
) -> Recorded:
    """Return what Prometheus knows about the pods of a resource.

    `runtimes` says which revisions were another model server than `runtime`.

    Raises:
        MetricsError: SourceDown, TooLarge, Malformed.
        aiohttp.ClientError, OSError: the server cannot be reached.
    """
    names = names or Names()
    known = runtimes or {}
    servers = dict.fromkeys((runtime, *known.values()))
    families = dict.fromkeys(family for one in servers for dialect in DIALECTS[one] for family in dialect.families)
    matchers = (
        one_of("__name__", [UP, *families]),
        Matcher(names.namespace, namespace),
        Matcher(names.pod, literal(name) + _POD, "=~"),
    )
    merged: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
    end = since
    while end < until:
        begin, end = end, min(end + _SLICE, until)
        for series in await api.samples(raw(matchers, end - begin), end):
            merged.setdefault(tuple(sorted(series.labels.items())), {}).update(series.samples)
    pods: dict[str, list[Series]] = {}
    for labels, samples in merged.items():
        one = Series(dict(labels), tuple(sorted(samples.items())))
        pods.setdefault(one.labels[names.pod], []).append(one)
    read = {pod: moments(found, known.get(revision_of(pod), runtime)) for pod, found in pods.items()}
    return Recorded(interval, read, runtime, known)


def inferred(recorded: Recorded, canary: str, stable: str) -> list[Weight]:
    """Return the canary's share where nobody has written it down: what it got in all, from its first request on."""
    mine = recorded.requests(canary)
    if not mine:
        return []
    first, last = mine[0][0], mine[-1][0]
    others = sum(count for at, count in recorded.requests(stable) if first <= at <= last)
    own = sum(count for _, count in mine)
    share = round(100 * own / (own + others), 1)
    return [Weight(first, share, inferred=True), Weight(last + recorded.interval, 0, inferred=True)]


def looks(
    recorded: Recorded,
    config: Config,
    weights: Sequence[Weight],
    *,
    canary: str,
    stable: str,
    timeout: float,
    randomised: bool = True,
) -> Iterator[Look]:
    """Yield what would have been known at each tick, from the first scrape of the canary to the last.

    `randomised` says whether the gateway gave each request to a revision by chance.
    """
    recorded = Recorded(recorded.interval, recorded.pods, recorded.runtime, recorded.runtimes)
    begin, end = recorded.revisions()[canary]
    names = [name for name in recorded.pods if revision_of(name) in (canary, stable)]
    tick = tick_seconds(len(names), recorded.interval)
    weighed = not any(weight.inferred for weight in weights)
    collector = Collector(
        config,
        stable=stable,
        canary=canary,
        source=recorded,
        timeout=timeout,
        tick=tick,
        randomised=randomised,
        weighed=weighed,
    )
    changes, weight = sorted(weights, key=lambda one: one.at), 0.0
    recorded.now = begin - 2 * tick
    while recorded.now <= end + tick:
        targets = [
            ScrapeTarget(name, name, "", "", 0, revision, recorded.runtimes.get(revision, recorded.runtime))
            for name in names
            for revision in (revision_of(name),)
            if isinstance(recorded.at(name), PodCounters)
        ]
        collector.observe(targets, {one.uid: recorded.at(one.uid) for one in targets}, recorded.now)
        while changes and changes[0].at <= recorded.now:
            weight = changes.pop(0).percent
            collector.weight_acknowledged(weight, recorded.now)
        evidence = collector.evidence()
        if evidence is not None:
            # With all requests nothing compares the canary: what is left of the other one's is not split by chance.
            judged = evidence if weight < 100 else replace(evidence, verdict="Unknown")
            yield Look(recorded.now, weight, judged)
        recorded.now += tick
