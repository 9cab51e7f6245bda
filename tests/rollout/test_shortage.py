"""A canary that loses pods while it is judged."""

from typing import Any

import pytest
from tests.rollout.test_table import state_of
from tests.rollout.world import World

_V = "registry.test/iris:v"
_MESSAGE = "1 of the 4 pods that it needs are ready: its time stands still"


def _one(**rollout: Any) -> World:
    """v2 has what its step, preview or shadow gives it, for some seconds."""
    one = World(
        {
            "model": {"image": f"{_V}1"},
            "scaling": {"replicas": 4},
            "rollout": {"bake": "5s", "progressDeadline": "60s", **rollout},
        }
    )
    one.run(10)
    one.apply(f"{_V}2")
    one.run(10)
    return one


def _step(**rollout: Any) -> World:
    return _one(**{"steps": [{"weight": 50, "duration": "30s"}], **rollout})


def _preview(**block: Any) -> World:
    return _one(strategy="blueGreen", blueGreen={"duration": "30s", **block})


def _shadow() -> World:
    return _one(strategy="shadow", shadow={"duration": "30s", "percent": 100})


def _lose(one: World, left: int = 1) -> None:
    one.deployed["v2"].ready, one.deployed["v2"].startable = left, False


def _message(one: World) -> str:
    return next(entry.message for entry in one.status.conditions if entry.type == "Progressing")


@pytest.mark.parametrize(("make", "state"), [(_step, "Step"), (_preview, "Preview"), (_shadow, "Shadow")])
def test_the_time_stands_still_until_the_pods_are_back(make: Any, state: str) -> None:
    one = make()
    one.verdict = "NotWorse"
    assert state_of(one) == state
    _lose(one)
    one.run(50)
    assert state_of(one) == state
    assert one.condition("Progressing") == ("True", "AwaitingPods")
    assert _message(one) == _MESSAGE
    assert one.status.rollout is not None
    assert one.status.rollout.next_look is None
    one.deployed["v2"].startable = True
    one.run(15)
    assert state_of(one) == state, "the time without pods was counted"
    one.run(40)
    assert one.weights == {"v2": 100}


@pytest.mark.parametrize("make", [_step, _shadow])
def test_a_canary_short_of_pods_is_still_rolled_back_for_its_answers(make: Any) -> None:
    one = make()
    _lose(one)
    one.run(5)
    one.verdict = "Regressed"
    one.reconcile()
    assert one.weights == {"v1": 100, "v2": 0}
    assert one.status.rejected_revision == "v2"


@pytest.mark.parametrize("choice", ["pause", "promote", "rollback"])
def test_time_without_enough_pods_counts_for_no_analysis_deadline(choice: str) -> None:
    one = _step(analysis={"deadline": "5m", "onInconclusive": choice}, progressDeadline="30m")
    one.run(60)
    _lose(one)
    one.run(900, step=20)
    assert one.condition("Progressing") == ("True", "AwaitingPods")
    assert one.weights == {"v1": 50, "v2": 50}
    one.deployed["v2"].startable = True
    one.run(180)
    assert one.weights == {"v1": 50, "v2": 50}
    assert one.condition("Paused")[0] == "False"
    one.run(90)
    ended = {"pause": {"v1": 50, "v2": 50}, "promote": {"v2": 100}, "rollback": {"v1": 100}}
    assert one.weights == ended[choice]
    assert choice != "pause" or one.condition("Paused") == ("True", "Inconclusive")


@pytest.mark.parametrize("verdict", ["NotWorse", "Unknown"])
@pytest.mark.parametrize("what", ["step", "shadow"])
@pytest.mark.parametrize("choice", ["rollback", "pause"])
def test_a_pod_that_never_comes_back_is_late(verdict: str, what: str, choice: str) -> None:
    one = (
        _step(onProgressDeadline=choice)
        if what == "step"
        else _one(strategy="shadow", shadow={"duration": "30s", "percent": 100}, onProgressDeadline=choice)
    )
    one.verdict = "Unknown"
    one.run(10)
    _lose(one)
    one.verdict = verdict
    one.run(90)
    if choice == "rollback":
        assert one.condition("RolledBack") == ("True", "ProgressDeadlineExceeded")
        assert one.weights == {"v1": 100}
        return
    assert one.condition("Paused") == ("True", "ProgressDeadlineExceeded")
    one.deployed["v2"].startable = True
    one.verdict = "NotWorse"
    one.run(200)
    assert one.weights == {"v2": 100}


def test_a_pause_is_told_before_a_lack_of_pods() -> None:
    one = _step()
    _lose(one)
    one.ask("pause", "v2")
    one.run(5)
    assert one.condition("Paused") == ("True", "Paused")


def test_the_hold_says_what_keeps_the_pods_from_starting() -> None:
    one = _step()
    one.trouble("v2", unschedulable="0/3 nodes are available")
    one.deployed["v2"].ready = 1
    one.run(5)
    assert "finds no node (0/3 nodes are available)" in _message(one)


def test_the_bake_is_not_begun_by_a_preview_that_never_had_its_pods() -> None:
    one = _preview()
    _lose(one)
    one.run(50)
    assert "Promoting" not in one.told()
    one.run(20)
    assert one.weights == {"v1": 100}
    assert one.condition("RolledBack") == ("True", "ProgressDeadlineExceeded")


def test_a_preview_whose_pods_come_back_in_time_is_not_late() -> None:
    one = _preview(approval=True)
    _lose(one)
    one.run(50)
    one.deployed["v2"].startable = True
    one.run(100)
    assert one.condition("Paused") == ("True", "AwaitingApproval")
    assert one.status.rollout is not None
    assert one.status.rollout.waiting_since is None
    assert one.ask("approve", "v2")[0] == "Done"
    one.run(10)
    assert one.weights == {"v2": 100}


def test_a_preview_that_is_to_hold_at_the_progress_deadline_holds() -> None:
    one = _one(strategy="blueGreen", blueGreen={"duration": "30s"}, onProgressDeadline="pause")
    _lose(one)
    one.run(90)
    assert state_of(one) == "Preview"
    assert one.condition("Paused") == ("True", "ProgressDeadlineExceeded")
    one.deployed["v2"].startable = True
    one.run(40)
    assert one.weights == {"v2": 100}


@pytest.mark.parametrize("silent", [False, True])
def test_pods_that_came_back_are_not_late_whatever_the_load_asks_for_now(silent: bool) -> None:
    one = _step()
    _lose(one, left=3)
    one.run(5)
    if silent:
        one.gateway_answers, one.acknowledged = False, None
        one.run(3)
    one.deployed["v2"].startable = True
    one.tick(5)
    if silent:
        one.reconcile()
    one.apply(scaling={"replicas": 6})
    one.deployed["v2"].startable = False
    one.tick(100)
    one.run(20)
    assert one.status.rejected_revision is None
    assert one.weights == {"v1": 50, "v2": 50}


def test_another_pod_has_a_time_of_its_own_to_come_back() -> None:
    one = _step()
    _lose(one, left=3)
    one.run(5)
    one.gateway_answers, one.acknowledged = False, None
    one.deployed["v2"].startable = True
    one.run(100)
    _lose(one, left=3)
    one.run(30)
    assert one.status.rejected_revision is None
