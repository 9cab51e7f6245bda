"""The load at level decisions: what replicas follow, who else moves them, and what the scaling loop tells of it.

The loop tells what the product's does, without its counters and windows: a phase of sleep, the replicas that each
revision's own part of the load asks for, and the load of both together. It looks once a second while anything moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Literal

from ekiben.api.base import seconds
from ekiben.api.modeldeployment import Spec
from ekiben.api.scaling import Writer
from ekiben.rollout.observation import Autoscaler, Measured, Observation
from ekiben.scaling import Config, Followed, Kind, Learned, Metric, Profile, Total, Used

from .activators import Activators

if TYPE_CHECKING:
    from .decisions import World

PER_POD = 4
_CONFIG = Config(1, 100, metrics=(Metric(Kind.CONCURRENCY, PER_POD),))
_SECOND = Learned(busy=100.0, done=100.0, started_in=3.0)
_DELAY = 6.0
"""Seconds that fewer replicas have to be enough."""
_IDLE = "5m"


def pods(load: float) -> int:
    """Return the pods that a load needs."""
    return ceil(load / PER_POD - 1e-9)


@dataclass
class Arm:
    """What the loop remembers of one revision."""

    load: float | None = None
    """None before it was read."""
    high: int = 0
    high_at: float = 0.0

    def enough(self, need: int, now: float) -> int:
        """Return the most replicas that were needed within the delay."""
        if need >= self.high or now - self.high_at >= _DELAY:
            self.high, self.high_at = need, now
        return self.high


class Load:
    """Everything that asks for replicas, in one history."""

    def __init__(self, *, installed: bool) -> None:
        self.activators = Activators(installed=installed)
        self.requests = 6.0
        """Requests at once, of all revisions together, while any come."""
        self.until = 0.0
        """Some come until then, although most callers have gone."""
        self.measures = True
        self.late = False
        """What is told of the load is what it was."""
        self.refused = ""
        """Why KEDA's triggers may not be used."""
        self.sleep: Literal["awake", "asleep", "waking"] = "awake"
        self.measured: dict[str, Measured] = {}
        self.total: Total | None = None
        self.handover = 2.0
        """Seconds by which KEDA's own autoscaler outlives its ScaledObject."""
        self.led_since: float | None = None
        """Since when all requests lead to the activators by every way."""
        self._arms: dict[str, Arm] = {}
        self._busy_at: float | None = None
        self._nap = "Awake"

    def told(self, world: World, seen: Observation) -> Observation:
        """Return the observation with what is known of the load."""
        route = replace(seen.route, asleep=world.wake) if seen.route is not None else None
        spec = seen.resource.spec
        return replace(
            seen,
            route=route,
            measured=dict(self.measured),
            total=self.total,
            sleep=self.sleep,
            activator=self.activators.told(world.now),
            scaling_problem=self.refused if spec.writer is Writer.KEDA else "",
        )

    def nap(self, world: World) -> str:
        """Return where the model stands on its way to sleep and back."""
        stable = world.status.stable
        one = world.deployed.get(stable.revision) if stable is not None else None
        if one is None or not world.wake:
            return "Awake"
        if one.wanted == 0:
            return "Asleep"
        return "FallingAsleep" if self.sleep == "asleep" else "Waking"

    def note(self, world: World) -> None:
        """Count the ways between waking and sleeping."""
        now = self.nap(world)
        if now != self._nap:
            world.looks.taken[self._nap, "then", now] += 1
            self._nap = now

    def forget(self) -> None:
        """What an operator does not know that has just started, or of a model whose replicas it does not follow."""
        self.sleep, self.measured, self.total, self._arms, self._busy_at = "awake", {}, None, {}, None

    # Who gets the requests.

    def coming(self, world: World) -> float:
        """Return the requests that come now."""
        return self.requests if world.traffic or world.now < self.until else 0.0

    def shares(self, world: World) -> dict[str, float]:
        """Return revision -> the requests that its pods get."""
        coming = self.coming(world)
        if world.acknowledged is None:
            return {}
        weights, wake = world.acknowledged[0], world.acknowledged[-1]
        assert isinstance(weights, dict)
        if wake and self.activators.pods == 0:
            return {}
        return {name: coming * weight / 100 for name, weight in weights.items() if weight}

    # The loop.

    def look(self, world: World) -> None:
        """Take one look at the pods."""
        spec = world.resource().spec
        if spec.writer is Writer.EKIBEN:
            self._look(world, spec)
            return
        self.forget()
        if spec.writer is Writer.AUTOSCALER and self.measures:
            self.total = self._used(world)

    def _look(self, world: World, spec: Spec) -> None:
        shares, self.measured = self.shares(world), {}
        names = list(_roles(world))
        self._arms = {name: self._arms.get(name) or Arm() for name in names}
        for role, name in enumerate(names):
            one = world.deployed.get(name)
            if one is None:
                continue
            ready = min(one.ready, one.wanted)
            stable = role == 0 and spec.scaling.sleeps and self.activators.installed
            waiting = stable and self.activators.waiting
            known = not stable or self.activators.readable
            arm, load = self._arms[name], shares.get(name, 0.0)
            if waiting:
                load = max(load, self.coming(world), 1.0)
            readable = (self.measures and ready > 0) or waiting or (one.wanted == 0 and known)
            if readable and (arm.load is None or not self.late or waiting):
                arm.load = load
            if role == 0:
                hidden = not readable or (ready > 0 and not self.measures)
                if self._busy_at is None or load > 0 or hidden:
                    self._busy_at = world.now
            may_sleep = stable and known and self.activators.ready and world.status.rollout is None
            wanted = one.wanted if one.wanted or not spec.scaling.sleeps else 0
            decided = self._decided(world, spec, arm, wanted, may_sleep=may_sleep, readable=readable)
            self.measured[name] = Measured(decided, arm.load, PER_POD, "", "Told", "told", not readable)
            if role == 0:
                self._note_sleep(spec, decided, ready)
        self.total = self._followed(world)

    def _decided(self, world: World, spec: Spec, arm: Arm, present: int, *, may_sleep: bool, readable: bool) -> int:
        sleeps, most = spec.scaling.sleeps, spec.scaling.ceiling
        if not readable:
            return present if sleeps and present == 0 else min(most, max(spec.scaling.floor, present))
        need = pods(arm.load or 0.0)
        enough = arm.enough(need, world.now)
        if may_sleep and sleeps and self._idle(world, spec):
            return 0
        if need == present == 0 and sleeps:
            return 0
        wanted = need if need > present else max(need, min(present, enough))
        return min(most, max(spec.scaling.floor, wanted))

    def _idle(self, world: World, spec: Spec) -> bool:
        return self._busy_at is not None and world.now - self._busy_at >= seconds(spec.scaling.idle_window or _IDLE)

    def _note_sleep(self, spec: Spec, decided: int, ready: int) -> None:
        if spec.scaling.sleeps and decided == 0:
            self.sleep = "asleep"
        elif spec.scaling.sleeps and ready == 0 and self.sleep != "awake":
            self.sleep = "waking"
        else:
            self.sleep = "awake"

    def _followed(self, world: World) -> Followed | None:
        seen = [arm.load for arm in self._arms.values() if arm.load is not None]
        if not seen or any(name in self._arms and self._arms[name].load is None for name in _carrying(world)):
            return None
        return Followed(_CONFIG, Profile(sum(seen), None, _SECOND))

    def _used(self, world: World) -> Used | None:
        carrying, shares, found = list(_carrying(world)), self.shares(world), 0.0
        for name in carrying:
            one = world.deployed.get(name)
            if one is None or one.autoscaler is None or not one.ready or not one.wanted:
                return None
            found += shares.get(name, 0.0) / PER_POD
        return Used(found) if carrying else None

    def provided(self, world: World, weights: dict[str, int]) -> bool | None:
        """Whether each that gets more weight has the pods for it; None where nobody knows the load."""
        total, stable = self.total, world.status.stable
        if total is None or stable is None or not world.seen_ready.get(stable.revision):
            return None
        most = world.resource().spec.scaling.ceiling
        for name, weight in weights.items():
            one = world.deployed[name]
            if name == stable.revision or weight <= (world.weights or {}).get(name, 0):
                continue
            if min(one.ready, one.wanted) < min(total.replicas(name, weight) or 1, most):
                return False
        return True

    # The others.

    def tick(self, world: World) -> None:
        """Let the autoscalers, KEDA and the activators act."""
        shares = self.shares(world)
        for name, one in world.deployed.items():
            bounds = one.bounds
            if bounds is not None and (one.wanted > 0 or one.scaled_object is not None):
                one.wanted = _within(bounds, pods(shares.get(name, 0.0)))
            if one.handing_over is not None and world.now >= one.handing_over[1]:
                one.handing_over = None
        stable = world.status.stable
        serving = world.deployed.get(stable.revision) if stable is not None else None
        ready = serving is not None and min(serving.ready, serving.wanted) > 0
        asked = self.coming(world) > 0 and world.acknowledged is not None and bool(world.acknowledged[-1])
        self.activators.tick(world.now, asked=asked, ready=ready)
        led = world.wake and self.activators.in_path and world.acknowledged == world._asked()
        self.led_since = (self.led_since if self.led_since is not None else world.now) if led else None

    def due(self, world: World) -> float | None:
        """Return when something changes by itself; None where nothing will."""
        if self.activators.moves or self.activators.waiting or any(one.handing_over for one in world.deployed.values()):
            return world.now + 1
        shares = self.shares(world)
        for name, one in world.deployed.items():
            if one.bounds is not None and one.wanted and one.wanted != _within(one.bounds, pods(shares.get(name, 0.0))):
                return world.now + 1
        if world.acknowledged is not None and world.acknowledged[-1] and self.coming(world) > 0:
            return world.now + 1
        return min((moment for moment in self._moments(world, shares) if moment > world.now), default=None)

    def _moments(self, world: World, shares: dict[str, float]) -> Iterator[float]:
        yield self.until
        spec = world.resource().spec
        if spec.writer is not Writer.EKIBEN:
            return
        if spec.scaling.sleeps and self._busy_at is not None and self.coming(world) == 0:
            yield self._busy_at + seconds(spec.scaling.idle_window or _IDLE)
        for name, arm in self._arms.items():
            if self.measures and not self.late and arm.load != shares.get(name, 0.0):
                yield world.now + 1
            if arm.high > pods(arm.load or 0.0):
                yield arm.high_at + _DELAY


def _within(bounds: Autoscaler, wanted: int) -> int:
    return max(bounds.min_replicas, min(bounds.max_replicas, wanted))


def _roles(world: World) -> Iterator[str]:
    """Yield the revisions that may be scaled, the stable one first."""
    status = world.status
    leaving = status.rollout is not None and status.rollout.state in ("RollingBack", "Restoring")
    if status.stable is not None:
        yield status.stable.revision
    if status.canary is not None and (status.stable is None or not leaving):
        yield status.canary.revision


def _carrying(world: World) -> Iterator[str]:
    for one in (world.status.stable, world.status.canary):
        if one is not None and max(one.weight, one.acknowledged_weight) > 0:
            yield one.revision
