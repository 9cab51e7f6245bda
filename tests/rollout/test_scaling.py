"""spec.scaling edited in mid-rollout, down to 0 replicas and back."""

from typing import Any

import pytest
from tests.rollout.world import World, promoted, serving

_V = "registry.test/iris:v"


def _begun(strategy: str, **spec: Any) -> World:
    one = serving(**spec)
    base = {key: value for key, value in one.spec["rollout"].items() if key != "steps"}
    one.apply(f"{_V}2", rollout=one.spec["rollout"] if strategy == "canary" else {**base, "strategy": strategy})
    return one


@pytest.mark.parametrize("strategy", ["canary", "blueGreen", "shadow"])
@pytest.mark.parametrize("before", [0, 1, 8])
def test_at_0_replicas_a_rollout_rests_without_pods_and_goes_on_with_them(strategy: str, before: int) -> None:
    one = _begun(strategy)
    one.run(before)
    one.apply(scaling={"replicas": 0})
    one.run(90)
    assert {revision.wanted for revision in one.deployed.values()} == {0}
    assert one.weights == {"v1": 100, "v2": 0}
    assert one.condition("Progressing") == ("True", "ScaledToZero")
    assert one.told().count("CanaryUnavailable") == 0
    one.apply(scaling={"replicas": 2})
    one.verdict = "NotWorse"
    one.run(700, step=2)
    assert one.weights == {"v2": 100}


def test_at_0_replicas_recreate_promotes_nothing_that_never_had_a_pod() -> None:
    one = _begun("recreate", scaling={"replicas": 0})
    one.run(10)
    assert one.condition("Progressing") == ("True", "ScaledToZero")
    assert {revision.wanted for revision in one.deployed.values()} == {0}
    one.apply(scaling={"replicas": 2})
    one.run(30)
    assert one.weights == {"v2": 100}


def test_at_0_replicas_what_never_had_a_pod_is_not_promoted_by_request_either() -> None:
    one = _begun("canary", scaling={"replicas": 0})
    one.reconcile()
    outcome, message = one.ask("promote", "v2")
    assert (outcome, "spec.scaling.replicas is 0" in message) == ("Refused", True)
    one.run(10)
    assert one.weights == {"v1": 100, "v2": 0}


def test_what_was_to_take_over_before_it_had_a_pod_waits_at_0_replicas() -> None:
    one = _begun("canary")
    one.reconcile()
    one.deployed["v2"].startable = False
    assert one.ask("promote", "v2")[0] == "Done"
    one.run(3)
    one.apply(scaling={"replicas": 0})
    one.run(100)
    assert one.weights == {"v1": 100, "v2": 0}
    assert one.condition("Progressing") == ("True", "ScaledToZero")
    assert one.deployed["v2"].wanted == 0
    one.deployed["v2"].startable = True
    one.apply(scaling={"replicas": 1})
    one.run(20)
    assert one.weights == {"v2": 100}


def test_scaled_to_0_in_its_bake_and_back_a_revision_has_not_failed() -> None:
    one = serving(rollout={"bake": "10m"}, scaling={"replicas": 2})
    promoted(one, "v2")
    one.apply(scaling={"replicas": 0})
    one.run(5)
    assert {revision.wanted for revision in one.deployed.values()} == {0}
    one.apply(scaling={"replicas": 2})
    one.run(20)
    assert one.weights == {"v2": 100}
    assert "BakeFailed" not in one.told()


def test_a_range_becomes_a_fixed_count_and_a_range_again_in_mid_canary() -> None:
    one = _begun("canary")
    one.run(4)
    one.apply(scaling={"replicas": 4})
    one.run(4)
    assert one.deployed["v1"].autoscaler is None
    assert one.deployed["v2"].autoscaler is None
    assert (one.deployed["v1"].wanted, one.deployed["v2"].wanted) == (4, 1)
    one.apply(scaling={"minReplicas": 3})
    one.run(12)
    assert one.deployed["v1"].autoscaler is not None
    assert one.weights == {"v1": 50, "v2": 50}
    one.verdict = "NotWorse"
    one.run(20)
    assert one.weights == {"v2": 100}
    assert one.deployed["v2"].ready >= 3


@pytest.mark.parametrize("strategy", ["canary", "blueGreen", "shadow"])
def test_a_minimum_raised_in_mid_rollout_is_there_before_the_switch(strategy: str) -> None:
    one = _begun(strategy)
    one.run(8)
    one.apply(scaling={"minReplicas": 5})
    one.verdict = "NotWorse"
    while one.weights != {"v1": 0, "v2": 100}:
        one.reconcile()
        one.tick()
        assert one.status.phase != "Stable", "the switch was not seen"
    assert one.deployed["v2"].ready >= 5


def test_a_stable_revision_that_grows_in_the_preview_hands_over_to_one_of_its_size() -> None:
    one = _begun("blueGreen")
    one.run(20)
    one.deployed["v1"].wanted = 9
    one.run(120)
    assert one.weights == {"v2": 100}
    assert one.deployed["v2"].wanted >= 9


def test_where_pods_split_the_requests_an_autoscaler_does_not_raise_the_canary_s_share() -> None:
    one = _begun("canary", traffic={"provider": "replicaRatio"})
    one.run(6)
    assert one.weights == {"v1": 90, "v2": 10}
    autoscaler = one.deployed["v2"].autoscaler
    assert autoscaler is not None
    assert (autoscaler.min_replicas, autoscaler.max_replicas) == (1, 1)
    one.ask("promote", "v2")
    one.run(20)
    autoscaler = one.deployed["v2"].autoscaler
    assert autoscaler is not None
    assert autoscaler.max_replicas == 10
