"""The operator's process: the real loop, observer, applier and decisions, on the server in memory.

It may die at any request, before or after its effect, and another one takes its place with nothing but what the
server holds.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ekiben.cluster.errors import ClusterError, UnavailableError
from ekiben.objects.names import RESOURCE_LABEL
from ekiben.objects.settings import Settings as Rendering
from ekiben.operator.apply import Applier, BlockedError
from ekiben.operator.evidence import Watchers
from ekiben.operator.gateways import Gateways
from ekiben.operator.handlers import _OWNED
from ekiben.operator.metrics import Metrics
from ekiben.operator.observe import Observer
from ekiben.operator.queue import Key, WorkQueue
from ekiben.operator.reconcile import Reconciler
from ekiben.operator.scale.scalers import Scalers
from ekiben.operator.settings import Settings
from ekiben.operator.source_kinds import Missing

from .apiserver import ApiServer
from .client import SimCluster
from .schema import Info
from .testimony import Testimony

if TYPE_CHECKING:
    from .world import World

Json = dict[str, Any]

RESYNC = 120.0
_BURST = 0.05
_WATCHED = frozenset(kind.plural for kind in _OWNED)


@dataclass
class Faults:
    """What goes wrong between the operator and the server."""

    latency: float = 0.0
    """Seconds that a request takes at most."""
    dies_at: int | None = None
    """The process dies at its n-th write from now."""
    dies_after: bool = False
    """After the write took effect."""
    failing: list[str] = field(default_factory=list)
    """What happens to the next requests: before, after, busy (429) or touched (somebody writes the object first)."""
    stale: ApiServer | None = None
    """What is read comes from here: an older state."""
    lost_events: float = 0.0
    """Share of watch events that never arrive."""

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self.latency, self.dies_at, self.stale, self.lost_events = 0.0, None, None, 0.0
        self.failing.clear()

    def see_again(self) -> None:
        """Read the present state."""
        self.stale = None


class Process:
    """One run of the operator."""

    def __init__(self, world: World, metrics: Metrics) -> None:
        self.world = world
        self.faults = Faults()
        self.dead = False
        self.writes = 0
        self.requests = 0
        self.queue = WorkQueue()
        self.on_death: Callable[[], None] = lambda: None
        self._key = Key(world.namespace, world.name)
        rendering = Rendering()
        cluster = SimCluster(self._server, around=self._around)
        counted = world.counters
        self.watchers = Watchers(counted, self.queue, Settings()) if counted else Testimony(world, self.queue)
        self.reconciler = Reconciler(
            cluster,
            Observer(cluster, rendering, Gateways(cluster, rendering, 0)),
            Applier(cluster, rendering, lambda _action: None),
            self.watchers,
            # The histories follow CPU: nothing asks for counters to scale by.
            Scalers(Missing("no counters"), self.queue, metrics),
            rendering,
            self.queue,
            metrics,
            RESYNC,
            lambda: world.now,
        )
        self.defects: list[str] = []
        self._look = self.reconciler.look
        self.reconciler.look = self._looked  # type: ignore[method-assign]
        self._worker = world.loop.create_task(self.reconciler.work())
        world.watchers.append(self._heard)
        self.listen()

    def kill(self) -> None:
        """End at once."""
        if not self.dead:
            self.dead = True
            self.world.watchers.remove(self._heard)
            self._worker.cancel()
            for task in getattr(self.watchers, "_tasks", {}).values():
                task.cancel()
            self.queue.forget(self._key)

    def is_current(self) -> bool:
        """Whether it is this process that runs right now."""
        return asyncio.current_task() is self._worker

    async def _looked(self, key: Key) -> float | None:
        try:
            return await self._look(key)
        except (ClusterError, BlockedError):
            raise
        except Exception as error:
            trace = "".join(traceback.format_exception(error)[-3:])
            self.defects.append(f"{self.world.loop.passed:.2f} s: the operator met a defect: {trace}")
            raise

    def listen(self) -> None:
        """Open the watches, at the beginning or anew: what a watch tells first is the list of what exists."""
        if self.world.resource is not None:
            self.world.later(0.01, self._add, self._key, 0.0)

    def _heard(self, _event: str, info: Info, body: Json) -> None:
        meta, plural = body["metadata"], info.kind.plural
        if self.faults.lost_events and self.world.rng.random() < self.faults.lost_events:
            return
        if plural == "modeldeployments":
            self.world.later(0.01, self._add, Key(meta["namespace"], meta["name"]), 0.0)
        elif plural in _WATCHED and RESOURCE_LABEL in (meta.get("labels") or {}):
            self.world.later(0.01, self._add, Key(meta["namespace"], meta["labels"][RESOURCE_LABEL]), _BURST)

    def _add(self, key: Key, after: float) -> None:
        if not self.dead:
            self.queue.add(key, after)

    async def _around(self, method: str, path: str, do: Callable[[], Json]) -> Json:
        """Do one request, or what the faults make of it."""
        self.requests += 1
        if self.faults.latency:
            await asyncio.sleep(self.world.rng.uniform(0, self.faults.latency))
        if self.dead:
            await self.world.loop.create_future()  # nobody is there any more to hear an answer
        if method == "GET":
            if self._next_fault("before"):
                raise UnavailableError("the API server answered 500", 500)
            return do()
        fault, dies = self._next_fault(), self._dies()
        self._refuse(fault, path)
        if dies and not self.faults.dies_after:
            await self._die()
        answer = self._write(do)
        if dies:
            await self._die()
        if fault == "after":
            raise UnavailableError("No answer from the API server: it was done nevertheless")
        return answer

    def _refuse(self, fault: str, path: str) -> None:
        if fault == "busy":
            raise UnavailableError("the API server answered 429: too many requests", 429)
        if fault == "before":
            raise UnavailableError("the API server answered 500: nothing was done", 500)
        if fault == "touched":
            self.world.touch(path)

    def _write(self, do: Callable[[], Json]) -> Json:
        self.writes += 1
        self.world.actor = self
        try:
            return do()
        finally:
            self.world.actor = None

    def _server(self, method: str) -> ApiServer:
        """Return the server, or for reads the older state of it that this process sees."""
        return self.faults.stale if method == "GET" and self.faults.stale is not None else self.world.server

    def _next_fault(self, only: str = "") -> str:
        failing = self.faults.failing
        if failing and (not only or failing[0] == only):
            return failing.pop(0)
        return ""

    def _dies(self) -> bool:
        if self.faults.dies_at is None:
            return False
        self.faults.dies_at -= 1
        return self.faults.dies_at < 0

    async def _die(self) -> None:
        self.world.later(0, self.on_death)
        self.kill()
        await self.world.loop.create_future()
