"""Turns of a rollout, one a test; the state machine of hypothesis looks for those nobody thought of."""

from dataclasses import replace

import pytest
from tests.rollout.world import World, serving, world

from ekiben.api.status import Phase
from ekiben.rollout.decide import decide


def test_the_first_revision_gets_traffic_only_when_it_is_ready() -> None:
    one = world()
    one.reconcile()
    assert one.weights is None
    assert one.status.phase is Phase.PENDING
    one.run(5)
    assert one.weights == {"v1": 100}
    assert one.stable_service == "v1"
    assert one.status.phase is Phase.STABLE
    assert one.condition("Available") == ("True", "Serving")
    assert one.condition("Promoted") == ("True", "Serving")


def test_a_settled_resource_is_left_alone() -> None:
    one = serving()
    before = one.writes
    one.run(30)
    assert one.writes == before
    assert one.last_plan is not None
    assert one.last_plan.events == ()


def test_a_canary_that_is_not_worse_is_promoted_without_a_restart() -> None:
    one = serving()
    one.verdict = "NotWorse"
    one.apply("registry.test/iris:v2")
    one.run(60)
    assert one.weights == {"v2": 100}
    assert one.stable_service == "v2"
    assert one.status.history[-1].outcome == "Promoted"
    assert one.deployed["v1"].wanted == 0
    assert one.deployed["v2"].wanted >= 2
    assert one.told().count("WeightRaised") == 2
    assert one.condition("Promoted") == ("True", "Serving")


def test_without_a_verdict_the_canary_stays_below_half() -> None:
    one = serving()
    one.apply("registry.test/iris:v2")
    one.run(300)
    assert one.weights == {"v1": 50, "v2": 50}
    assert one.condition("Progressing") == ("True", "AwaitingVerdict")


def test_without_traffic_nothing_is_promoted_nor_rolled_back() -> None:
    one = serving(rollout={"analysis": {"deadline": "60s", "onInconclusive": "promote"}})
    one.traffic = False
    one.problem = "NoTraffic"
    one.apply("registry.test/iris:v2")
    one.run(300)
    assert one.weights == {"v1": 90, "v2": 10}
    assert one.status.phase is Phase.PAUSED
    assert one.condition("EvidenceUsable") == ("False", "NoTraffic")


@pytest.mark.parametrize(
    ("choice", "outcome", "weights"),
    [("rollback", "RolledBack", {"v1": 100}), ("promote", "Promoted", {"v2": 100})],
)
def test_the_deadline_decides_as_the_policy_says(choice: str, outcome: str, weights: dict[str, int]) -> None:
    one = serving(rollout={"analysis": {"deadline": "60s", "onInconclusive": choice}})
    one.apply("registry.test/iris:v2")
    one.run(200)
    assert one.status.history[-1].outcome == outcome
    assert one.weights == weights


def test_a_regression_takes_the_weight_at_once_and_the_pods_after_the_drain() -> None:
    one = serving()
    one.apply("registry.test/iris:v2")
    one.run(10)
    assert one.weights == {"v1": 90, "v2": 10}
    one.verdict = "Regressed"
    one.reconcile()
    assert one.weights == {"v1": 100, "v2": 0}
    assert one.deployed["v2"].autoscaler is None
    assert one.deployed["v2"].wanted == 1
    one.run(20)
    assert one.deployed["v2"].wanted == 0
    assert one.condition("RolledBack") == ("True", "ErrorRateRegressed")
    one.verdict = "NotWorse"
    one.run(100)
    assert one.weights == {"v1": 100}, "a rolled-back revision was tried again"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"waiting_reason": "CrashLoopBackOff", "restarts": 1, "last_exit_code": 3}, "Crashed"),
        ({"waiting_reason": "ImagePullBackOff", "waiting_message": "not found"}, "ImagePullFailed"),
        ({"last_exit_reason": "OOMKilled", "restarts": 1}, "OutOfMemory"),
        ({"unschedulable": "0/1 nodes are available"}, "ProgressDeadlineExceeded"),
    ],
)
def test_pods_convict_a_canary_without_traffic(fields: dict[str, object], reason: str) -> None:
    one = serving()
    one.apply("registry.test/iris:v2")
    one.reconcile()
    one.trouble("v2", **fields)
    one.run(80)
    assert one.condition("RolledBack") == ("True", reason)
    assert one.weights == {"v1": 100}
    assert one.deployed["v2"].wanted == 0


