"""The loops of all resources whose replicas ekiben follows itself, and what decisions are told of every load."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from ekiben.api.scaling import Writer
from ekiben.operator import keda
from ekiben.operator.logs import ResourceLog
from ekiben.operator.metrics import Metrics
from ekiben.operator.queue import Key, WorkQueue
from ekiben.operator.world import World
from ekiben.rollout.observation import Measured
from ekiben.scaling import Decision, Kind, Reason, Total
from ekiben.signals.source import Source

from . import used
from .held import Holding
from .load import Load
from .loop import Loop
from .sleep import Sleep

_log = logging.getLogger(__name__)
_UNITS = {
    Kind.CONCURRENCY: "requests at once",
    Kind.LATENCY: "requests at once",
    Kind.REQUEST_RATE: "requests/s",
}


class Scalers:
    """A loop for each resource that follows concurrency, requestRate or latency."""

    def __init__(
        self,
        source: Source,
        queue: WorkQueue,
        metrics: Metrics,
        *,
        tick: float = 1.0,
        tick_many_pods: float = 5.0,
        holding: Holding | None = None,
    ) -> None:
        """Prepare.

        Args:
            source: the way to the pods' counters; stays the caller's to close.
            queue: where resources are put whose replicas should change.
            metrics: what Prometheus is told.
            tick: seconds between two looks at the pods.
            tick_many_pods: the same above 50 pods.
            holding: what the activators hold; None without any.
        """
        self._source = source
        self._queue = queue
        self._metrics = metrics
        self._ticks = (tick, tick_many_pods)
        self._holding = holding
        self._loops: dict[Key, Loop] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    async def follow(self, key: Key, world: World) -> None:
        """Begin, continue or end following a resource, as its spec says."""
        if world.resource.spec.writer is not Writer.EKIBEN:
            await self.forget(key)
            return
        loop = self._loops.get(key)
        if loop is None:
            log = ResourceLog(_log, *key)
            loop = self._loops[key] = Loop(key, self._source, self._holding, self._ticks, log)
            loop.follow(world)
            self._tasks[key] = asyncio.create_task(loop.run(self._queue), name=f"scale {'/'.join(key)}")
        else:
            loop.follow(world)

    def load(self, key: Key, world: World, now: float) -> Load:
        """Return what a decision is told."""
        return Load(self._measured(key, world), self._total(key, world, now), self.sleep(key))

    def sleep(self, key: Key) -> Sleep:
        """Return whether a model sleeps, and since when; what no loop follows is awake."""
        loop = self._loops.get(key)
        return loop.sleep if loop is not None else Sleep()

    def nudge(self, key: Key) -> None:
        """Have a resource's next look come at once."""
        loop = self._loops.get(key)
        if loop is not None:
            loop.nudge()

    async def forget(self, key: Key) -> None:
        """Stop following a resource."""
        task = self._tasks.pop(key, None)
        self._loops.pop(key, None)
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def close(self) -> None:
        """Stop following everything."""
        for key in list(self._tasks):
            await self.forget(key)

    def _measured(self, key: Key, world: World) -> Mapping[str, Measured]:
        loop = self._loops.get(key)
        if world.resource.spec.writer is Writer.KEDA:
            found = {revision: keda.measured(world.scaled_objects.get(revision)) for revision in world.deployments}
        elif loop is None:
            found = {revision: used.measured(item) for revision, item in world.autoscalers.items()}
        else:
            found = {revision: _told(*decided) for revision, decided in loop.decisions().items()}
        self._show(key, world, found)
        return found

    def _total(self, key: Key, world: World, now: float) -> Total | None:
        loop = self._loops.get(key)
        if loop is not None:
            return loop.total(now)
        if world.resource.spec.writer is not Writer.AUTOSCALER:
            return None
        status = world.resource.status
        parts = [one for one in (status.stable, status.canary) if one is not None]
        return used.total(world.autoscalers, [one.revision for one in parts if one.acknowledged_weight > 0])

    def _show(self, key: Key, world: World, found: Mapping[str, Measured]) -> None:
        status = world.resource.status
        for role, one in (("stable", status.stable), ("canary", status.canary)):
            seen = found.get(one.revision) if one is not None else None
            self._metrics.scaling.show(key, role, seen)


def _told(decision: Decision, learned: str) -> Measured:
    numbers = decision.numbers
    return Measured(
        wanted=decision.replicas,
        load=numbers.stable,
        capacity=numbers.capacity,
        unit=_UNITS[numbers.metric] if numbers.metric is not None else "",
        reason=decision.reason.value,
        message=decision.message,
        problem=decision.reason is Reason.NO_DATA,
        learned=learned,
    )
