"""The senses of one rollout: reads both revisions' counters, makes blocks, steps the analysis.

The operator's loop drives it, one call of `tick` after the other; time comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ekiben.analysis import (
    Block,
    Config,
    State,
    StateError,
    initial,
    quantile,
    settle_seconds,
    step,
    verdict,
)
from ekiben.rollout.observation import Drain, Evidence

from . import quality, saved
from .arm import Arm
from .counters import PodCounters
from .drains import Drains
from .gather import Gatherer
from .increments import Increment
from .references import References
from .source import Readings, ScrapeTarget, Source

_READING_SHARE = 0.8
"""Share of a tick that a reading may take."""
_MANY_PODS = 50
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
        """
        self.tick_length = tick
        self.note = ""
        """What the user should know about the state that was handed in; empty when it was fine."""
        self._config = config
        self._source = source
        self._timeout = timeout
        self._stable = Arm(stable)
        self._canary = Arm(canary) if canary is not None else None
        self._drains = Drains()
        self._gatherer = Gatherer(tick)
        self._references = References()
        self._traffic = quality.Traffic()
        self._read_at: float | None = None
        self._usable = False
        self._seen = 0
        self._analysis: State | None = None
        if state:
            self._restore(state)

    def weight_acknowledged(self, weight: float, now: float) -> None:
        """Say which share of the requests (per cent) the canary has been given; only a change has an effect."""
        if weight / 100 == self._traffic.share or self._canary is None:
            return
        self._traffic.change(weight / 100, now)
        self._usable = False
        known = self._source.histograms(self._stable.runtime)
        history = self._references.histogram([*self._stable.counters]) if known else None
        if weight > 0 and self._analysis is None:
            # Before the canary's first request: afterwards its own answers might sway the boundary.
            self._analysis = initial(self._config, history)
        p99 = quantile(history, 0.99) if history is not None else None
        self._gatherer.begin(now, settle_seconds(self.tick_length, p99, self._timeout))

    async def tick(self, targets: Sequence[ScrapeTarget], now: float) -> None:
        """Read all targets at the same time and take in what they say.

        Args:
            targets: the pods of the canary, of the stable, and of every revision that is being drained, ready or not,
                as long as they have an address: what a pod counted before it was left out cannot be told later.
            now: seconds since the epoch.
        """
        read = await self._source.read(targets, self.tick_length * _READING_SHARE)
        self.observe(targets, read, now)

    def observe(self, targets: Sequence[ScrapeTarget], read: Readings, now: float) -> None:
        """Take in a reading that began at `now`."""
        counters = {uid: answer for uid, answer in read.items() if isinstance(answer, PodCounters)}
        counted, since = self._references.take(targets, counters, now)
        before, self._read_at = self._read_at, now
        if self._source.drains:
            self._drains.observe(targets, counters, counted, now)
        self._stable.observe(targets, read, counted, now)
        if self._canary is None:
            return
        self._canary.observe(targets, read, counted, now)
        # What a pod counted since a look before the settle time is not told apart from what came after it.
        settled = self._gatherer.settled
        late = before is not None and before >= settled
        usable = {uid: one for uid, one in counted.items() if not (late and since[uid] < settled)}
        self._count(counted)
        if self._traffic.share > 0 and before is not None:
            mine, others = _of(self._canary, usable), _of(self._stable, usable)
            self._step(self._gatherer.add(mine, others, before, now, pooled=self._source.pooled))

    def evidence(self) -> Evidence | None:
        """Return what is known now; None without a canary."""
        canary, now = self._canary, self._read_at
        if canary is None:
            return None
        problem = quality.Problem()
        if self._traffic.share > 0 and now is not None:
            problem = quality.problem(canary, self._stable, self._traffic, self.tick_length, now)
        view = verdict(self._analysis) if self._analysis is not None else None
        return Evidence(
            revision=canary.revision,
            verdict=view.kind if view is not None else "Unknown",
            message=view.because if view is not None else "the canary has had no share of the traffic yet",
            metrics=view.metrics if view is not None else (),
            usable=self._usable,
            canary_requests=self._seen,
            problem=problem.reason,
            problem_message=problem.message,
            hung=now is not None and quality.hung(canary, self._stable, self._timeout, now),
            state=self.state(),
        )

    def drain(self, revision: str) -> Drain:
        """Return what the counters say about requests still on their way to a revision."""
        return self._drains.drain(revision)

    def state(self) -> str:
        """Return what a later Collector needs to go on; empty before there is any."""
        if self._analysis is None or self._canary is None:
            return ""
        return saved.Saved(self._canary.revision, self._seen, self._analysis).text()

    def _restore(self, text: str) -> None:
        try:
            found = saved.load(text, self._canary.revision if self._canary else None)
            self._analysis, self._seen = found.analysis, found.requests
        except StateError as error:
            self.note = f"the saved evidence is dropped and gathered anew: {error}"

    def _count(self, counted: Mapping[str, Increment]) -> None:
        if self._canary is None:
            return
        mine = sum(one.counts.n for one in _of(self._canary, counted).values())
        self._seen += mine
        self._traffic.observe(mine, sum(one.counts.n for one in _of(self._stable, counted).values()))

    def _step(self, block: Block | None) -> None:
        if block is None or self._analysis is None:
            return
        self._analysis, _ = step(self._analysis, block)
        both = (sum(counts.n for counts in arm.values()) > 0 for arm in (block.canary, block.baseline))
        self._usable = self._usable or all(both)


def _of(arm: Arm, counted: Mapping[str, Increment]) -> dict[str, Increment]:
    return {uid: counted[uid] for uid in arm.counters if uid in counted}
