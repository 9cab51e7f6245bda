"""The senses of a revision that serves alone: no canary to compare, but objectives to meet.

As with a canary, the operator drives it, one call of `tick` after the other; time comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Sequence

from ekiben.analysis import quantile, settle_seconds
from ekiben.rollout.observation import Drain, Evidence

from .counters import PodCounters
from .objectives import Objectives
from .references import References
from .restarts import Countings
from .source import ScrapeTarget, Source

_READING_SHARE = 0.8


class Alone:
    """Evidence about one revision."""

    note = ""

    def __init__(self, objectives: Objectives, *, source: Source, timeout: float, tick: float) -> None:
        """Prepare; nothing is read yet.

        Args:
            objectives: of the revision.
            source: the way to the counters; stays the caller's to close.
            timeout: the request timeout in seconds.
            tick: seconds between two calls of `tick`.
        """
        self.tick_length = tick
        self._objectives = objectives
        self._source = source
        self._timeout = timeout
        self._references = References()
        self._countings = Countings()
        self._targets: Sequence[ScrapeTarget] = ()

    def weight_acknowledged(self, weight: float, now: float) -> None:
        """Say which share of the requests (per cent) the revision has.

        Counters count completions, and failures are quick: what completes within the settle time is left out.
        """
        if weight <= 0:
            self._objectives.pause()
            return
        known = any(self._source.histograms(target.runtime) for target in self._targets)
        history = self._references.histogram(self._references.uids) if known else None
        p99 = quantile(history, 0.99) if history is not None else None
        self._objectives.settle(now + settle_seconds(self.tick_length, p99, self._timeout))

    async def tick(self, targets: Sequence[ScrapeTarget], now: float) -> None:
        """Read the revision's pods at the same time and take in what they say."""
        self._targets = targets
        read = await self._source.read(targets, self.tick_length * _READING_SHARE)
        if self._source.drains:
            read = self._countings.take(targets, read, now)
        counters = {uid: answer for uid, answer in read.items() if isinstance(answer, PodCounters)}
        counted, since = self._references.take(targets, counters, now)
        self._objectives.count(counted, since, now)

    def evidence(self) -> Evidence:
        """Return what is known now."""
        return self._objectives.told(Evidence(self._objectives.revision))

    def drain(self, _revision: str) -> Drain:
        """Nothing is being drained."""
        return Drain(known=False)
