"""One rollout's evidence: what is read, how often, and what the collector is told about the route."""

from __future__ import annotations

import asyncio
import contextlib
import time

from ekiben.api.rollout import Shadow
from ekiben.rollout.observation import Route
from ekiben.signals.alone import Alone
from ekiben.signals.collector import Collector
from ekiben.signals.counters import MetricsError, Trouble
from ekiben.signals.source import ScrapeTarget, Source

from .logs import ResourceLog
from .queue import Key, WorkQueue
from .targets import targets
from .traffic import observed
from .world import World


class Watcher:
    """Looks at one rollout: a canary beside a stable revision; or at one that serves alone, which is then both."""

    def __init__(
        self, collector: Collector | Alone, source: Source, canary: str, stable: str, log: ResourceLog
    ) -> None:
        self.source = source
        self.canary = canary
        self.stable = stable
        self.collector = collector
        self._log = log
        self._targets: tuple[ScrapeTarget, ...] = ()
        self._weight: float | None = None
        self._ticked = False
        self._told: tuple[object, ...] = ()
        self._changed = asyncio.Event()
        if collector.note:
            log.warning("%s", collector.note)

    def follow(self, world: World, now: float) -> None:
        """Take over the pods and the acknowledged weight that were just read."""
        self._targets = targets(world, dict.fromkeys((self.canary, self.stable)))
        seen = observed.route(world)
        if seen is None or not seen.acknowledged:
            # The proxies may have the new weights before the status tells so: nothing counts until it does.
            if self._weight and self._ticked:
                self._weight = None
                self.collector.weight_acknowledged(0, now)
            return
        weight = _share(world, seen, self.canary)
        if weight == self._weight:
            return
        # Before the first tick nothing is known of the stable revision, by which the settle time and the boundary of
        # "slow" are fixed: the tick then says it.
        self._weight = weight
        if self._ticked:
            self.collector.weight_acknowledged(weight, now)
            self._changed.set()

    async def run(self, queue: WorkQueue, key: Key) -> None:
        """Tick until cancelled."""
        log = self._log
        while True:
            started = time.monotonic()
            try:
                await self._tick(time.time())
            except Exception as error:  # a defect met by one rollout must not stop the others
                log.exception("A defect of ekiben: one tick of the evidence is lost")
                self._lose(error, time.time())
            if self._news():
                queue.add(key, urgent=True)
            await self._pause(max(0.0, started + self.collector.tick_length - time.monotonic()))

    async def _pause(self, left: float) -> None:
        """Wait for the next tick. It comes at once after a weight change: counted from then, the settle time ends with
        a tick, and not up to one tick before the next."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._changed.wait()
        self._changed.clear()

    async def _tick(self, now: float) -> None:
        await self.collector.tick(self._targets, now)
        if not self._ticked and self._targets:
            self._ticked = True
            if self._weight is not None:
                self.collector.weight_acknowledged(self._weight, now)

    def _lose(self, error: Exception, now: float) -> None:
        """Take a tick that failed for a reading that nothing answered: what is not known is neither good nor quiet."""
        if not isinstance(self.collector, Collector):
            return
        why = MetricsError(
            Trouble.SOURCE_DOWN,
            f"a defect of ekiben: what was read cannot be taken in ({type(error).__name__}); the operator's log has "
            "more, and rollout.analysis.source may name another source",
        )
        try:
            self.collector.observe(self._targets, dict.fromkeys((one.uid for one in self._targets), why), now)
        except Exception:  # noqa: BLE001  the next tick may do better
            self._log.exception("A defect of ekiben: nor can it be taken in that a tick is lost")

    def _news(self) -> bool:
        """Whether something changed that a decision may rest on."""
        seen = self.collector.evidence()
        told = (seen.verdict, seen.problem, seen.usable, seen.hung, seen.stable_verdict) if seen else ()
        if told == self._told:
            return False
        self._told = told
        return True


def _share(world: World, seen: Route, canary: str) -> float:
    """Return the canary's share of all answers, per cent; of a shadow that of the copies among requests and copies."""
    if seen.mirror == canary:
        percent = (world.policy.shadow or Shadow()).percent
        return 100 * percent / (100 + percent)
    return seen.weights.get(canary, 0)
