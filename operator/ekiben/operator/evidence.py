"""Evidence of the rollouts that are going on: one task each, ticking beside the reconcile loop.

A tick reads the counters of both revisions' pods and steps the analysis. The loop is woken as soon as the verdict or
the state of the evidence changes; it takes the numbers whenever it looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping

from ekiben.analysis import Config
from ekiben.api.base import seconds
from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.rollout import Rollout, Shadow
from ekiben.api.status import RolloutStatus
from ekiben.rollout.observation import Drain, Evidence, Route
from ekiben.signals.collector import Collector, tick_seconds
from ekiben.signals.source import ScrapeTarget, Source

from .logs import ResourceLog
from .queue import Key, WorkQueue
from .settings import Settings
from .targets import targets
from .traffic import observed
from .world import World

_log = logging.getLogger(__name__)


class Watcher:
    """Looks at one rollout: a canary beside a stable revision."""

    def __init__(self, collector: Collector, canary: str, stable: str, log: ResourceLog) -> None:
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
        self._targets = targets(world, (self.canary, self.stable))
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
            except Exception:  # a defect met by one rollout must not stop the others; its evidence stays unknown
                log.exception("A defect of ekiben: one tick of the evidence is lost")
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

    def _news(self) -> bool:
        """Whether something changed that a decision may rest on."""
        seen = self.collector.evidence()
        told = (seen.verdict, seen.problem, seen.usable, seen.hung) if seen else ()
        if told == self._told:
            return False
        self._told = told
        return True


class Watchers:
    """The watchers of all rollouts."""

    def __init__(self, source: Source, queue: WorkQueue, settings: Settings) -> None:
        self._source = source
        self._queue = queue
        self._settings = settings
        self._watchers: dict[Key, Watcher] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    async def follow(self, key: Key, world: World, now: float) -> None:
        """Begin, continue or end watching, as the status says."""
        rollout, stable = world.resource.status.rollout, world.resource.status.stable
        if rollout is None or stable is None:
            await self.forget(key)
            return
        watcher = self._watchers.get(key)
        if watcher is None or (watcher.canary, watcher.stable) != (rollout.revision, stable.revision):
            await self.forget(key)
            watcher = self._begin(key, world, rollout, stable.revision)
            watcher.follow(world, now)
            self._watchers[key] = watcher
            self._tasks[key] = asyncio.create_task(watcher.run(self._queue, key), name=f"evidence {'/'.join(key)}")
        else:
            watcher.follow(world, now)

    def evidence(self, key: Key) -> Evidence | None:
        """Return what is known about the canary now."""
        watcher = self._watchers.get(key)
        return watcher.collector.evidence() if watcher else None

    def drains(self, key: Key) -> Mapping[str, Drain]:
        """Return what is known about requests still on their way, for both revisions."""
        watcher = self._watchers.get(key)
        if watcher is None:
            return {}
        return {revision: watcher.collector.drain(revision) for revision in (watcher.canary, watcher.stable)}

    async def forget(self, key: Key) -> None:
        """Stop watching a resource."""
        self._watchers.pop(key, None)
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def close(self) -> None:
        """Stop watching everything."""
        for key in list(self._tasks):
            await self.forget(key)
        await self._source.close()

    def _begin(self, key: Key, world: World, rollout: RolloutStatus, stable: str) -> Watcher:
        replicas = int(world.deployments[stable]["spec"].get("replicas", 1)) if stable in world.deployments else 0
        # A promotion has both revisions at full size.
        few, many = self._settings.tick, self._settings.tick_many_pods
        tick = tick_seconds(2 * replicas, self._source.interval, few=few, many=many)
        collector = _collector(world.resource, rollout, stable, self._source, tick)
        log = ResourceLog(_log, *key, revision=rollout.revision)
        return Watcher(collector, rollout.revision, stable, log)


def _share(world: World, seen: Route, canary: str) -> float:
    """Return the canary's share of all answers, per cent; of a shadow that of the copies among requests and copies."""
    if seen.mirror == canary:
        percent = (world.policy.shadow or Shadow()).percent
        return 100 * percent / (100 + percent)
    return seen.weights.get(canary, 0)


def _collector(
    resource: ModelDeployment, rollout: RolloutStatus, stable: str, source: Source, tick: float
) -> Collector:
    policy = Rollout.model_validate(rollout.policy) if rollout.policy else resource.spec.rollout
    return Collector(
        Config.of(policy.analysis),
        stable=stable,
        canary=rollout.revision,
        source=source,
        timeout=seconds(resource.spec.traffic.timeout),
        tick=tick,
        state=rollout.evidence,
    )
