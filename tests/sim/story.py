"""One history: a resource, an operator, and turns that nobody wrote down, all from one seed."""

from __future__ import annotations

import marshal
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.status import Status
from ekiben.cluster import kinds
from ekiben.objects.names import REVISION_LABEL
from ekiben.operator import reconcile, watcher
from ekiben.operator.metrics import Metrics
from ekiben.rollout.decide import decide
from ekiben.rollout.observation import Observation
from ekiben.rollout.plan import Plan

from . import specs, turns
from .apiserver import ApiServer
from .choice import choose, named, served, slow, strategy
from .clock import VirtualLoop, virtual_time
from .counters import Counters
from .invariants import Invariants
from .looks import Looks, state_of
from .outcome import Outcome
from .process import Process
from .schema import Info
from .settled import settled
from .turns import Turn
from .world import World

Json = dict[str, Any]

_LENGTH = (9, 17)
_MOST_LOOKS = 1500
_COUNTED = 0.06
"""Share of histories with the real collector and the real analysis, on counters that are read each second."""


class Story:
    """A world, and everything that happens in it."""

    def __init__(self, seed: int, tell: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.loop = VirtualLoop()
        self.world = World(self.loop, self.rng)
        self.invariants = Invariants(self.world)
        self.looks = Looks()
        self.told: list[str] = []
        self.asked: list[str] = []
        self.frozen = False
        self.looked = 0
        self.spec: Json = {}
        self._tell = tell
        self._metrics = Metrics()
        self._ids = 0
        self._state = "First"
        self._stops = False
        self._processes: list[Process] = []
        self.world.watchers.append(self._heard)

    # The life of a history.

    def run(self, length: int | None = None) -> Outcome:
        """Run the whole of it, and heal the world at its end."""
        with virtual_time(self.loop), self.watched():
            self.begin()
            for _ in range(length or self.rng.randint(*_LENGTH)):
                self.wait()
                self.turn()
                if self.violations:
                    break
            else:
                self.end()
            self.close()
        return self.outcome()

    def begin(self) -> None:
        """A resource and an operator."""
        random.seed(self.seed)
        if self.rng.random() < _COUNTED:
            self.world.counters = Counters(self.world)
        self.start()
        for version in specs.VERSIONS:
            nature = self.world.nature(version)
            nature.start = self.rng.choice((0.5, 2.0, 5.0))
            nature.verdict = self.rng.choices(("good", "bad", "unsure"), (6, 2, 2))[0]
            nature.judged_after = self.rng.choice((2.0, 6.0))
        self.world.lag = self.rng.choice((0.0, 0.0, 0.2))
        self.world.gateway.delay = self.rng.choice((0.05, 0.5, 2.0))
        self.world.open_front()
        self.create_again()
        if self.rng.random() < slow(self.seed):
            self.world.nature(self.spec["model"]["image"]).trouble = "hang"  # there is time to do something
        elif self.rng.random() < 0.8:
            self.advance(6)
        if self.rng.random() < served(self.seed):
            self._serve_another()

    def _serve_another(self) -> None:
        """Have a second revision take over, so that there is one to go back to."""
        self.make(turns.new)
        self.advance(0.1)
        self.make(named("promote"))
        for _ in range(3):
            self.until_another_state(12)

    def wait(self) -> None:
        """Let time pass: often until the rollout gets to another state, sometimes hardly any, sometimes for long."""
        kind = self.rng.random()
        if kind < 0.5:
            # While the gateway is silent, or nothing may move, each second is a look that finds nothing new.
            self.until_another_state(self.rng.choice((4, 10, 20) if self.world.gateway.answers else (1, 3)))
            self.advance(self.rng.choice((0.0, 0.0, 0.02, 0.3)))
        elif kind < 0.85:
            self.advance(self.rng.choice((0.02, 0.1, 0.5)))
        else:
            self.advance(self.rng.choice((2, 6, 12, 35)))

    def turn(self) -> None:
        """Make one turn."""
        self.make(choose(self))

    def make(self, turn: Turn) -> None:
        """Make a turn."""
        done = turn(self)
        if done:
            self.note(done)

    def end(self) -> None:
        """Heal everything; what was asked for has to come, and then nothing may be written any more."""
        world = self.world
        self.note("the world heals")
        for process in self._processes:
            process.faults.heal()
        if self.frozen:
            turns.freeze(self)
        for nature in world.natures.values():
            nature.trouble = ""
            nature.verdict = "good" if nature.verdict not in ("bad", "hung") else nature.verdict
        world.workloads.heal()
        world.senses.traffic = world.senses.counters = True
        world.senses.since = world.now
        world.gateway.wake()
        if world.server.peek(kinds.HTTP_ROUTE, world.namespace, world.front) is None:
            turns.front(self)
        self.advance(10)
        self._unpause()
        self.process.listen()
        problems = settled(self)
        if problems:
            self.invariants.violations += [f"{self.loop.passed:.2f} s: at the end: {problem}" for problem in problems]

    def _unpause(self) -> None:
        rollout = {key: value for key, value in self.spec["rollout"].items() if key != "paused"}
        size = {} if self.spec.get("scaling", {}).get("replicas") == 0 else self.spec.get("scaling", {})
        turns._apply(self, rollout=rollout, scaling=size)
        if self.world.status.get("paused"):
            turns._ask(self, "resume")

    def close(self) -> None:
        """Leave nothing behind in this process."""
        for process in self._processes:
            process.kill()
        self.loop.advance(self.loop.passed + 1)
        self.loop.close()

    def outcome(self) -> Outcome:
        """Return what came of it."""
        writes = sum(process.writes for process in self._processes)
        return Outcome(self.seed, self.violations, self.told, self.looks, self.looked, writes, self.loop.passed)

    @property
    def violations(self) -> list[str]:
        """What was broken so far."""
        defects = [defect for process in self._processes for defect in process.defects]
        return [*self.invariants.violations, *defects]

    # What turns use.

    @property
    def process(self) -> Process:
        """The operator that runs now, or ran last."""
        return self._processes[-1]

    @property
    def running(self) -> bool:
        """Whether a rollout is going on."""
        return "rollout" in self.world.status

    @property
    def state(self) -> str:
        """The state of the table."""
        return self._state

    def revision_of(self, part: str) -> str | None:
        """Return the stable, canary or former revision."""
        found: str | None = (self.world.status.get(part) or {}).get("revision")
        return found

    def image_of(self, part: str) -> str | None:
        """Return the image of the stable, canary or former revision."""
        found: str | None = (self.world.status.get(part) or {}).get("image")
        return found

    def pods_of(self, revision: str | None) -> list[Json]:
        """Return the pods of a revision that are not ending."""
        return [
            pod
            for pod in self.world.server.all(kinds.POD)
            if pod["metadata"]["labels"].get(REVISION_LABEL) == revision
            and pod["metadata"].get("deletionTimestamp") is None
        ]

    def next_id(self) -> str:
        """Return an ID for a request."""
        self._ids += 1
        return f"r{self._ids}"

    def mark(self, turn: str) -> None:
        """Say that a turn was made which no observation shows."""
        self.looks.marks.add(turn)

    def create_again(self) -> None:
        """Apply the resource, which is not there."""
        if self.world.resource is None:
            self.spec = self.spec or specs.whole(self.rng, strategy(self.seed))
            self.note(f"create {self.spec}")
            self.world.create(turns.copied(self.spec))

    def start(self) -> Process:
        """Start an operator."""
        process = Process(self.world, self._metrics)
        process.on_death = lambda: self.world.later(self.rng.uniform(0.05, 5), self._restart)
        self._processes.append(process)
        return process

    def crash(self, away: float) -> None:
        """Kill the operator; another one starts later."""
        self.process.kill()
        self.world.later(away, self._restart)

    def second_operator(self, seconds: float) -> None:
        """Let another operator act beside the first, as happens around a lease that expires; then the first is gone."""
        first = self.process
        if not first.dead:
            self.start()
            self.world.later(seconds, first.kill)

    def read_stale(self, seconds: float) -> None:
        """Let the operator read the state of this moment for a while."""
        server = self.world.server
        older = ApiServer(server.clock, stores={plural: dict(store) for plural, store in server.stores.items()})
        older.version = server.version
        faults = self.process.faults
        faults.stale = older
        self.world.later(seconds, faults.see_again)

    def until_another_state(self, most: float) -> None:
        """Let time pass until the rollout gets to another state."""
        self._stops = True
        self.advance(most)
        self._stops = False

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.advance(self.loop.passed + seconds)

    def note(self, text: str) -> None:
        """Write the story down."""
        line = f"{self.loop.passed:8.2f} s  {text}"
        self.told.append(line)
        if self._tell:
            self._tell(line)

    def _restart(self) -> None:
        if self.process.dead:
            self.note("an operator starts")
            self.start()

    def watched(self) -> Any:
        """Return a context in which the product's loop decides through this story."""
        return _Decisions(self)

    def decided(self, seen: Observation, now: float) -> Plan:
        """Decide as the product does, and look over its shoulder."""
        plan = decide(seen, now)
        self.looked += 1
        if self.looked > _MOST_LOOKS:
            self.invariants.violations.append("it looks again and again")
            self.process.kill()
        process = next((one for one in self._processes if one.is_current()), None)
        self.invariants.looked(process, seen, plan)
        before = state_of(seen.resource.status)
        found = self.looks.looked(seen, now, plan, dry=not (self.world.senses.traffic and self.world.senses.counters))
        after = state_of(plan.status)
        if self._tell and (found or before != after):
            met = ", ".join(turn for _, turn, _ in found)
            self.note(f"    look: {before} -> {after} ({met})")
        if self.seed % 8 == 0 and plan != decide(seen, now):
            self.invariants.violations.append("the same observation gave another plan")
        return plan

    def _heard(self, event: str, info: Info, body: Json) -> None:
        if info.kind is kinds.MODEL_DEPLOYMENT and event != "DELETED":
            status = body.get("status")
            state = state_of(Status.model_validate(status)) if status else self._state
            if state != self._state:
                self._state = state
                if self._stops:
                    self.loop.stop()


def _read_once(raw: Json) -> ModelDeployment:
    """Read a resource as the product does, once: the same version is the same resource, and cannot be changed."""
    key = marshal.dumps(raw, 2)
    found = _READ.get(key)
    if found is None:
        if len(_READ) > 64:
            _READ.clear()
        found = _READ[key] = _read(raw)
    return found


_read = reconcile._read
_READ: dict[bytes, ModelDeployment] = {}


@dataclass
class _Decisions:
    """While it is entered, the product's loop decides through a story."""

    story: Story
    _before: Any = field(default=None)

    def __enter__(self) -> None:
        self._before = reconcile.decide, reconcile._read, watcher.Watcher._tick
        reconcile.decide = self.story.decided  # type: ignore[assignment]
        reconcile._read = _read_once
        watcher.Watcher._tick = self._ticked(watcher.Watcher._tick)

    def __exit__(self, *_: object) -> None:
        reconcile.decide, reconcile._read, watcher.Watcher._tick = self._before

    def _ticked(self, tick: Any) -> Any:
        async def ticked(one: watcher.Watcher, now: float) -> None:
            try:
                await tick(one, now)
            except Exception as error:
                self.story.invariants.violations.append(f"a tick of the evidence failed: {error!r}")
                raise

        return ticked
