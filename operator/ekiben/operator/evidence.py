"""Evidence of the rollouts that are going on: one task each, ticking beside the reconcile loop.

A tick reads the counters of both revisions' pods and steps the analysis. The loop is woken as soon as the verdict or
the state of the evidence changes; it takes the numbers whenever it looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from ekiben.analysis import Config
from ekiben.api.base import seconds
from ekiben.api.rollout import Analysis
from ekiben.api.rollout import Objectives as Goals
from ekiben.api.traffic import Provider
from ekiben.objects.users_route import sticky
from ekiben.rollout.observation import Drain, Evidence
from ekiben.signals.alone import Alone
from ekiben.signals.business import BusinessMetric, split
from ekiben.signals.collector import Collector, tick_seconds
from ekiben.signals.objectives import Objectives

from .logs import ResourceLog
from .queue import Key, WorkQueue
from .settings import Settings
from .sources import Sources
from .watcher import Watcher
from .world import World

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Subject:
    """What is watched. With another one the watching begins anew."""

    canary: str
    stable: str
    """The same as the canary where it serves alone."""
    objectives: Goals | None
    baking: bool = False


class Watchers:
    """The watchers of all rollouts."""

    def __init__(self, sources: Sources, queue: WorkQueue, settings: Settings) -> None:
        self._sources = sources
        self._queue = queue
        self._settings = settings
        self._watchers: dict[Key, Watcher] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._subjects: dict[Key, _Subject] = {}
        self._worlds: dict[Key, World] = {}
        """The resources that are watched, as they were read last."""

    async def follow(self, key: Key, world: World, now: float) -> None:
        """Begin, continue or end watching, as the status says."""
        wanted = _subject(world)
        if wanted is None:
            await self.forget(key)
            return
        self._worlds[key] = world
        watcher = self._watchers.get(key)
        if watcher is None or self._subjects.get(key) != wanted:
            await self.forget(key)
            self._worlds[key] = world
            watcher = self._begin(key, world, wanted)
            watcher.follow(world, now)
            self._watchers[key], self._subjects[key] = watcher, wanted
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
        if watcher is None or watcher.canary == watcher.stable:
            return {}
        return {revision: watcher.collector.drain(revision) for revision in (watcher.canary, watcher.stable)}

    async def forget(self, key: Key) -> None:
        """Stop watching a resource."""
        watcher, task = self._watchers.pop(key, None), self._tasks.pop(key, None)
        self._worlds.pop(key, None)
        self._subjects.pop(key, None)
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if watcher is not None:
            await watcher.source.close()

    async def close(self) -> None:
        """Stop watching everything."""
        for key in list(self._tasks):
            await self.forget(key)
        await self._sources.close()

    def _begin(self, key: Key, world: World, wanted: _Subject) -> Watcher:
        rollout, stable = world.resource.status.rollout, wanted.stable
        if rollout is None:
            return self._alone(key, world, wanted)
        analysis = world.policy.analysis
        both = (rollout.revision, stable)
        source = self._sources.open(analysis.source, lambda: self._worlds.get(key, world), both)
        replicas = _replicas(world, stable)
        # A promotion has both revisions at full size.
        few, many = self._settings.tick, self._settings.tick_many_pods
        config, metrics, unknown = self._business(analysis, rollout.revision, stable)
        collector = Collector(
            config,
            stable=stable,
            canary=rollout.revision,
            source=source,
            timeout=seconds(world.resource.spec.traffic.timeout),
            tick=tick_seconds(2 * replicas, source.interval, few=few, many=many),
            state=rollout.evidence,
            metrics=metrics,
            unknown=unknown,
            randomised=randomised(world),
            objectives=_objectives(world, stable),
        )
        log = ResourceLog(_log, *key, revision=rollout.revision)
        return Watcher(collector, source, *both, log)

    def _alone(self, key: Key, world: World, wanted: _Subject) -> Watcher:
        revision = wanted.stable
        source = self._sources.open(world.policy.analysis.source, lambda: self._worlds.get(key, world), (revision,))
        few, many = self._settings.tick, self._settings.tick_many_pods
        # In a bake there is somewhere to go back to, and every second counts.
        quick = few if wanted.baking else many
        alone = Alone(
            _objectives(world, revision) or Objectives(world.policy, revision),
            source=source,
            timeout=seconds(world.resource.spec.traffic.timeout),
            tick=tick_seconds(_replicas(world, revision), source.interval, few=quick, many=many),
        )
        return Watcher(alone, source, revision, revision, ResourceLog(_log, *key, revision=revision))

    def _business(self, analysis: Analysis, canary: str, stable: str) -> tuple[Config, list[BusinessMetric], list[str]]:
        """Return what is left of the guarantee for requests, the business metrics, and the names nobody has defined."""
        config, own = split(Config.of(analysis), analysis.metrics)
        metrics, unknown = [], []
        for wanted in analysis.metrics:
            found = self._sources.query(wanted.name)
            if found is None:
                unknown.append(wanted.name)
                continue
            reader, query = found
            metrics.append(
                BusinessMetric(wanted, own[wanted.name], reader, query.delay_seconds, canary=canary, stable=stable)
            )
        return config, metrics, unknown


def _subject(world: World) -> _Subject | None:
    """Return what there is to watch: a canary beside the stable revision, or that one alone if it has objectives."""
    rollout, stable = world.resource.status.rollout, world.resource.status.stable
    asked = world.policy.objectives
    if stable is None or (rollout is None and asked is None):
        return None
    if rollout is None:
        baking = world.resource.status.former_until is not None
        return _Subject(stable.revision, stable.revision, asked, baking)
    return _Subject(rollout.revision, stable.revision, asked)


def randomised(world: World) -> bool:
    """Whether the gateway gives each request to a revision by chance, and not each connection or each session."""
    if world.resource.spec.traffic.provider is not Provider.GATEWAY_API:
        return False
    route, meta = world.users_route, world.resource.metadata
    return route is None or not sticky(route, meta.name, meta.namespace)


def _objectives(world: World, revision: str) -> Objectives | None:
    policy = world.policy
    return Objectives(policy, revision, world.resource.status.objectives) if policy.objectives is not None else None


def _replicas(world: World, revision: str) -> int:
    return int(world.deployments[revision]["spec"].get("replicas", 1)) if revision in world.deployments else 0
