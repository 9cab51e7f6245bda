"""docs/rollouts.md, cell by cell: each state is brought about, each turn is made, and the next state looked at."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rollout.world import World, serving, world

from ekiben.api.status import Phase, Status
from ekiben.rollout.observation import Activator

_DOC = Path(__file__).resolve().parents[2] / "docs" / "rollouts.md"
_V = "registry.test/iris:v"
_NEW = "v3"


def _cells() -> Iterator[tuple[str, str, str]]:
    """Yield (turn, state, text) of every cell of the tables whose first column is the turn."""
    states: list[str] = []
    for line in _DOC.read_text().splitlines():
        if not line.startswith("|"):
            states = []
            continue
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if row[0] == "turn":
            states = row[1:]
        elif states and not set(row[0]) <= {"-"}:
            for turn in re.findall(r"`([a-z-]+)`", row[0].partition(":")[0]):
                for state, text in zip(states, row[1:], strict=True):
                    yield turn, state, text


_CELLS = [(turn, state, text) for turn, state, text in _cells() if text != "-"]


def state_of(one: World) -> str:
    running = one.status.rollout
    if running is not None:
        return running.state
    return "Bake" if one.status.former_until is not None else "Stable"


def _second(**rollout: Any) -> World:
    """v2 serves, and v1 served before."""
    one = serving(rollout={"bake": "0s", **rollout})
    one.verdict = "NotWorse"
    one.apply(f"{_V}2")
    one.reconcile()
    one.ask("promote", "v2")
    for _ in range(20):
        one.reconcile()
        one.tick()
    assert one.status.stable is not None
    assert one.status.stable.revision == "v2"
    one.verdict = "Unknown"
    return one


def _until(one: World, state: str, acknowledged: int | None = None) -> World:
    for _ in range(200):
        one.reconcile()
        canary = one.status.canary
        seen = acknowledged is None or (canary is not None and canary.acknowledged_weight == acknowledged)
        if state_of(one) == state and seen:
            return one
        one.tick()
    raise AssertionError(f"{state} was not reached: {one.status.rollout}")


def _stable(**rollout: Any) -> World:
    return _second(**rollout)


def _bake(**rollout: Any) -> World:
    one = serving(rollout={"bake": "1h", **rollout})
    one.verdict = "NotWorse"
    one.apply(f"{_V}2")
    one.reconcile()
    one.ask("promote", "v2")
    _until(one, "Bake")
    one.tick()
    one.reconcile()
    one.verdict = "Unknown"
    return one


def _first(**rollout: Any) -> World:
    one = world(rollout=rollout)
    one.reconcile()
    return one


def _starting(**rollout: Any) -> World:
    one = _second(**rollout)
    one.apply(f"{_V}3")
    one.reconcile()
    return one


def _step(**rollout: Any) -> World:
    return _until(_starting(**rollout), "Step", 10)


def _preview(**rollout: Any) -> World:
    one = _stable(**rollout)
    one.apply(f"{_V}3", rollout={**_without_steps(one), "strategy": "blueGreen", "blueGreen": _block(rollout)})
    return _until(one, "Preview")


def _shadow(**rollout: Any) -> World:
    one = _stable(**rollout)
    one.apply(f"{_V}3", rollout={**_without_steps(one), "strategy": "shadow", "shadow": _block(rollout)})
    _until(one, "Shadow")
    one.tick()
    one.reconcile()
    return one


def _block(rollout: dict[str, Any]) -> dict[str, Any]:
    return {"duration": "10s", "approval": "steps" in rollout}


def _promoting(**rollout: Any) -> World:
    """It waits for the pods that all requests need."""
    rollout.pop("steps", None)
    one = _second(**{"steps": [{"weight": 10, "duration": "1s"}], **rollout})
    one.apply(f"{_V}3")
    _until(one, "Step", 10)
    one.deployed[_NEW].startable = False
    one.verdict = "NotWorse"
    _until(one, "Promoting")
    one.reconcile()
    one.verdict = "Unknown"
    return one


def _rolling_back(**rollout: Any) -> World:
    one = _step(**rollout)
    one.ask("abort", _NEW)
    one.tick()
    one.reconcile()
    return one


def _recreating(state: str, **rollout: Any) -> World:
    one = _second(**{key: value for key, value in rollout.items() if key != "steps"})
    one.apply(f"{_V}3", rollout={**_without_steps(one), "strategy": "recreate"})
    if state == "Restoring":
        _until(one, "Replacing")
        one.ask("abort", _NEW)
        assert state_of(one) == state
        return one
    return _until(one, state)


def _without_steps(one: World) -> dict[str, Any]:
    return {key: value for key, value in one.spec["rollout"].items() if key != "steps"}


_STATES: dict[str, Callable[..., World]] = {
    "Stable": _stable,
    "Bake": _bake,
    "First": _first,
    "Starting": _starting,
    "Step": _step,
    "Preview": _preview,
    "Shadow": _shadow,
    "Promoting": _promoting,
    "RollingBack": _rolling_back,
    "Clearing": lambda **rollout: _recreating("Clearing", **rollout),
    "Replacing": lambda **rollout: _recreating("Replacing", **rollout),
    "Restoring": lambda **rollout: _recreating("Restoring", **rollout),
}
_APPROVED_STEPS = {"steps": [{"weight": 10, "duration": "1s", "approval": True}]}
_POLICY: dict[str, dict[str, Any]] = {
    "approve": _APPROVED_STEPS,
    "abort": {"onProgressDeadline": "pause"},
    "late-pause": {"onProgressDeadline": "pause"},
    **{
        f"deadline-{choice}": {"analysis": {"deadline": "60s", "onInconclusive": choice}}
        for choice in ("pause", "promote", "rollback")
    },
}


def _subject(one: World) -> str:
    """The revision that a turn is about: the new one, or what serves."""
    if one.status.canary is not None:
        return one.status.canary.revision
    assert one.status.stable is not None
    return one.status.stable.revision


def _new(one: World) -> None:
    one.apply(f"{_V}4")


def _back(one: World) -> None:
    assert one.status.stable is not None
    one.apply(f"{_V}{'2' if one.status.rollout else '1'}")


def _ready(one: World) -> None:
    for revision in (one.deployed[_subject(one)], *one.deployed.values()):
        revision.startable = True
    for _ in range(60 if state_of(one) in ("Replacing", "Restoring") else 4):
        one.tick()
        one.reconcile()
        if state_of(one) == "Promoting" and one.weights == {"v2": 0, "v3": 100}:
            return


def _time(one: World) -> None:
    one.tick(3700 if state_of(one) == "Bake" else 15)
    one.reconcile()


def _not_worse(one: World) -> None:
    one.verdict = "NotWorse"
    for _ in range(40):
        one.tick()
        one.reconcile()
        if state_of(one) in ("Promoting", "RollingBack"):
            return


def _regressed(one: World) -> None:
    one.verdict = one.objectives = "Regressed"


def _crash(one: World) -> None:
    if state_of(one) == "Replacing":
        one.tick()
        one.reconcile()  # its pods are made when those of the stable revision have gone
    one.trouble(_subject(one), waiting_reason="CrashLoopBackOff", restarts=3, last_exit_code=1)


def _late(one: World) -> None:
    one.deployed[_subject(one)].startable = False
    if state_of(one) == "Step":
        one.tick(11)
        one.reconcile()
        one.reconcile()
    if state_of(one) in ("Starting", "Replacing", "First"):
        one.deployed[_subject(one)].ready = 0
        one.reconcile()
    if state_of(one) in ("Preview", "Shadow"):
        one.deployed[_subject(one)].ready -= 1
        one.reconcile()
    one.tick(61)


def _half_up(one: World) -> None:
    """Some of its pods are ready, and the others never will be."""
    one.apply(scaling={"replicas": 2})
    _gone(one)
    revision = one.deployed[_NEW]
    revision.wanted, revision.ready, revision.startable = 2, 1, False
    one.tick(61)
    one.reconcile()
    assert one.status.phase is Phase.PAUSED
    assert revision.ready == 1


def _canary_down(one: World) -> None:
    revision = one.deployed[_NEW]
    revision.ready, revision.startable = 0, False


def _stable_down(one: World) -> None:
    assert one.status.stable is not None
    revision = one.deployed[one.status.stable.revision]
    revision.ready, revision.startable = 0, False


def _no_evidence(one: World) -> None:
    one.problem = "NoTraffic"
    one.tick()


def _deadline(one: World) -> None:
    for _ in range(80):
        if state_of(one) in ("Promoting", "RollingBack"):
            return
        one.tick()
        one.reconcile()


def _paused(one: World) -> None:
    one.apply(rollout={**one.spec["rollout"], "paused": True})
    for _ in range(1 if state_of(one) in ("Replacing", "Restoring") else 3):
        one.reconcile()
        one.tick()


def _silent(one: World) -> None:
    one.gateway_answers = False
    one.acknowledged = None
    for _ in range(3):
        one.reconcile()
        one.tick()


def _lost_child(one: World) -> None:
    name = one.status.stable.revision if one.status.stable else _subject(one)
    del one.deployed[name]
    one.reconcile()
    assert name in one.deployed


def _lost_status(one: World) -> None:
    one.status = Status()


def _frozen(one: World) -> None:
    if state_of(one) != "Starting":
        one.reconcile()
        one.tick()
        one.reconcile()
    weights, wanted = one.weights, {name: revision.wanted for name, revision in one.deployed.items()}
    one.frozen = "an incident"
    one.verdict = one.objectives = "Regressed"
    for _ in range(3):
        one.reconcile()
        one.tick()
    assert one.weights == weights
    assert {name: revision.wanted for name, revision in one.deployed.items()} == wanted
    assert one.condition("Frozen") == ("True", "Frozen")


def _gone(one: World) -> None:
    for _ in range(10):
        one.tick()
        one.reconcile()
        if state_of(one) == "Replacing" or (state_of(one) == "Restoring" and one.deployed["v2"].wanted > 0):
            return


_TURNS: dict[str, Callable[[World], None]] = {
    "new": _new,
    "back": _back,
    "ready": _ready,
    "time": _time,
    "not-worse": _not_worse,
    "regressed": _regressed,
    "crash": _crash,
    "late": _late,
    "late-pause": _late,
    "canary-down": _canary_down,
    "stable-down": _stable_down,
    "no-evidence": _no_evidence,
    "deadline-pause": _deadline,
    "deadline-promote": _deadline,
    "deadline-rollback": _deadline,
    "paused": _paused,
    "silent": _silent,
    "lost-child": _lost_child,
    "lost-status": _lost_status,
    "frozen": _frozen,
    "gone": _gone,
}


def _ask(one: World, verb: str, state: str) -> str:
    """Make the request that makes sense for the state, and return its outcome."""
    revision = _subject(one)
    if verb == "undo" and state != "First":
        revision = "v1"
    if verb == "resume":
        one.ask("pause", revision)
    if verb == "retry" and state == "Stable":
        one.apply(f"{_V}3")
        one.reconcile()
        one.ask("abort", _NEW)
        one.run(10)
        assert one.status.rejected_revision == _NEW
        revision = _NEW
    if verb == "abort" and state == "Replacing":
        _half_up(one)
    if verb == "wake":
        one.apply(scaling={"minReplicas": 0})
        one.sleep, one.activator = "asleep", Activator(able=True)
        if one.status.stable is not None and one.status.rollout is None:
            revision = one.status.stable.revision
            one.deployed[revision].wanted = one.deployed[revision].ready = 0
    return one.ask(verb, revision)[0]


# Reasons of Progressing where nothing holds the rollout.
_GOES_ON = (*_STATES, "Settled")


@pytest.mark.parametrize(("turn", "state", "text"), _CELLS, ids=[f"{state}-{turn}" for turn, state, _ in _CELLS])
def test_the_next_state_is_what_the_table_says(turn: str, state: str, text: str) -> None:
    expected = re.match(r"[A-Za-z]+", text)
    assert expected is not None
    one = _STATES[state](**_POLICY.get(turn, {}))
    assert state_of(one) == state
    before = one.status.rejected_revision
    if turn in _TURNS:
        _TURNS[turn](one)
        one.reconcile()
    else:
        outcome = _ask(one, turn, state)
        assert (outcome == "Refused") == (expected[0] == "refused"), one.status.requests[-1].message
    assert state_of(one) == (state if expected[0] in ("same", "refused") else expected[0]), one.status.rollout
    if expected[0] != "refused":
        _as_told(one, text.partition(";")[0], before)


def _as_told(one: World, text: str, before: str | None) -> None:
    """What a cell says beside the state: whether the revision is rejected, and why the rollout was left."""
    rejected = one.status.rejected_revision not in (None, before)
    assert rejected == bool(re.search(r"(?<!is )(?<!the )rejected|BakeFailed", text))
    why = re.search(r"Superseded|Cancelled|BakeFailed", text)
    running = one.status.rollout
    left = [entry.reason for entry in one.status.history] + ([running.reason] if running is not None else [])
    assert why is None or why[0] in left, left
    if re.search(r"\bholds?\b", text) and "until" not in text:
        assert one.status.phase is Phase.PAUSED or one.condition("Progressing")[1] not in _GOES_ON


def test_every_turn_and_state_of_the_table_has_a_scenario() -> None:
    assert len(_CELLS) > 150
    verbs = {"approve", "promote", "skip", "pause", "resume", "abort", "retry", "undo", "wake"}
    assert {turn for turn, _, _ in _CELLS} <= set(_TURNS) | verbs
    assert {state for _, state, _ in _CELLS} == set(_STATES)
