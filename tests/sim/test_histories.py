"""Histories that nobody wrote down: hypothesis edits, breaks and heals a cluster, and every write keeps the invariants.

`python -m tests.sim` makes histories of its own, faster and more of them; what hypothesis adds is its way of choosing.
"""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.sim import choice, quick, run
from tests.sim.clock import virtual_time
from tests.sim.story import Story
from tests.sim.table import STATES, scaling, transitions

from ekiben.rollout import asleep, routing
from ekiben.rollout.conviction import Conviction

_TURNS = st.sampled_from(sorted(choice.names()))
_SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The operator tells of each thing that goes wrong, and here all of them do."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Histories(RuleBasedStateMachine):
    """One cluster, with the whole operator in it."""

    @initialize(seed=_SEEDS)
    def begin(self, seed: int) -> None:
        self.story = Story(seed)
        self.entered = [virtual_time(self.story.loop), self.story.watched()]
        for one in self.entered:
            one.__enter__()
        self.story.begin()

    @rule(name=_TURNS)
    def turn(self, name: str) -> None:
        self.story.make(choice.named(name))

    @rule(seconds=st.sampled_from([0.02, 0.3, 2.0, 6.0, 15.0]))
    def time_passes(self, seconds: float) -> None:
        self.story.advance(seconds)

    @rule(most=st.sampled_from([4.0, 20.0]))
    def another_state_comes(self, most: float) -> None:
        self.story.until_another_state(most)

    @invariant()
    def nothing_is_violated(self) -> None:
        assert not self.story.violations, "\n".join([*self.story.told, *self.story.violations])

    def teardown(self) -> None:
        try:
            self.story.end()
            self.nothing_is_violated()
        finally:
            self.story.close()
            for one in reversed(self.entered):
                one.__exit__(None, None, None)


Histories.TestCase.settings = settings(
    max_examples=int(os.environ.get("HISTORIES", "25")),
    # The same histories for every change; `make sim-more` looks for new ones.
    derandomize="HISTORIES" not in os.environ,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Shrinking such a history takes minutes; the history as found is short enough to read.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
TestHistories = Histories.TestCase


@pytest.mark.parametrize("level", sorted(run.LEVELS))
def test_a_seed_is_a_history(level: str) -> None:
    """What a violation prints can be shown again."""
    first, second = run.one(11, level), run.one(11, level)
    assert first.told == second.told
    assert first.violations == second.violations == []
    assert first.looked > 10


def test_a_long_run_goes_on_where_it_was_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "record"
    assert run.run({"decisions": 2}, 5, 1, 0, record=record, keep_going=False) == 0
    monkeypatch.setattr(run, "one", lambda *_: pytest.fail("it was run already"))
    assert run.run({"decisions": 2}, 5, 1, 0, record=record, keep_going=False) == 0
    assert run.run({"decisions": 2}, 5, 1, 1, record=record, keep_going=False) == 1, "most transitions are missing"
    record.write_text(record.read_text().replace('"code": "', '"code": "0'))
    with pytest.raises(SystemExit, match="is of other code"):
        run.run({"decisions": 2}, 5, 1, 0, record=record, keep_going=False)


def test_the_table_names_states_that_exist() -> None:
    found = transitions()
    assert len(found) > 200
    assert {state for state, _, _ in found} == set(STATES)


def test_both_levels_make_the_same_turns_in_every_state() -> None:
    assert set(choice.IN) == set(STATES)
    without = {"trouble", "path", "front", "remove", "slow", "deaf", "second"}
    for state in STATES:
        assert set(choice.weights(state)) - set(quick.WEIGHTS[state]) <= without


_SABOTAGE: dict[str, tuple[str, Callable[..., Any]]] = {
    "does not wait for the gateway": ("ekiben.rollout.ending.acknowledged", lambda *_: True),
    "gives weight without capacity": ("ekiben.rollout.capacity.step_need", lambda *_: 0),
    "promotes without a verdict": ("ekiben.rollout.gate._passed", lambda *_, **__: True),
    "rolls back without a reason": ("ekiben.rollout.conviction.by_traffic", lambda _: Conviction("Regressed", "so")),
    "ends pods without draining": ("ekiben.rollout.draining.done", lambda *_: True),
    "leaves steps before their time": ("ekiben.rollout.gate.time_left", lambda *_: 0.0),
    "leaves steps without their approval": ("ekiben.rollout.gate.unapproved", lambda *_: False),
    "writes what is there already": ("ekiben.operator.writes.differs", lambda *_: ["spec"]),
}


@pytest.mark.parametrize("what", _SABOTAGE)
def test_an_operator_that_is_wrong_is_found_out(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation that finds nothing would say nothing."""
    monkeypatch.setattr(*_SABOTAGE[what])
    assert any(run.one(seed).violations for seed in range(100)), f"nobody notices that it {what}"


_SABOTAGE_OF_DECISIONS: dict[str, tuple[str, Any]] = {
    **{what: how for what, how in _SABOTAGE.items() if how[0].startswith("ekiben.rollout")},
    "handles requests again": ("ekiben.rollout.requests._KEPT", 1),
    "leaves requests where no pod is": ("ekiben.rollout.steps.withdraw", lambda *_: None),
    "moves weights in a freeze": ("ekiben.rollout.freeze._keep_route", lambda draft, one: draft.act(routing.only(one))),
}


@pytest.mark.parametrize("what", _SABOTAGE_OF_DECISIONS)
def test_decisions_that_are_wrong_are_found_out(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*_SABOTAGE_OF_DECISIONS[what])
    assert any(run.one(seed, "decisions").violations for seed in range(300)), f"nobody notices that it {what}"


_SABOTAGE_OF_SCALING: dict[str, tuple[str, Callable[..., Any]]] = {
    "ends the last pod before the gateway has heard": ("ekiben.rollout.asleep._led", lambda _: True),
    "leads requests to a pod that is not there": ("ekiben.rollout.asleep._by_activator", lambda one: _falls(one)),
    "takes the activators away too early": ("ekiben.rollout.asleep._still_in_path", lambda _: False),
    "lets a model sleep in a rollout": ("ekiben.rollout.asleep._falls_asleep", lambda one: _idle(one)),
    "scales beside KEDA": ("ekiben.rollout.capacity.still_keda", lambda *_: False),
    "forgets that both revisions share the limit": ("ekiben.rollout.room.of", lambda *_: None),
}
_falls = asleep._falls_asleep


def _idle(draft: Any) -> bool:
    return bool(draft.observation.sleep == "asleep")


@pytest.mark.parametrize("what", _SABOTAGE_OF_SCALING)
def test_scaling_that_is_wrong_is_found_out(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*_SABOTAGE_OF_SCALING[what])
    seeds = filter(choice.scales, range(1000))
    assert any(run.one(seed, "decisions").violations for seed in seeds), f"nobody notices that it {what}"


def test_the_transitions_of_scaling_are_told_apart() -> None:
    found = scaling()
    assert len(found) > 30
    assert not found & transitions().keys()
