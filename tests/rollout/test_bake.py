"""The bake: its way back is there as long as it may be needed, and is the one that the rollout's own policy left."""

from __future__ import annotations

from typing import Any

import pytest
from tests.rollout.world import STEPS, World, promoted, serving

from ekiben.api.rollout import Rollout
from ekiben.rollout import times

_V = "registry.test/iris:v"


def _baking(**rollout: Any) -> World:
    one = serving(rollout={"bake": "60s", **rollout})
    promoted(one, "v2")
    assert one.status.former is not None
    return one


def _broken(one: World) -> None:
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3, last_exit_at=one.now)


def _deleted() -> World:
    """Somebody deletes the Deployment of v2 in its bake, and the new one's pods do not start."""
    one = _baking()
    del one.deployed["v2"]
    one.reconcile()
    one.deployed["v2"].startable = False
    return one


def _gone_back(one: World) -> None:
    one.run(30)
    assert one.weights == {"v1": 100}
    assert one.status.rejected_revision == "v2"
    assert one.status.history[-1].reason == "BakeFailed"


def _until(one: World) -> float:
    assert one.status.former_until is not None
    return times.moment(one.status.former_until)


def test_a_bake_that_failed_while_nobody_looked_is_gone_back_from_at_the_next_look() -> None:
    one = _baking()
    _broken(one)
    one.now += 600
    _gone_back(one)


def test_a_bake_that_fails_in_a_freeze_is_gone_back_from_when_the_freeze_ends() -> None:
    one = _baking()
    one.frozen = "an audit"
    one.run(10)
    _broken(one)
    one.run(120)
    assert one.weights == {"v2": 100}
    assert one.deployed["v1"].ready == 2
    one.frozen = ""
    _gone_back(one)


def test_time_in_a_freeze_does_not_count_for_the_bake() -> None:
    one = _baking()
    before = _until(one)
    left = before - one.now
    one.frozen = "an audit"
    one.reconcile()
    writes = one.writes
    one.run(300)
    assert (_until(one), one.writes) == (before, writes)
    one.frozen = ""
    one.reconcile()
    assert _until(one) == pytest.approx(one.now + left)
    one.run(left - 5)
    assert one.deployed["v1"].wanted == 2
    one.run(10)
    assert one.deployed["v1"].wanted == 0
    assert one.status.former is None


def test_the_former_revision_stays_while_a_deployment_that_somebody_deleted_starts_anew() -> None:
    one = _baking()
    one.now = _until(one) - 3
    del one.deployed["v2"]
    one.reconcile()
    one.deployed["v2"].startable = False
    one.run(20)
    assert one.deployed["v1"].wanted == 2
    assert one.weights == {"v2": 100}
    one.deployed["v2"].startable = True
    one.run(10)
    assert one.status.former is None
    assert one.deployed["v1"].wanted == 0


def test_a_deployment_that_was_deleted_and_does_not_start_in_time_is_gone_back_from() -> None:
    one = _deleted()
    one.run(50)
    assert one.weights == {"v2": 100}
    one.run(15)
    _gone_back(one)


def test_a_new_revision_waits_while_the_former_one_alone_has_pods() -> None:
    one = _deleted()
    one.apply(f"{_V}3")
    one.run(10)
    assert one.condition("Progressing") == ("False", "StableUnavailable")
    assert one.deployed["v1"].wanted == 2
    one.deployed["v2"].startable = True
    one.run(8)
    assert one.weights == {"v2": 90, "v3": 10}
    assert one.deployed["v1"].wanted == 0


def test_the_former_revision_is_back_at_once_while_it_alone_has_pods() -> None:
    one = _deleted()
    one.apply(f"{_V}1")
    one.run(10)
    assert one.weights == {"v1": 100}


