"""The senses of one rollout: scrapes both revisions, makes blocks, steps the analysis.

The operator's loop drives it, one call of `tick` after the other; time comes in as an argument.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ekiben.analysis import (
    Block,
    Config,
    Histogram,
    State,
    StateError,
    initial,
    quantile,
    settle_seconds,
    step,
    verdict,
)
from ekiben.rollout.observation import Drain, Evidence

from .arm import Arm
from .counters import PodCounters
from .drains import Drains
from .gather import Gatherer
from .increments import increments
from .scrape import Scraped, Scraper, ScrapeTarget

_VERSION = 1
_SCRAPE_SHARE = 0.8
"""Share of a tick that a scrape may take."""
_MANY_PODS = 50
_NO_TRAFFIC_TICKS = 10
_NO_TRAFFIC_SECONDS = 30.0


def tick_seconds(pods: int) -> float:
    """Return the time between two scrapes while a canary has weight: 1 s, above 50 pods 5 s."""
    return 1.0 if pods <= _MANY_PODS else 5.0


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
        scraper: Scraper,
        timeout: float,
        tick: float = 1.0,
        state: str = "",
        histograms: bool = True,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            config: what the analysis is to guarantee; of a restored state, that state's own holds.
            stable: the revision that the canary is compared with.
            canary: the revision on trial.
            scraper: the way to the pods; stays the caller's to close.
            timeout: the request timeout in seconds.
            tick: seconds between two calls of `tick`.
            state: what `state()` returned before; empty at the beginning. One that cannot be read, or of another
                canary, is dropped, and `note` says so.
            histograms: whether the runtime exports a latency histogram.
        """
        self.tick_length = tick
        self.note = ""
        """What the user should know about the state that was handed in; empty when it was fine."""
        self._config = config
        self._scraper = scraper
        self._timeout = timeout
        self._histograms = histograms
        self._stable = Arm(stable)
        self._canary = Arm(canary) if canary is not None else None
        self._drains = Drains()
        self._gatherer = Gatherer(tick)
        self._references: dict[str, PodCounters] = {}
        self._read_at: dict[str, float] = {}
        self._scraped_at: float | None = None
        self._weight = 0
        self._weight_since = 0.0
        self._usable = False
        self._seen = 0
        self._analysis: State | None = None
        if state:
            self._restore(state)

    def weight_acknowledged(self, weight: int, now: float) -> None:
        """Say which weight (per cent) the gateway has acknowledged for the canary; only a change has an effect."""
        if weight == self._weight or self._canary is None:
            return
        self._weight, self._weight_since, self._usable = weight, now, False
        history = self._stable_histogram()
        if weight > 0 and self._analysis is None:
            # Before the canary's first request: afterwards its own answers might sway the boundary.
            self._analysis = initial(self._config, history)
        p99 = quantile(history, 0.99) if history is not None else None
        self._gatherer.begin(now, settle_seconds(self.tick_length, p99, self._timeout))

    async def tick(self, targets: Sequence[ScrapeTarget], now: float) -> None:
        """Scrape all targets at the same time and take in what they say.

        Args:
            targets: the pods of the canary, of the stable, and of every revision that is being drained, ready or not,
                as long as they have an address: what a pod counted before it was left out cannot be told later.
            now: seconds since the epoch.
        """
        scraped = await self._scraper.scrape(targets, self.tick_length * _SCRAPE_SHARE)
        self.observe(targets, scraped, now)

    def observe(self, targets: Sequence[ScrapeTarget], scraped: Scraped, now: float) -> None:
        """Take in a scrape that began at `now`."""
        counters = {uid: answer for uid, answer in scraped.items() if isinstance(answer, PodCounters)}
        counted = increments(self._references, counters)
        before = self._scraped_at
        # What a pod counted since a look before the settle time is not told apart from what came after it.
        early = {uid for uid in counted if self._read_at.get(uid, now) < self._gatherer.settled}
        late = before is not None and before >= self._gatherer.settled
        self._remember(targets, counters, now)
        self._drains.observe(targets, counters, counted, now)
        self._stable.observe(targets, scraped, counted, now)
        self._scraped_at = now
        if self._canary is None:
            return
        self._canary.observe(targets, scraped, counted, now)
        self._seen += sum(counted[uid].counts.n for uid in self._canary.counters if uid in counted)
        if self._weight > 0 and before is not None:
            usable = {uid: one for uid, one in counted.items() if not (late and uid in early)}
            mine = {uid: usable[uid] for uid in self._canary.counters if uid in usable}
            others = {uid: usable[uid] for uid in self._stable.counters if uid in usable}
            self._step(self._gatherer.add(mine, others, before, now))

    def evidence(self) -> Evidence | None:
        """Return what is known now; None without a canary."""
        if self._canary is None:
            return None
        problem, problem_message = self._problem()
        view = verdict(self._analysis) if self._analysis is not None else None
        return Evidence(
            revision=self._canary.revision,
            verdict=view.kind if view is not None else "Unknown",
            message=view.because if view is not None else "the canary has had no share of the traffic yet",
            metrics=view.metrics if view is not None else (),
            usable=self._usable,
            canary_requests=self._seen,
            problem=problem,
            problem_message=problem_message,
            hung=self._hung(),
            state=self.state(),
        )

    def drain(self, revision: str) -> Drain:
        """Return what the counters say about requests still on their way to a revision."""
        return self._drains.drain(revision)

    def state(self) -> str:
        """Return what a later Collector needs to go on; empty before there is any."""
        if self._analysis is None or self._canary is None:
            return ""
        return json.dumps(
            {
                "version": _VERSION,
                "canary": self._canary.revision,
                "requests": self._seen,
                "analysis": self._analysis.to_json(),
            },
            separators=(",", ":"),
        )

    def _restore(self, text: str) -> None:
        try:
            data = json.loads(text)
            if data["version"] != _VERSION:
                raise StateError(f"it has version {data['version']}, this program reads {_VERSION}")
            if self._canary is None or data["canary"] != self._canary.revision:
                raise StateError(f"it belongs to revision {data['canary']}")
            self._analysis, self._seen = State.from_json(data["analysis"]), int(data["requests"])
        except (StateError, ValueError, KeyError, TypeError) as error:
            self._analysis, self._seen = None, 0
            self.note = f"the saved evidence is dropped and gathered anew: {error}"

    def _remember(self, targets: Sequence[ScrapeTarget], counters: Mapping[str, PodCounters], now: float) -> None:
        existing = {target.uid for target in targets}
        self._read_at = {uid: at for uid, at in self._read_at.items() if uid in existing} | dict.fromkeys(counters, now)
        self._references = {uid: old for uid, old in self._references.items() if uid in existing} | dict(counters)

    def _stable_histogram(self) -> Histogram | None:
        """Sum of the stable's successful answers since its pods started; None when the runtime has no histogram."""
        if not self._histograms:
            return None
        pods = [self._references[uid] for uid in self._stable.counters]
        bounds = max((pod.bounds for pod in pods), key=len, default=())
        total = Histogram(bounds, (0,) * (len(bounds) + 1))
        for pod in pods:
            if pod.hist and pod.bounds == bounds:
                total = total.plus(pod.hist)
        return total

    def _step(self, block: Block | None) -> None:
        if block is None or self._analysis is None:
            return
        self._analysis, _ = step(self._analysis, block)
        both = (sum(counts.n for counts in arm.values()) > 0 for arm in (block.canary, block.baseline))
        self._usable = self._usable or all(both)

    def _problem(self) -> tuple[str, str]:
        canary = self._canary
        if canary is None or self._weight == 0 or self._scraped_at is None:
            return "", ""
        for arm in (canary, self._stable):
            if arm.stale:
                return "StaleMetrics", arm.stale_message()
        patience = max(_NO_TRAFFIC_TICKS * self.tick_length, _NO_TRAFFIC_SECONDS)
        idle = self._scraped_at - max(self._weight_since, canary.last_completion or 0.0)
        if idle < patience or canary.waiting_since is not None:
            return "", ""
        message = (
            f"revision {canary.revision} has a weight of {self._weight} % but has answered no request for "
            f"{patience:.0f} s or longer: nothing can be said about it until requests come through the gateway"
        )
        return "NoTraffic", message

    def _hung(self) -> bool:
        canary, now = self._canary, self._scraped_at
        if canary is None or now is None or canary.waiting_since is None or canary.missed:
            return False
        completed = self._stable.last_completion
        others_complete = completed is not None and completed > canary.waiting_since
        return now - canary.waiting_since >= self._timeout and others_complete
