"""Pods that are gone: of the stable revision, of the canary, of both, in combination with whatever else goes on."""

from dataclasses import replace
from typing import Any

from tests.rollout.world import World, promoted, serving

from ekiben.rollout.observation import Observation

_V = "registry.test/iris:v"


def _down(one: World, revision: str) -> None:
    one.deployed[revision].ready, one.deployed[revision].startable = 0, False


def _up(one: World, revision: str) -> None:
    one.deployed[revision].startable, one.deployed[revision].trouble = True, None


def _promoting() -> World:
    """v2 has half of the requests, and waits for the pods that all of them need."""
    one = serving(rollout={"steps": [{"weight": 50, "duration": "5s"}]})
    one.apply(f"{_V}2")
    one.run(10)
    assert one.weights == {"v1": 50, "v2": 50}
    one.deployed["v1"].wanted = 6
    one.run(10)
    one.deployed["v2"].startable = False
    one.verdict = "NotWorse"
    one.reconcile()
    one.apply(scaling={"minReplicas": 8})
    one.run(3)
    assert one.status.rollout is not None
    assert one.status.rollout.state == "Promoting"
    assert one.weights == {"v1": 50, "v2": 50}
    return one


def test_a_canary_that_dies_while_it_waits_to_take_over_has_no_requests_to_lose() -> None:
    one = _promoting()
    _down(one, "v2")
    one.reconcile()
    assert one.weights == {"v1": 100, "v2": 0}
    one.tick()
    one.reconcile()
    assert one.status.canary is not None
    assert one.status.canary.acknowledged_weight == 0
    _up(one, "v2")
    one.run(20)
    assert one.weights == {"v2": 100}


def test_where_both_are_down_the_weights_stay() -> None:
    one = _promoting()
    _down(one, "v1")
    _down(one, "v2")
    one.reconcile()
    assert one.weights == {"v1": 50, "v2": 50}


def test_the_acknowledged_weight_of_a_canary_that_lost_its_share_is_0() -> None:
    one = serving()
    one.apply(f"{_V}2")
    one.run(5)
    _down(one, "v2")
    one.run(3)
    assert one.status.canary is not None
    assert (one.status.canary.weight, one.status.canary.acknowledged_weight) == (0, 0)


def test_a_gateway_that_was_away_does_not_make_a_moment_without_pods_an_outage() -> None:
    one = serving()
    one.apply(f"{_V}2")
    one.run(5)
    observe = one.observe

    def without_gateway() -> Observation:
        return replace(observe(), gateway_problem="there is no Gateway")

    one.observe = without_gateway  # type: ignore[method-assign]
    one.run(700, step=5)
    assert one.condition("Healthy") == ("False", "NoGateway")
    one.deployed["v1"].ready = 0
    for _ in range(3):
        one.reconcile()
    assert "Promoting" not in one.told()
    assert one.condition("Healthy") == ("False", "StableUnavailable")


def test_a_canary_is_not_late_for_what_kept_the_stable_revision_down_as_well() -> None:
    one = serving()
    one.apply(f"{_V}2")
    one.reconcile()
    _down(one, "v1")
    _down(one, "v2")
    one.run(90)
    _up(one, "v1")
    one.run(5)
    _up(one, "v2")
    one.verdict = "NotWorse"
    one.run(100)
    assert one.weights == {"v2": 100}


def test_a_cure_that_finds_room_for_one_pod_only_serves_with_one() -> None:
    one = serving(scaling={"minReplicas": 6})
    _down(one, "v1")
    one.run(3)
    one.apply(f"{_V}2")
    for _ in range(120):
        if "v2" in one.deployed:
            one.deployed["v2"].ready = min(1, one.deployed["v2"].ready)
        one.reconcile()
        one.tick()
    assert one.weights is not None
    assert one.weights.get("v2") == 100


def test_a_cure_is_not_kept_waiting_for_the_size_of_what_is_dead() -> None:
    one = serving()
    one.deployed["v1"].wanted = 6
    one.run(10)
    _down(one, "v1")
    one.run(3)
    one.apply(f"{_V}2")
    one.run(10)
    assert one.weights == {"v2": 100}


def test_a_canary_that_serves_alone_keeps_the_pods_it_has() -> None:
    one = serving()
    one.deployed["v1"].wanted = 6
    one.run(10)
    one.apply(f"{_V}2")
    one.run(30)
    assert one.weights == {"v1": 50, "v2": 50}
    _down(one, "v1")
    one.run(5)
    autoscaler = one.deployed["v2"].autoscaler
    assert autoscaler is not None
    assert autoscaler.min_replicas == 6


def test_a_canary_that_serves_alone_is_not_aborted_onto_nothing() -> None:
    one = serving()
    one.apply(f"{_V}2")
    one.run(5)
    _down(one, "v1")
    one.run(5)
    outcome, message = one.ask("abort", "v2", "first")
    assert outcome == "Refused"
    assert "every request would be lost" in message
    assert one.weights == {"v1": 90, "v2": 10}
    _up(one, "v1")
    one.run(5)
    assert one.ask("abort", "v2", "second")[0] == "Done"
    assert one.weights == {"v1": 100, "v2": 0}


def _baking(**rollout: Any) -> World:
    one = serving(rollout={"bake": "10m", **rollout})
    promoted(one, "v2")
    return one


def test_a_bake_that_fails_while_the_next_revision_waits_in_a_pause_goes_back_first() -> None:
    one = _baking()
    one.apply(f"{_V}3", rollout={**one.spec["rollout"], "paused": True})
    one.run(3)
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3)
    one.run(30)
    assert one.weights == {"v1": 100}
    assert one.status.pinned is None
    one.verdict = "NotWorse"
    one.apply(rollout={**one.spec["rollout"], "paused": False})
    one.run(100)
    assert one.weights == {"v3": 100}


def test_a_bake_that_fails_at_the_moment_the_next_revision_comes_goes_back_first() -> None:
    one = _baking()
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3)
    one.apply(f"{_V}3")
    one.reconcile()
    assert one.weights == {"v2": 0, "v1": 100}
    one.run(15)
    assert one.weights == {"v1": 90, "v3": 10}


def test_what_is_asked_for_back_in_a_bake_that_fails_is_back_at_once_without_a_rollback_window() -> None:
    one = _baking(rollbackWindow=0)
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3)
    one.apply(f"{_V}1")
    one.reconcile()
    assert one.weights == {"v2": 0, "v1": 100}
    one.run(30)
    assert one.condition("Promoted") == ("True", "Serving")
    assert one.status.pinned is None


def test_a_bake_that_fails_is_gone_back_from_whatever_is_asked_for_meanwhile() -> None:
    one = _baking()
    base = {key: value for key, value in one.spec["rollout"].items() if key != "steps"}
    one.apply(rollout={**base, "strategy": "recreate"})
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3)
    one.reconcile()
    for number in (3, 4, 5):
        one.apply(f"{_V}{number}")
        one.tick()
        one.reconcile()
    while one.status.rollout is not None and one.status.rollout.revision == "v1":
        one.tick()
        one.reconcile()
    assert one.status.history[-1].reason == "BakeFailed"
    assert one.status.stable is not None
    assert one.status.stable.revision == "v1"