@pytest.mark.parametrize("window", [0, 3])
def test_the_former_revision_is_back_at_once_whatever_the_rollback_window(window: int) -> None:
    one = _baking(rollbackWindow=window)
    one.apply(f"{_V}1")
    one.reconcile()
    assert one.weights == {"v2": 0, "v1": 100}
    one.run(30)
    assert one.weights == {"v1": 100}


def test_a_revision_that_an_undo_left_comes_back_by_steps() -> None:
    one = _baking(bake="5s")
    assert one.ask("undo", "v1")[0] == "Done"
    one.run(20)
    promoted(one, "v3")
    one.run(10)
    one.apply(f"{_V}2")
    one.run(10)
    assert one.weights == {"v3": 90, "v2": 10}


def test_a_revision_that_an_undo_left_needs_no_steps_once_it_was_promoted_again() -> None:
    one = _baking(bake="5s")
    assert one.ask("undo", "v1")[0] == "Done"
    one.run(20)
    assert one.ask("retry", "v2")[0] == "Done"
    one.reconcile()
    assert one.ask("promote", "v2")[0] == "Done"
    one.run(20)
    promoted(one, "v3")
    one.run(10)
    one.apply(f"{_V}2")
    one.run(10)
    assert one.weights == {"v2": 100}


def _by_policy(**fields: Any) -> World:
    """v2 serves and bakes, by a RolloutPolicy that is gone meanwhile."""
    one = World(
        {"model": {"image": f"{_V}1"}, "scaling": {"replicas": 1}, "rollout": {"policyRef": "team"}},
        policy=Rollout.model_validate({"bake": "60s", **fields}),
    )
    one.run(10)
    one.apply(f"{_V}2")
    one.verdict = "NotWorse"
    for _ in range(60):
        one.tick()
        one.reconcile()
        if one.status.former is not None and one.weights == {"v2": 100}:
            break
    assert one.weights == {"v2": 100}
    one.verdict = "Unknown"
    one.policy, one.policy_problem = None, "there is no RolloutPolicy team"
    return one


def test_a_recreation_is_gone_back_from_by_its_own_policy_where_that_is_gone() -> None:
    one = _by_policy(strategy="recreate")
    assert one.deployed["v1"].wanted == 0
    _broken(one)
    one.run(5)
    assert one.status.rollout is not None
    assert one.status.rollout.policy["strategy"] == "recreate"
    _gone_back(one)


def _recreated() -> World:
    one = World(
        {
            "model": {"image": f"{_V}1"},
            "scaling": {"replicas": 1},
            "rollout": {"strategy": "recreate", "bake": "60s"},
        }
    )
    one.run(10)
    one.apply(f"{_V}2")
    one.run(20)
    assert one.weights == {"v2": 100}
    return one


def test_a_recreation_is_gone_back_from_although_the_strategy_was_edited_since() -> None:
    one = _recreated()
    one.apply(rollout={"strategy": "canary"})
    one.run(3)
    _broken(one)
    _gone_back(one)


def test_undo_in_the_bake_of_a_recreation_does_not_need_twice_the_capacity_after_an_edit() -> None:
    one = _recreated()
    one.apply(rollout={"strategy": "canary"})
    assert one.ask("undo", "v1")[0] == "Done"
    assert one.status.rollout is not None
    assert one.status.rollout.state == "Clearing"
    one.run(20)
    assert one.weights == {"v1": 100}


def test_undo_goes_by_the_last_rollout_s_policy_where_that_is_gone() -> None:
    one = _by_policy(strategy="recreate")
    one.run(90)
    assert one.status.former is None
    assert one.ask("undo", "v1")[0] == "Done"
    assert one.status.rollout is not None
    assert (one.status.rollout.state, one.status.rollout.policy["strategy"]) == ("Clearing", "recreate")


