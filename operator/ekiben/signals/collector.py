"""The senses of one rollout: reads both revisions' counters, makes blocks, steps the analysis.

The operator's loop drives it, one call of `tick` after the other; time comes in as an argument.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ekiben.analysis import (
    Config,
    StateError,
    quantile,
    settle_seconds,
)
from ekiben.rollout.observation import Drain, Evidence

from . import quality, saved
from .arm import Arm
from .business import BusinessMetric, together
from .comparison import Comparison
from .counters import PodCounters
from .drains import Drains
from .objectives import Objectives
from .restarts import Countings
from .source import Readings, ScrapeTarget, Source

_READING_SHARE = 0.8
"""Share of a tick that a reading may take."""
_MANY_PODS = 50
_APPROXIMATE = (
    "approximate: connections or sessions are split, not requests, so that the bound on false rollbacks is not claimed"
)
_INTERVALS = 4
"""A source that counts pods at moments of its own compares spans that are shifted by up to one of its intervals."""


def tick_seconds(pods: int, interval: float = 0.0, *, few: float = 1.0, many: float = 5.0) -> float:
    """Return the time between two readings while a canary has weight.

    Args:
        pods: pods of both revisions.
        interval: of the source.
        few: seconds up to 50 pods.
        many: the same above.
    """
    return max(few if pods <= _MANY_PODS else many, _INTERVALS * interval)


class Collector:
    """Evidence about a canary, and drains of every revision whose pods are among the targets.

    With `canary` None it knows about drains only.
    """

    def __init__(
        self,
        config: Config,
        *,
        stable: str,
        canary: str | None,
        source: Source,
        timeout: float,
        tick: float = 1.0,
        state: str = "",
        metrics: Sequence[BusinessMetric] = (),
        unknown: Sequence[str] = (),
        randomised: bool = True,
        weighed: bool = True,
        objectives: Objectives | None = None,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            config: what the analysis is to guarantee; of a restored state, that state's own holds.
            stable: the revision that the canary is compared with.
            canary: the revision on trial.
            source: the way to the counters; stays the caller's to close.
            timeout: the request timeout in seconds.
            tick: seconds between two calls of `tick`.
            state: what `state()` returned before; empty at the beginning. One that cannot be read, or of another
                canary, is dropped, and `note` says so.
            metrics: business metrics to be judged as well; `config` leaves their part of falseRollback to them.
            unknown: names of business metrics that nobody has defined: with them nothing can be decided.
            randomised: whether the gateway gives each request to a revision by chance. Where it does so for each
                connection, or for each caller, the verdict is approximate, and says so.
            weighed: whether the weights are the gateway's own. Of inferred ones nobody can tell that requests follow
                them.
            objectives: of the stable revision, which serves beside the canary.
        """
        self.tick_length = tick
        self.note = ""
        """What the user should know about the state that was handed in; empty when it was fine."""
        self._source = source
        self._timeout = timeout
        self._stable = Arm(stable)
        self._canary = Arm(canary) if canary is not None else None
        self._pair = {stable, canary}
        self._drains = Drains()
        self._countings = Countings()
        self._randomised = randomised
        self._weighed = randomised and weighed
        self._requests = Comparison(config, tick, randomised=self._weighed)
        self._objectives = objectives
        self._metrics = tuple(metrics)
        self._unknown = tuple(unknown)
        self._traffic = quality.Traffic()
        self._read_at: float | None = None
        self._seen = 0
        if state:
            self._restore(config, state)

    def weight_acknowledged(self, weight: float, now: float) -> None:
        """Say which share of the requests (per cent) the canary has been given; only a change has an effect."""
        share = weight / 100
        if share == self._traffic.share or self._canary is None:
            return
        self._traffic.change(share, now)
        known = self._source.histograms(self._stable.runtime)
        history = self._requests.references.histogram([*self._stable.counters]) if known else None
        p99 = quantile(history, 0.99) if history is not None else None
        settle = settle_seconds(self.tick_length, p99, self._timeout)
        self._requests.change(share, now, settle, history)
        if self._objectives is not None:
            self._objectives.settle(now + settle)
        for metric in self._metrics:
            metric.change(share, now)

    async def tick(self, targets: Sequence[ScrapeTarget], now: float) -> None:
        """Read all targets at the same time and take in what they say.

        Args:
            targets: the pods of the canary, of the stable, and of every revision that is being drained, ready or not,
                as long as they have an address: what a pod counted before it was left out cannot be told later.
            now: seconds since the epoch.
        """
        timeout = self.tick_length * _READING_SHARE
        pair = [one for one in targets if one.revision in self._pair]
        others = asyncio.gather(*(metric.tick(pair, now, timeout) for metric in self._metrics))
        read, _ = await asyncio.gather(self._source.read(targets, timeout), others)
        self.observe(targets, read, now)

    def observe(self, targets: Sequence[ScrapeTarget], read: Readings, now: float) -> None:
        """Take in a reading that began at `now`."""
        if self._source.drains:
            read = self._countings.take(targets, read, now)
        counters = {uid: answer for uid, answer in read.items() if isinstance(answer, PodCounters)}
        reading = self._requests.read(targets, counters, now)
        counted = reading.counted
        self._read_at = now
        if self._source.drains:
            self._drains.observe(targets, counters, counted.each, now)
        self._stable.observe(targets, read, counted.each, now)
        if self._canary is None:
            return
        if self._objectives is not None:
            self._objectives.count(counted.of(self._stable.counters), reading.since, now)
        self._canary.observe(targets, read, counted.each, now)
        mine, others = self._canary.counters, self._stable.counters
        self._seen += counted.requests(mine)
        self._traffic.observe(counted.requests(mine), counted.requests(others))
        complete = len(mine) == self._canary.pods and len(others) == self._stable.pods
        self._requests.count(reading, mine, others, pooled=self._source.pooled, complete=complete)

    def evidence(self) -> Evidence | None:
        """Return what is known now; None without a canary."""
        canary, now = self._canary, self._read_at
        if canary is None:
            return None
        found = together(self._requests.state, [metric.view() for metric in self._metrics])
        problem = self._problem() or quality.Problem(found.problem, found.problem_message)
        blind = quality.blind_spots(canary, self._stable, self.tick_length, now) if now is not None else ""
        note = "; ".join(filter(None, ("" if self._randomised else _APPROXIMATE, blind, found.note)))
        told = Evidence(
            revision=canary.revision,
            verdict=found.kind,
            message="; ".join(filter(None, (found.because, note, quality.needs(found.needs)))),
            metrics=found.metrics,
            usable=self._requests.usable and not self._blind and all(metric.usable for metric in self._metrics),
            canary_requests=self._seen,
            problem=problem.reason,
            problem_message=problem.message,
            hung=now is not None and quality.hung(canary, self._stable, self._timeout, now),
            state=self.state(),
            note=note,
            needs=found.needs,
        )
        return told if self._objectives is None else self._objectives.told(told)

    def drain(self, revision: str) -> Drain:
        """Return what the counters say about requests still on their way to a revision."""
        return self._drains.drain(revision)

    def state(self) -> str:
        """Return what a later Collector needs to go on; empty before there is any."""
        analysis = self._requests.state
        if analysis is None or self._canary is None:
            return ""
        metrics = {metric.name: metric.state for metric in self._metrics if metric.state is not None}
        return saved.Saved(self._canary.revision, self._seen, analysis, metrics).text()

    @property
    def _blind(self) -> bool:
        """Whether the last reading told nothing of a revision, where three of them would take minutes."""
        arms = (self._stable, self._canary)
        return self._source.interval > 0 and any(arm is not None and arm.missed for arm in arms)

    def _problem(self) -> quality.Problem | None:
        """What is wrong with the readings, or with what the resource asks for."""
        canary, now = self._canary, self._read_at
        if canary is None or now is None or self._traffic.share == 0:
            return None
        if self._unknown:
            return quality.unknown_queries(self._unknown)
        return quality.problem(canary, self._stable, self._traffic, self.tick_length, now)

    def _restore(self, config: Config, text: str) -> None:
        try:
            found = saved.load(text, self._canary.revision if self._canary else None)
        except StateError as error:
            self.note = f"the saved evidence is dropped and gathered anew: {error}"
            return
        self._seen = found.requests
        self._requests = Comparison(config, self.tick_length, found.analysis, randomised=self._weighed)
        for metric in self._metrics:
            if metric.name in found.metrics:
                metric.restore(found.metrics[metric.name])
