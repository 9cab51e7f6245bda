"""A spec that cannot be used begins nothing new, and stands in the way of nothing else."""

from __future__ import annotations

import pytest
from tests.rollout.world import World, promoted, serving, world

from ekiben.rollout import freeze
from ekiben.rollout.draft import Draft

_WHY = "iris.other.example.com may not be claimed"
_V = "registry.test/iris:v"


def _until_replacing(one: World) -> None:
    for _ in range(60):
        one.reconcile()
        if one.status.rollout is not None and one.status.rollout.state == "Replacing":
            return
        one.tick()
    raise AssertionError("nothing is replaced")


def _canary() -> World:
    one = serving()
    one.apply(f"{_V}2")
    one.run(8)
    assert one.weights is not None
    assert one.weights["v2"] > 0
    one.unusable = _WHY
    return one


def test_a_new_revision_waits_and_begins_once_the_spec_can_be_used() -> None:
    one = serving()
    one.unusable = _WHY
    one.apply(f"{_V}2")
    one.run(10)
    assert one.condition("Progressing") == ("False", "Unusable")
    assert set(one.deployed) == {"v1"}
    one.unusable = ""
    one.run(2)
    assert one.status.rollout is not None


def test_a_running_canary_is_not_left_for_a_revision_that_waits() -> None:
    one = _canary()
    one.apply(f"{_V}3")
    one.verdict = "NotWorse"
    one.run(120)
    assert one.weights == {"v2": 100}
    assert set(one.deployed) == {"v1", "v2"}
    assert one.condition("Progressing") == ("False", "Unusable")


def test_the_first_revision_is_not_left_for_one_that_waits() -> None:
    one = world()
    one.reconcile()
    one.unusable = _WHY
    one.apply(f"{_V}2")
    one.run(10)
    assert one.weights == {"v1": 100}
    assert set(one.deployed) == {"v1"}


def test_a_recreation_is_not_left_for_a_revision_that_waits() -> None:
    one = World({"model": {"image": f"{_V}1"}, "rollout": {"strategy": "recreate"}})
    one.run(10)
    one.apply(f"{_V}2")
    _until_replacing(one)
    one.unusable = _WHY
    one.apply(f"{_V}3")
    one.run(30)
    assert one.weights == {"v2": 100}
    assert "v3" not in one.deployed


def test_a_canary_that_turns_bad_is_rolled_back() -> None:
    one = _canary()
    one.verdict = "Regressed"
    one.run(60)
    assert (one.weights, one.status.rejected_revision) == ({"v1": 100}, "v2")


def test_an_abort_is_answered() -> None:
    one = _canary()
    assert one.ask("abort", "v2")[0] == "Done"
    one.run(60)
    assert one.weights == {"v1": 100}


@pytest.mark.parametrize("how", ["crash", "back"])
def test_the_way_back_is_open(how: str) -> None:
    one = serving(rollout={"bake": "60s"})
    promoted(one, "v2")
    one.unusable = _WHY
    if how == "crash":
        one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3, last_exit_at=one.now)
    else:
        one.apply(f"{_V}1")
    one.run(30)
    assert one.weights == {"v1": 100}


def test_what_waits_in_a_freeze_is_what_asks_for_something_else() -> None:
    one = serving(scaling={"replicas": 2})
    one.frozen = "sale"
    one.reconcile()
    assert freeze.waits(Draft(one.observe(), one.now)) == []
    one.apply(f"{_V}2", scaling={"replicas": 5})
    one.reconcile()
    assert freeze.waits(Draft(one.observe(), one.now)) == ["spec.model", "spec.scaling"]
    assert one.deployed["v1"].wanted == 2
    one.frozen = ""
    assert freeze.waits(Draft(one.observe(), one.now)) == []


@pytest.mark.parametrize("why", ["unusable", "policy", "paused"])
def test_a_way_back_of_recreate_is_not_left_for_a_revision_that_waits(why: str) -> None:
    scaling = {"minReplicas": 2, "maxReplicas": 10}
    one = World({"model": {"image": f"{_V}1"}, "scaling": scaling, "rollout": {"strategy": "recreate"}})
    one.run(10)
    one.deployed["v1"].wanted = 8
    one.run(10)
    one.apply(f"{_V}2")
    _until_replacing(one)
    one.deployed["v1"].startable = False
    assert one.ask("abort", "v2")[0] == "Done"
    if why == "unusable":
        one.unusable = _WHY
    elif why == "policy":
        one.policy_problem = "RolloutPolicy steady is gone"
    else:
        one.apply(rollout={"strategy": "recreate", "paused": True})
    one.apply(f"{_V}3")
    one.run(120, step=2)
    assert one.status.rollout is not None
    assert one.status.rollout.state == "Restoring"
    assert one.deployed["v1"].wanted == 8, "as many as before: all the callers are there"
    one.deployed["v1"].startable = True
    one.run(20)
    assert one.weights == {"v1": 100}
    one.unusable, one.policy_problem = "", ""
    one.apply(rollout={"strategy": "recreate"})
    one.run(60)
    assert one.weights == {"v3": 100}


def test_a_retry_is_refused_in_a_way_back_of_recreate_while_nothing_may_begin() -> None:
    one = World({"model": {"image": f"{_V}1"}, "rollout": {"strategy": "recreate"}})
    one.run(10)
    one.apply(f"{_V}2")
    _until_replacing(one)
    one.deployed["v1"].startable = False
    assert one.ask("abort", "v2")[0] == "Done"
    one.run(20)
    one.policy_problem = "RolloutPolicy steady is gone"
    outcome, message = one.ask("retry", "v2")
    assert (outcome, "RolloutPolicy steady is gone" in message) == ("Refused", True)
    assert one.status.rejected_revision == "v2"
    one.policy_problem = ""
    assert one.ask("retry", "v2")[0] == "Done"
    one.run(30)
    assert one.weights == {"v2": 100}