def test_a_rollback_window_that_is_gone_is_not_replaced_by_the_default() -> None:
    one = _by_policy(steps=STEPS, rollbackWindow=0)
    one.run(90)
    one.apply(f"{_V}1")
    one.run(10)
    assert one.weights == {"v2": 100}
    assert one.condition("Progressing") == ("False", "PolicyUnusable")
    one.policy_problem = ""
    one.run(10)
    assert one.weights == {"v1": 100}, "without policyRef it is what spec.rollout says"


def test_the_bake_s_objectives_hold_on_where_their_policy_is_gone() -> None:
    one = _by_policy(steps=STEPS, objectives={"errorRate": 0.01})
    one.run(3)
    assert one.status.objectives is not None
    one.objectives = "Regressed"
    _gone_back(one)


def test_without_a_last_rollout_the_defaults_stand_in() -> None:
    one = _by_policy(steps=STEPS)
    one.status = one.status.model_copy(update={"last_policy": {"strategy": "of a newer operator"}})
    one.run(90)
    one.apply(f"{_V}1")
    one.run(10)
    assert one.weights == {"v1": 100}


def _way_back_fails(one: World, by: str) -> None:
    """The bake of v2 fails while v3 waits, and v1, to which it goes back, fails as well."""
    one.apply(f"{_V}3")
    _broken(one)
    one.deployed["v1"].ready, one.deployed["v1"].startable = 1, False
    one.reconcile()
    assert one.status.rollout is not None
    assert (one.status.rollout.reason, one.status.rollout.revision) == ("BakeFailed", "v1")
    assert one.condition("Undone") == ("False", "NotUndone"), "nobody said undo"
    one.deployed["v2"].trouble, one.deployed["v2"].startable = None, True
    one.tick(3)
    if by == "abort":
        assert one.ask("abort", "v1")[0] == "Done"
    else:
        one.trouble("v1", waiting_reason="CrashLoopBackOff", restarts=3, last_exit_at=one.now)
    one.run(20)


@pytest.mark.parametrize("by", ["abort", "crash"])
@pytest.mark.parametrize("held", ["unusable", "policy_problem"])
def test_a_third_revision_that_waits_is_not_barred_by_a_way_back_that_fails(held: str, by: str) -> None:
    one = _baking()
    setattr(one, held, "there is no RolloutPolicy team")
    _way_back_fails(one, by)
    assert one.weights == {"v2": 100, "v1": 0} or one.weights == {"v2": 100}
    assert one.status.pinned is None
    assert one.condition("Undone") == ("False", "NotUndone")
    assert one.condition("Progressing")[1] in ("Unusable", "PolicyUnusable")
    setattr(one, held, "")
    one.run(8)
    assert one.weights == {"v2": 90, "v3": 10}


def test_a_way_back_that_fails_stays_with_what_serves_where_nothing_else_is_asked_for() -> None:
    one = _baking()
    _broken(one)
    one.deployed["v1"].ready, one.deployed["v1"].startable = 1, False
    one.reconcile()
    one.deployed["v2"].trouble, one.deployed["v2"].startable = None, True
    one.tick(3)
    assert one.ask("abort", "v1")[0] == "Done"
    one.run(20)
    assert one.weights == {"v2": 100}
    assert (one.status.pinned, one.status.rejected_revision) == (None, None)


def test_a_revision_that_undo_asked_for_comes_after_the_way_back_of_a_bake_that_failed() -> None:
    one = serving(rollout={"bake": "10m", "rollbackWindow": 3, "progressDeadline": "60s"})
    promoted(one, "v2")
    one.run(700, step=20)
    promoted(one, "v3")
    assert one.status.former is not None
    one.trouble("v3", waiting_reason="CrashLoopBackOff", restarts=3, last_exit_code=1)
    request = one.ask("undo", "v1")
    assert request[0] == "Done"
    one.run(60)
    assert one.weights == {"v1": 100}
    assert [entry.reason for entry in one.status.history][-2:] == ["BakeFailed", "Undo"]
    assert one.status.pinned is not None
    assert one.status.pinned.revision == "v1"
