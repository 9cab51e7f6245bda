"""One resource's loop: each second a look at its pods, and a wake-up of the reconcile loop when replicas should change.

It decides and does not write: the reconcile loop, which knows of rollouts and limits, is the only one that scales.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace

from ekiben.operator.logs import ResourceLog
from ekiben.operator.queue import Key, WorkQueue
from ekiben.operator.targets import model_at, targets
from ekiben.operator.world import World
from ekiben.rollout import asleep
from ekiben.scaling import Config, Decision, Followed, Learned, StateError, learned_from_json, learned_to_json, together
from ekiben.scaling.shares import ALL
from ekiben.scaling.state import Peaks, with_peak
from ekiben.signals.collector import tick_seconds
from ekiben.signals.source import Source

from .arm import Arm, Flow
from .config import config_of, slow_above
from .held import Held, Holding
from .sleep import Sleep, SleepPhase
from .view import LEAVING, pods, roles

_READING_SHARE = 0.8
_REMIND = 15.0
"""Seconds after which a decision that was not followed is told again: a look may have failed, or a limit may hold."""
_FIGURES = 30.0
_MOVED = 0.2
"""A load is told again after so many seconds where it has moved by this share."""


class Loop:
    """Follows the revisions of one resource that serve."""

    def __init__(
        self,
        key: Key,
        source: Source,
        holding: Holding | None,
        ticks: tuple[float, float],
        log: ResourceLog,
    ) -> None:
        self.sleep = Sleep()
        self._key = key
        self._source = source
        self._holding = holding
        self._ticks = ticks
        self._log = log
        self._world: World | None = None
        self._arms: dict[str, Arm] = {}
        self._peaks: Peaks = ()
        self._held: Held | None = None
        self._held_at: float | None = None
        self._woken: float | None = None
        self._nudged = asyncio.Event()
        self._decided: dict[str, int] = {}
        self._told: tuple[object, ...] = ()
        self._reminded = 0.0
        self._loads: dict[str, float] = {}
        self._figures_at = 0.0

    def follow(self, world: World) -> None:
        """Take over what was just read: roles, pods, replicas."""
        self._world = world
        taking_part = roles(world)
        self._arms = {
            revision: self._arms.get(revision) or Arm(revision, self._known(world, revision))
            for revision in taking_part
        }
        self._decided = {
            name: wanted for name, wanted in self._decided.items() if taking_part.get(name, LEAVING) != LEAVING
        }
        self._wake(world)

    def _wake(self, world: World) -> None:
        """Take over a request by annotation that woke the model since the look before."""
        at = asleep.woken_at(world.resource.status)
        if at is None or (self._woken is not None and at <= self._woken):
            return
        self._woken = at
        for arm in self._arms.values():
            arm.woken(at)
        if self.sleep.phase is SleepPhase.ASLEEP:
            self.sleep = Sleep(SleepPhase.WAKING, at)

    def nudge(self) -> None:
        """Have the next look come at once."""
        self._nudged.set()

    def decisions(self) -> Mapping[str, tuple[Decision, str]]:
        """Return revision -> (its last decision, what was learned as text)."""
        return {
            name: (arm.decision, learned_to_json(arm.state.learned))
            for name, arm in self._arms.items()
            if arm.decision is not None
        }

    def total(self, now: float) -> Followed | None:
        """Return the load of the model; None before anything was seen."""
        world = self._world
        if world is None or not self._arms:
            return None
        config = self._config(world, next(iter(self._arms)))
        profiles = {name: arm.profile(self._config(world, name), now) for name, arm in self._arms.items()}
        # Copies of requests, and testers' own, are no part of the load that the weights share out.
        carrying = [name for name in profiles if self._carries(world, name)]
        parts = [name for name, role in roles(world).items() if name in carrying or role == LEAVING]
        seen = [found for name in parts or profiles if (found := profiles.get(name)) is not None]
        # Half of the load is no load to scale by.
        if not seen or any(profiles[name] is None for name in carrying):
            return None
        learned = {name: arm.state.learned for name, arm in self._arms.items()}
        kept = self._peaks[0][1] if self._peaks else 0
        return Followed(config, together(seen[0], seen[1] if len(seen) > 1 else None), learned, kept)

    async def run(self, queue: WorkQueue) -> None:
        """Look until cancelled."""
        while True:
            started = time.monotonic()
            try:
                await self.tick(time.time())
            except Exception:  # noqa: BLE001  a defect met by one resource must not stop the others; its replicas stay
                self._log.exception("A defect of ekiben: one look at the load is lost")
            if self.news(time.time()):
                queue.add(self._key, urgent=True)
            await self._pause(max(0.0, started + self._tick_length() - time.monotonic()))

    async def tick(self, now: float) -> None:
        """Read all pods once, and decide for each revision."""
        world = self._world
        if world is None:
            return
        asked = targets(world, self._arms)
        timeout = self._tick_length() * _READING_SHARE
        read, held = await asyncio.gather(self._source.read(asked, timeout), self._hold(timeout, world))
        for role, (revision, arm) in enumerate(self._arms.items()):
            if revision not in world.deployments:
                continue
            config = self._config(world, revision)
            flow = self._flow(world, held, now) if role == 0 else Flow()
            replicas = int(world.deployments[revision]["spec"].get("replicas", 1))
            mine = [target for target in asked if target.revision == revision]
            below = slow_above(world.resource.spec)
            decision = arm.observe(config, pods(world, revision), replicas, read, mine, flow, below, now)
            if role == 0:
                self._note_sleep(config, decision, now)
            if roles(world)[revision] != LEAVING:
                self._decided[revision] = decision.replicas
        self._held, self._held_at = held, now
        self._keep(now)

    def _keep(self, now: float) -> None:
        """Note what all requests need, ahead, for the scale-down delay."""
        found = self.total(now)
        if found is None:
            return
        fresh = replace(found, kept=0).replicas(next(iter(self._arms)), ALL, ahead=True)
        if fresh is not None:
            self._peaks = with_peak(self._peaks, now, fresh, now - found.config.scale_down_delay)

    def news(self, now: float) -> bool:
        """Whether the reconcile loop should look: replicas are to change, or the figures in status are old."""
        world = self._world
        if world is None:
            return False
        told = (tuple(self._decided.items()), self.sleep.phase)
        unlike = any(
            name in world.deployments and int(world.deployments[name]["spec"].get("replicas", 1)) != wanted
            for name, wanted in self._decided.items()
        )
        changed, again = told != self._told, unlike and now - self._reminded >= _REMIND
        self._told = told
        if changed or again:
            self._reminded = now
        return changed or again or self._moved(now)

    def _moved(self, now: float) -> bool:
        loads = {
            name: arm.decision.numbers.stable or 0.0 for name, arm in self._arms.items() if arm.decision is not None
        }
        if now - self._figures_at < _FIGURES:
            return False
        before = self._loads
        moved = before.keys() != loads.keys() or any(
            abs(load - before[name]) > _MOVED * max(load, before[name], 0.1) for name, load in loads.items()
        )
        if moved:
            self._loads, self._figures_at = loads, now
        return moved

    async def _pause(self, left: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._nudged.wait()
        self._nudged.clear()

    async def _hold(self, timeout: float, world: World) -> Held | None:  # noqa: ASYNC109
        if self._holding is None or not world.resource.spec.scaling.sleeps:
            return None
        return await self._holding.read(self._key, timeout)

    def _flow(self, world: World, held: Held | None, now: float) -> Flow:
        rolling = world.resource.status.rollout is not None
        if held is None:
            return Flow()
        before, seconds = self._held, now - (self._held_at if self._held_at is not None else now)
        arrived = forwarded = 0.0
        if before is not None and seconds > 0 and held.known and before.known:
            arrived = max(0, held.arrived - before.arrived) / seconds
            forwarded = max(0, held.forwarded - before.forwarded) / seconds
        return Flow(held.waiting, arrived, forwarded, held.known, held.ready and held.known and not rolling)

    def _note_sleep(self, config: Config, decision: Decision, now: float) -> None:
        phase = SleepPhase.AWAKE
        if config.min_replicas == 0:
            if decision.replicas == 0:
                phase = SleepPhase.ASLEEP
            elif decision.numbers.ready == 0 and self.sleep.phase is not SleepPhase.AWAKE:
                phase = SleepPhase.WAKING
        if phase is not self.sleep.phase:
            self.sleep = Sleep(phase, now)

    def _tick_length(self) -> float:
        few, many = self._ticks
        many_pods = sum(len(self._world.pods.get(name, ())) for name in self._arms) if self._world else 0
        return tick_seconds(many_pods, self._source.interval, few=few, many=many)

    def _config(self, world: World, revision: str) -> Config:
        limit = model_at(world, revision).concurrency if revision in world.deployments else None
        return config_of(world.resource.spec, limit)

    def _carries(self, world: World, revision: str) -> bool:
        status = world.resource.status
        taking_part = [one for one in (status.stable, status.canary) if one is not None and one.revision == revision]
        return any(max(one.weight, one.acknowledged_weight) > 0 for one in taking_part)

    def _known(self, world: World, revision: str) -> Learned | None:
        scaling = world.resource.status.scaling
        text = next((one.learned for one in scaling.revisions if one.revision == revision), "") if scaling else ""
        if not text:
            return None
        try:
            return learned_from_json(text)
        except StateError as error:
            self._log.warning("What the scaler had learned is learned anew: %s", error)
            return None
