"""Observe, decide, apply: one look at one resource, and the workers that look."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from pydantic import ValidationError

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ClusterError, ConflictError, ForbiddenError
from ekiben.cluster.events import tell
from ekiben.objects.problems import problems
from ekiben.objects.settings import Settings as Rendering
from ekiben.rollout.decide import decide
from ekiben.rollout.plan import Plan, SetWeights

from . import status
from .apply import Applier, BlockedError, split
from .evidence import Watchers
from .logs import ResourceLog
from .metrics import Metrics
from .observe import Observer, observation
from .patience import Patience
from .queue import Key, WorkQueue
from .scale import moves
from .scale.scalers import Scalers
from .traffic import users
from .world import Json, World

_log = logging.getLogger(__name__)
_AFTER_CONFLICT = 0.1


class Reconciler:
    """Looks at resources, as many at once as there are workers, each by one worker at a time."""

    def __init__(
        self,
        cluster: Cluster,
        observer: Observer,
        applier: Applier,
        watchers: Watchers,
        scalers: Scalers,
        rendering: Rendering,
        queue: WorkQueue,
        metrics: Metrics,
        resync: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._cluster = cluster
        self._observer = observer
        self._applier = applier
        self._watchers = watchers
        self._scalers = scalers
        self._rendering = rendering
        self._queue = queue
        self._metrics = metrics
        self._resync = resync
        self._now = now
        self._patience = Patience()

    async def work(self) -> None:
        """Take keys from the queue for ever. Only a defect of the queue itself ends this, and with it the process."""
        while True:
            key = await self._queue.get()
            try:
                await self._once(key)
            finally:
                self._queue.done(key)

    async def _once(self, key: Key) -> None:
        log = ResourceLog(_log, *key)
        started = time.perf_counter()
        result = "ok"
        try:
            again = await self.look(key)
        except ConflictError as error:
            result = "conflict"
            log.debug("Read again: %s", error.message)
            self._queue.retry(key, _AFTER_CONFLICT)
        except BlockedError as error:
            result = "blocked"
            if error.told:  # all the rest was carried out
                self._queue.succeeded(key)
            self._queue.add(key, error.again)
            log.log(logging.WARNING if error.new else logging.DEBUG, "Blocked (%s): %s", error.reason, error.message)
        except ClusterError as error:
            result = "error"
            log.warning("%s; looking again in %.1f s", error.message, self._queue.retry(key))
        except Exception:  # a defect met by one resource must not stop the others
            result = "defect"
            log.exception("A defect of ekiben; looking again in %.1f s", self._queue.retry(key))
        else:
            self._queue.succeeded(key)
            if again is not None:
                self._queue.add(key, again)
        self._metrics.reconciles.labels(result).inc()
        self._metrics.reconcile_seconds.observe(time.perf_counter() - started)

    async def look(self, key: Key) -> float | None:
        """Look at one resource once; returns the seconds until the next look, None where the resource is gone."""
        raw = await self._cluster.find(kinds.MODEL_DEPLOYMENT, *key)
        if raw is None:
            await self._forget(key)
            return None
        try:
            return await self._carry_out(key, raw)
        except BlockedError as error:
            self._metrics.blocked(key)
            if not error.told:
                error.new = await status.write_blocked(self._cluster, raw, error.reason, error.message, self._now())
            if error.new:
                await tell(self._cluster, raw, "Warning", error.reason, error.message)
            raise

    async def _carry_out(self, key: Key, raw: Json) -> float:
        resource = _read(raw)
        unusable = "; ".join(problems(resource, self._rendering))
        try:
            world = await self._observer.read(raw, resource, unusable)
            if unusable and not world.deployments:
                raise BlockedError("Unusable", unusable)
            await self._watchers.follow(key, world, self._now())
            await self._scalers.follow(key, world)
        except ForbiddenError as error:
            raise BlockedError("Forbidden", error.message) from error
        seen = observation(
            world,
            self._watchers.evidence(key),
            self._watchers.drains(key),
            self._applier.problems(world),
            self._scalers.load(key, world, self._now()),
        )
        plan = decide(seen, self._now())
        blocked = _blocked(world, plan)
        if blocked is not None:
            blocked.told, blocked.new = True, not status.tells(resource.status, blocked.reason, blocked.message)
            told = (blocked.reason, blocked.message, resource.metadata.generation, self._now())
            plan = replace(plan, status=status.degraded(plan.status, resource.status, *told))
        first, endings = split(plan.actions)
        before = moves.sizes(world)
        try:
            await self._applier.act(world, first)
            await self._settle(key, world, plan, before)
            await self._applier.act(world, endings)
        finally:  # what went before an action that failed has been done
            self._scaled(key, moves.ended(before, world, plan.status))
        after = self._resync if plan.requeue_after is None else min(plan.requeue_after, self._resync)
        after = min(after, self._patience.wait(key, world, plan.status, self._now()))
        if blocked is not None:
            blocked.again = min(after, blocked.again)
            raise blocked
        return after

    async def _settle(self, key: Key, world: World, plan: Plan, sizes: Mapping[str, int]) -> None:
        """Write the status, and then tell what happened; `sizes` are the replicas of revisions as they were read."""
        before = world.resource.status
        if await status.write(self._cluster, world.raw, before, plan.status):
            known = {(entry.revision, entry.ended_at) for entry in before.history}
            for entry in plan.status.history:
                if (entry.revision, entry.ended_at) not in known:
                    self._metrics.outcomes.labels(entry.outcome, entry.reason).inc()
            self._scaled(key, moves.moves(before, plan.status, sizes))
        self._metrics.tell(key, plan.status)
        log = ResourceLog(_log, *key)
        for event in plan.events:
            revision = plan.status.rollout.revision if plan.status.rollout else None
            log.log(
                logging.WARNING if event.type == "Warning" else logging.INFO,
                "%s: %s",
                event.reason,
                event.message,
                fields={"reason": event.reason, **({"revision": revision} if revision else {})},
            )
            await tell(self._cluster, world.raw, event.type, event.reason, event.message)

    def _scaled(self, key: Key, found: list[moves.Move]) -> None:
        log = ResourceLog(_log, *key)
        for one in found:
            self._metrics.scaling.moved(key, one)
            text = "Replicas of the %s revision: %d -> %d: %s"
            log.info(text, one.role, one.before, one.after, one.message, fields={"reason": one.reason})

    async def _forget(self, key: Key) -> None:
        self._patience.forget(key)
        await self._watchers.forget(key)
        await self._scalers.forget(key)
        self._observer.policies.forget(key)
        self._queue.forget(key)
        self._metrics.forget(key)
        await self._applier.forget(*key)


def _blocked(world: World, plan: Plan) -> BlockedError | None:
    """Return what of the spec, or of the user's route, is not carried out beside all else."""
    if world.unusable:
        return BlockedError("Unusable", world.unusable)
    refused = (users.blocked(world, action) for action in plan.actions if isinstance(action, SetWeights))
    why = next(filter(None, refused), "")
    return BlockedError("RouteUnusable", why) if why else None


def _read(raw: Json) -> ModelDeployment:
    try:
        return ModelDeployment.parse(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BlockedError("Unreadable", f"this version of ekiben cannot read {where}: {first['msg']}") from error