def test_pods_that_cannot_be_made_are_told_of_in_the_api_servers_words() -> None:
    one = serving()
    one.apply("registry.test/iris:v2")
    one.reconcile()
    one.deployed["v2"].startable = False
    one.deployed["v2"].unmade = 'pods "iris-v2" is forbidden: exceeded quota: team'
    one.run(3)
    assert one.condition("Scheduled") == ("False", "NotMade")
    one.run(80)
    assert one.condition("RolledBack") == ("True", "ProgressDeadlineExceeded")
    assert "a pod cannot be made" in one.status.history[-1].message
    assert "exceeded quota: team" in one.status.history[-1].message


def test_a_route_that_the_gateway_refuses_is_not_healthy() -> None:
    one = serving()
    route = replace(one.observe().route or pytest.fail("no route"), acknowledged=False, problem="no listener serves it")
    plan = decide(replace(one.observe(), route=route), one.now)
    told = {condition.type: (condition.status, condition.reason) for condition in plan.status.conditions}
    assert told["Healthy"] == ("False", "RouteNotAccepted")
    assert told["Available"] == ("False", "NotRouted")


def test_what_the_stable_suffers_as_well_convicts_nobody() -> None:
    one = serving()
    one.apply("registry.test/iris:v2")
    one.run(8)
    one.trouble("v1", waiting_reason="CrashLoopBackOff", restarts=4)
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=4)
    one.verdict = "Regressed"
    one.run(20)
    assert one.status.rollout is not None
    assert one.condition("Progressing")[1] == "StableUnavailable"


def test_a_third_revision_supersedes_the_canary() -> None:
    one = serving()
    one.apply("registry.test/iris:v2")
    one.run(8)
    one.apply("registry.test/iris:v3")
    one.run(12)
    assert [entry.outcome for entry in one.status.history] == ["Promoted", "Superseded"]
    assert one.weights == {"v1": 90, "v3": 10}
    assert one.deployed["v2"].wanted == 0


def test_going_back_to_the_stable_cancels_the_canary_and_rejects_nothing() -> None:
    one = serving()
    one.apply("registry.test/iris:v2")
    one.run(8)
    one.apply("registry.test/iris:v1")
    one.run(20)
    assert one.status.history[-1].outcome == "Cancelled"
    assert one.status.rejected_revision is None
    one.apply("registry.test/iris:v2")
    one.run(10)
    assert one.weights == {"v1": 90, "v2": 10}


def test_a_rejected_revision_is_tried_again_after_the_spec_was_another_one() -> None:
    one = serving()
    one.verdict = "Regressed"
    one.apply("registry.test/iris:v2")
    one.run(40)
    assert one.status.verdict is not None
    one.apply("registry.test/iris:v1")
    one.run(5)
    assert one.status.verdict is None, "a verdict about what no longer takes part"
    one.verdict = "NotWorse"
    one.apply("registry.test/iris:v2")
    one.run(60)
    assert one.weights == {"v2": 100}


def test_the_stable_keeps_its_replicas_while_a_canary_runs() -> None:
    one = serving()
    one.deployed["v1"].wanted = 6
    one.run(10)
    one.apply("registry.test/iris:v2")
    one.run(30)
    autoscaler = one.deployed["v1"].autoscaler
    assert autoscaler is not None
    assert autoscaler.min_replicas == 6
    assert one.deployed["v2"].wanted == 6, "at half of the requests, pods as busy as the stable's six"


def test_paused_holds_the_weight_and_a_regression_still_rolls_back() -> None:
    one = serving()
    one.verdict = "NotWorse"
    one.apply("registry.test/iris:v2")
    one.run(8)
    one.apply(rollout={**one.spec["rollout"], "paused": True})
    one.run(100)
    assert one.weights == {"v1": 90, "v2": 10}
    assert one.status.phase is Phase.PAUSED
    one.verdict = "Regressed"
    one.run(20)
    assert one.weights == {"v1": 100}


def test_the_policy_of_a_running_rollout_does_not_change() -> None:
    one = serving()
    one.verdict = "NotWorse"
    one.apply("registry.test/iris:v2")
    one.run(5)
    one.apply(rollout={**one.spec["rollout"], "steps": [{"weight": 1, "duration": "1h"}]})
    one.run(60)
    assert one.weights == {"v2": 100}


