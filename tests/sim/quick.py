"""Histories of decisions alone: the turns of turns.py, on the world of decisions.py."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from typing import Any

from . import quick_scaling, specs
from .choice import RELEASED, aimed, scales, served, sleeps, slow, strategy
from .decisions import EPOCH, World
from .load import Load
from .looks import state_of
from .outcome import Outcome
from .quick_turns import (
    TURNS,
    WEIGHTS,
    Turn,
    ask,
    counters,
    freeze,
    new,
    pause,
    recover,
    silence,
    traffic,
)
from .reading import read_once

__all__ = ["WEIGHTS", "Quick"]

Json = dict[str, Any]

_LENGTH = (10, 22)
_PATIENCE = 40


class Quick:
    """One history, from one seed."""

    def __init__(self, seed: int, tell: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.told: list[str] = []
        self.asked: list[str] = []
        self.world = World(self._first_spec())
        self._tell = tell
        self._ids = 0
        if scales(seed):
            self.world.load = Load(installed=self.rng.random() < 0.9)
        if tell is not None:
            self.world.tell = self.note

    def _first_spec(self) -> Json:
        spec = specs.whole(self.rng, strategy(self.seed))
        spec.pop("traffic")
        if scales(self.seed):
            spec["scaling"] = specs.followed(self.rng, sleeps=sleeps(self.seed))
        if sleeps(self.seed):
            spec["rollout"]["bake"] = "60s"
        return spec

    # The life of a history.

    def run(self) -> Outcome:
        """Run the whole of it, and heal the world at its end."""
        violations: list[str] = []
        try:
            with read_once():
                self._begin()
                for _ in range(self.rng.randint(*_LENGTH)):
                    self._wait()
                    self._turn()
                violations += self._end()
        except AssertionError as error:
            violations.append(f"{self.passed:.2f} s: {error}")
        except Exception as error:  # noqa: BLE001 - whatever breaks, the other histories go on, and this one is told
            violations.append(f"{self.passed:.2f} s: {error!r} at {traceback.extract_tb(error.__traceback__)[-1]}")
        world = self.world
        return Outcome(self.seed, violations, self.told, world.looks, world.looked, world.writes, self.passed)

    def _begin(self) -> None:
        self.note(f"create {self.world.spec}")
        if self.rng.random() < slow(self.seed):
            self.pass_time(0)
            for child in self.world.deployed.values():
                child.startable = False
        elif self.rng.random() < 0.8:
            self.pass_time(5)
        if self.rng.random() < served(self.seed):
            for turn in (new, lambda one: ask(one, "promote")):
                turn(self)
                self.pass_time(0.1)
            self.pass_time(10)

    def _wait(self) -> None:
        """Let time pass: often until the rollout gets to another state, sometimes hardly any, sometimes for long."""
        kind = self.rng.random()
        if kind < 0.5:
            most = self.rng.choice((4, 10, 20) if self.world.gateway_answers else (1, 3))
            state, waited = (self.state, self.nap), 0.0
            while state == (self.state, self.nap) and waited < most:
                waited += self._until_next(most - waited)
        elif kind < 0.85:
            self.pass_time(self.rng.choice((0.0, 0.1, 0.5)))
        else:
            self.pass_time(self.rng.choice((2, 6, 12, 35)))

    def _until_next(self, most: float) -> float:
        before = self.world.now
        self.world.pass_to_next(most)
        return max(0.01, self.world.now - before)

    def _turn(self) -> None:
        if self.world.load is not None and self.rng.random() < quick_scaling.often(self):
            quick_scaling.turn(self)
            return
        held = [turn for holds, turn in self._holding() if holds]
        name = aimed(self.seed, self.state, self.rng)
        if name is not None:
            turn = quick_scaling.wake if name == "wake" and self.world.load is not None else TURNS[name]
        elif held and self.rng.random() < RELEASED:
            turn = self.rng.choice(held)
        else:
            names = WEIGHTS[self.state]
            turn = TURNS[self.rng.choices(list(names), list(names.values()))[0]]
        self.make(turn)

    def make(self, turn: Turn) -> None:
        """Make a turn."""
        nap = self.nap
        done = turn(self)
        if done:
            self.note(done)
            quick_scaling.met(self, nap, turn)

    def _holding(self) -> list[tuple[bool, Turn]]:
        world = self.world
        return [
            (bool(world.frozen), freeze),
            (world.spec["rollout"].get("paused", False), pause),
            (world.status.paused, lambda one: ask(one, "resume")),
            (not world.gateway_answers, silence),
            (not world.traffic, traffic),
            (bool(world.problem), counters),
            (any(not one.startable for one in world.deployed.values()), recover),
        ]

    def _end(self) -> list[str]:
        """Heal everything: what was asked for has to come, and then nothing may be written any more."""
        world = self.world
        self.note("the world heals")
        world.frozen, world.problem, world.traffic, world.gateway_answers = "", "", True, True
        world.hung, world.objectives, world.policy_problem, world.policy = False, "Unknown", "", None
        world.older, world.dies_in, world.conflicts_in, world.unsupported = None, None, None, {}
        world.dies_unsaved = False
        world.verdict = "NotWorse" if world.verdict == "Unknown" else world.verdict
        quick_scaling.heal(self)
        recover(self)
        size = {} if world.spec.get("scaling", {}).get("replicas") == 0 else world.spec.get("scaling", {})
        world.apply(rollout={**world.spec["rollout"], "paused": False}, scaling=size)
        for _ in range(_PATIENCE):
            self.pass_time(20)
            status = world.status
            if status.rollout is None and status.former is None and not status.paused:
                break
            self._help()
        return [f"{self.passed:.2f} s: at the end: {problem}" for problem in self._problems()]

    def _help(self) -> None:
        held = next((one for one in self.world.status.conditions if one.type == "Paused"), None)
        verbs = {"AwaitingApproval": "approve", "Inconclusive": "promote", "Paused": "resume"}
        if held is not None and held.reason in verbs:
            ask(self, verbs[held.reason])

    def _problems(self) -> list[str]:
        world = self.world
        status, found = world.status, []
        if status.rollout is not None or status.former is not None:
            return [f"the rollout does not end: {self.state}"]
        if status.stable is None:
            return ["no revision serves"]
        stable = status.stable.revision
        if status.rejected_revision is None and status.pinned is None and world.target.revision != stable:
            found.append(f"{stable} serves, {world.target.revision} is asked for, and nothing says why")
        if {name: weight for name, weight in (world.weights or {}).items() if weight} != {stable: 100}:
            found.append(f"the route gives {world.weights}")
        if world.stable_service != stable:
            found.append(f"the Service selects {world.stable_service}")
        found += [
            f"{name} still has {one.wanted} replicas"
            for name, one in world.deployed.items()
            if one.wanted and name != stable
        ]
        self.pass_time(10 if world.load is None else 70)  # figures of the load are written when they are old
        if world.orphans:
            found.append(f"Services and autoscalers of {world.orphans} are left")
        before = world.writes
        self.pass_time(60)
        if world.writes != before:
            found.append(f"a settled resource is written {world.writes - before} times more")
        return found + quick_scaling.problems(self, stable)

    # What turns use.

    @property
    def passed(self) -> float:
        """Seconds since the beginning."""
        return self.world.now - EPOCH

    @property
    def state(self) -> str:
        """The state of the table."""
        return state_of(self.world.status)

    @property
    def nap(self) -> str:
        """Where the model stands on its way to sleep and back; empty in a history in which nothing can."""
        return "" if self.world.load is None else self.world.load.nap(self.world)

    def part(self, name: str) -> str | None:
        """Return the stable, canary or former revision."""
        found = getattr(self.world.status, name)
        return None if found is None else str(found.revision)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.world.pass_time(seconds)

    def next_id(self) -> str:
        """Return an ID for a request."""
        self._ids += 1
        return f"r{self._ids}"

    def note(self, text: str) -> None:
        """Write the story down."""
        line = f"{self.passed:8.2f} s  {text}"
        self.told.append(line)
        if self._tell:
            self._tell(line)