def test_an_unacknowledged_weight_stops_everything_that_rests_on_it() -> None:
    one = serving()
    one.verdict = "NotWorse"
    one.apply("registry.test/iris:v2")
    one.gateway_answers = False
    one.run(100)
    assert one.weights == {"v1": 90, "v2": 10}
    one.gateway_answers = True
    one.run(60)
    assert one.weights == {"v2": 100}


def test_a_canary_without_ready_pods_loses_its_weight_until_it_has_some() -> None:
    one = serving()
    one.apply("registry.test/iris:v2")
    one.run(8)
    one.deployed["v2"].ready = 0
    one.reconcile()
    assert one.weights == {"v1": 100, "v2": 0}
    one.run(10)
    assert one.weights == {"v1": 90, "v2": 10}


def test_a_lost_status_is_rebuilt_from_the_route() -> None:
    one = serving()
    one.status = World(one.spec).status
    one.run(3)
    assert one.status.stable is not None
    assert one.status.stable.revision == "v1"
    assert one.weights == {"v1": 100}


def test_a_deleted_deployment_of_the_stable_comes_back_while_the_spec_has_moved_on() -> None:
    one = serving()
    one.apply("registry.test/iris:v2")
    one.run(5)
    model = one.deployed.pop("v1").model
    one.reconcile()
    assert one.deployed["v1"].model == model


def test_a_first_revision_that_fails_says_so_and_is_replaced_by_the_next() -> None:
    one = world()
    one.reconcile()
    one.trouble("v1", waiting_reason="ImagePullBackOff", waiting_message="not found")
    one.run(5)
    assert one.status.phase is Phase.FAILED
    assert one.condition("Healthy") == ("False", "ImagePullFailed")
    assert one.told().count("ImagePullFailed") == 1
    one.apply("registry.test/iris:v2")
    one.run(10)
    assert one.weights == {"v2": 100}
    assert one.deployed["v1"].wanted == 0


def test_history_is_kept_within_its_limit() -> None:
    one = serving(rollout={"revisionHistoryLimit": 2})
    one.verdict = "NotWorse"
    for number in range(2, 7):
        one.apply(f"registry.test/iris:v{number}")
        one.run(60)
    assert sorted(one.deployed) == ["v4", "v5", "v6"]


def test_a_fixed_count_is_kept_and_followed() -> None:
    one = serving(scaling={"replicas": 3})
    assert one.deployed["v1"].wanted == 3
    assert one.deployed["v1"].autoscaler is None
    one.apply(scaling={"replicas": 5})
    one.run(5)
    assert one.deployed["v1"].wanted == 5


def test_a_canary_keeps_its_pods_until_the_gateway_has_taken_its_weight() -> None:
    one = serving()
    one.apply("registry.test/iris:v2")
    one.run(8)
    one.verdict = "Regressed"
    one.gateway_answers = False
    one.run(60)
    assert one.weights == {"v1": 100, "v2": 0}
    assert one.deployed["v2"].wanted == 1
    one.gateway_answers = True
    one.run(15)
    assert one.deployed["v2"].wanted == 0


def test_promotion_waits_for_the_capacity_of_all_requests() -> None:
    one = serving(rollout={"steps": [{"weight": 10, "duration": "10s"}, {"weight": 20, "duration": "10s"}]})
    one.verdict = "NotWorse"
    one.deployed["v1"].wanted = 6
    one.run(10)
    one.apply("registry.test/iris:v2")
    one.run(25)
    one.deployed["v2"].startable = False
    one.run(20)
    assert one.weights == {"v1": 80, "v2": 20}
    one.deployed["v2"].startable = True
    one.run(30)
    assert one.weights == {"v2": 100}


def test_going_back_to_the_former_revision_in_its_bake_keeps_its_pods() -> None:
    one = serving(rollout={"bake": "60s"})
    one.verdict = "NotWorse"
    one.apply("registry.test/iris:v2")
    one.run(45)
    assert one.status.former is not None
    one.apply("registry.test/iris:v1")
    one.run(120)
    assert one.weights == {"v1": 100}


def test_a_weight_whose_acknowledgement_nobody_saw_is_drained_all_the_same() -> None:
    one = serving()
    one.apply("registry.test/iris:v2")
    while not (one.weights or {}).get("v2"):
        one.reconcile()
        one.tick()
    one.apply("registry.test/iris:v3")  # the gateway has acknowledged, and no look came in between
    for _ in range(3):
        one.reconcile()
    assert one.deployed["v2"].wanted > 0, "its pods went before the gateway took the weight away"
    one.run(12)
    assert one.deployed["v2"].wanted == 0
