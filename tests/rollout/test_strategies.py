"""Whole rollouts by each strategy, and the ways back."""

from typing import Any

import pytest
from tests.rollout.world import World, promoted, serving

from ekiben.api.policy import RolloutPolicy, merged
from ekiben.api.rollout import Rollout
from ekiben.api.status import Phase

_V = "registry.test/iris:v"


def _with(strategy: str, **rollout: Any) -> World:
    one = serving()
    base = {key: value for key, value in one.spec["rollout"].items() if key != "steps"}
    one.apply(rollout={**base, "strategy": strategy, **rollout})
    return one


def test_blue_green_switches_at_once_after_a_preview_with_all_pods() -> None:
    one = _with("blueGreen", blueGreen={"duration": "10s", "hostname": "preview.example.com"})
    one.apply(f"{_V}2")
    seen = []
    for _ in range(60):
        one.reconcile()
        one.tick()
        seen.append((one.status.phase, tuple(sorted((one.weights or {}).items())), one.preview))
    assert (Phase.PREVIEW, (("v1", 100), ("v2", 0)), "v2") in seen
    assert {weights for _, weights, _ in seen} == {
        (("v1", 100), ("v2", 0)),
        (("v1", 0), ("v2", 100)),
        (("v2", 100),),
    }
    assert one.status.history[-1].reason == "PreviewPassed"
    assert one.preview is None


def test_with_all_requests_on_one_revision_no_comparison_convicts() -> None:
    one = _with("blueGreen", blueGreen={"duration": "2s"})
    one.apply(f"{_V}2")
    for _ in range(30):
        one.reconcile()
        one.tick()
        if one.weights == {"v1": 0, "v2": 100}:
            one.verdict = "Regressed"
    assert one.weights == {"v2": 100}


def test_shadow_copies_requests_until_the_evidence_says_not_worse() -> None:
    one = _with("shadow", shadow={"percent": 50, "duration": "5s"})
    one.apply(f"{_V}2")
    one.run(30)
    assert one.mirror == ("v2", 50)
    assert one.weights == {"v1": 100, "v2": 0}
    assert one.status.phase is Phase.SHADOW
    one.verdict = "NotWorse"
    one.run(20)
    assert one.weights == {"v2": 100}
    assert one.mirror is None


def test_a_shadow_that_fails_is_rolled_back_and_no_caller_has_noticed() -> None:
    one = _with("shadow")
    one.apply(f"{_V}2")
    one.run(15)
    one.verdict = "Regressed"
    one.run(20)
    assert one.weights == {"v1": 100}
    assert one.mirror is None
    assert one.condition("RolledBack") == ("True", "ErrorRateRegressed")


def test_recreate_ends_the_former_pods_before_the_new_ones_start() -> None:
    one = _with("recreate")
    one.apply(f"{_V}2")
    for _ in range(40):
        one.reconcile()
        running = sum(revision.wanted for revision in one.deployed.values())
        assert running <= 2, "capacity doubled"
        one.tick()
    assert one.weights == {"v2": 100}
    assert one.status.history[-1].outcome == "Promoted"


def test_a_recreation_that_fails_brings_the_former_revision_back() -> None:
    one = _with("recreate")
    one.apply(f"{_V}2")
    for _ in range(20):
        one.reconcile()
        if "v2" in one.deployed and one.deployed["v2"].wanted:
            break
        one.tick()
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3)
    one.run(30)
    assert one.weights == {"v1": 100}
    assert one.deployed["v1"].ready == 2
    assert one.deployed["v2"].wanted == 0
    assert one.condition("RolledBack") == ("True", "Crashed")


def _barred(**rollout: Any) -> World:
    """v2 failed, v1 does not come back, and v2 would work again."""
    one = _with("recreate", progressDeadline="30s", **rollout)
    one.apply(f"{_V}2")
    while "v2" not in one.deployed or not one.deployed["v2"].wanted:
        one.run(1)
    one.deployed["v1"].startable = False
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3, last_exit_at=one.now + 1)
    one.run(20)
    assert one.status.rollout is not None
    assert one.status.rollout.state == "Restoring"
    one.deployed["v2"].trouble, one.deployed["v2"].startable = None, True
    return one


def test_a_way_back_that_is_barred_is_told_and_goes_on_by_itself() -> None:
    one = _barred()
    assert one.condition("Paused")[0] == "False"
    one.run(40)
    assert one.condition("Paused") == ("True", "ProgressDeadlineExceeded")
    assert one.condition("Progressing") == ("True", "ProgressDeadlineExceeded")
    told = [event.message for event in one.events if event.reason == "ProgressDeadlineExceeded"]
    assert len(told) == 1
    assert "`ekiben retry iris` tries revision 2 again" in told[0]
    one.deployed["v1"].startable = True
    one.run(10)
    assert one.weights == {"v1": 100}
    assert one.status.rollout is None
    assert one.condition("Paused")[0] == "False"


@pytest.mark.parametrize("way", ["retry", "undo", "spec"])
def test_a_way_back_that_is_barred_is_left_for_the_revision_that_failed(way: str) -> None:
    one = _barred()
    if way == "undo":
        assert one.ask("undo", "v2")[0] == "Refused"  # it never served: `retry` is what is meant
        assert "`ekiben retry` rolls it out" in one.status.requests[-1].message
    if way == "spec":
        one.apply(f"{_V}1")
        one.run(3)
        one.apply(f"{_V}2")
    else:
        assert one.ask("retry", "v2")[0] == "Done"
    one.run(30)
    assert one.weights == {"v2": 100}
    assert one.deployed["v2"].ready == 2
    assert [entry.outcome for entry in one.status.history][-2:] == ["RolledBack", "Promoted"]


def test_in_a_pause_a_way_back_goes_on() -> None:
    one = _barred()
    one.apply(rollout={**one.spec["rollout"], "paused": True})
    outcome, message = one.ask("retry", "v2")
    assert (outcome, "paused" in message) == ("Refused", True)


def test_recreate_proves_nothing_without_pods() -> None:
    one = _with("recreate")
    one.apply(f"{_V}2", scaling={"replicas": 0})
    one.run(20)
    assert one.status.rollout is not None
    assert one.status.rollout.state == "Replacing"
    assert one.condition("Progressing") == ("True", "ScaledToZero")
    one.apply(f"{_V}3")
    one.run(20)
    assert not any(entry.outcome == "Promoted" for entry in one.status.history if entry.revision != "v1")
    one.apply(scaling={"replicas": 2})
    one.run(20)
    assert one.weights == {"v3": 100}
    assert one.deployed["v3"].ready == 2
    assert "v2" not in one.weights


def test_testers_reach_the_canary_before_it_has_any_weight() -> None:
    steps = [{"weight": 0, "duration": "5s", "approval": True}, {"weight": 20, "duration": "5s"}]
    one = serving(rollout={"steps": steps, "testers": {"header": "X-Tester", "value": "yes"}})
    one.traffic = False
    one.apply(f"{_V}2")
    one.run(30)
    assert one.weights == {"v1": 100, "v2": 0}
    assert one.preview == "v2"
    assert one.condition("Paused") == ("True", "AwaitingApproval")
    assert one.ask("approve", "v2")[0] == "Done"
    one.run(2)
    assert one.weights == {"v1": 80, "v2": 20}


def test_an_approval_is_no_evidence() -> None:
    one = serving(rollout={"steps": [{"weight": 20, "duration": "5s", "approval": True}]})
    one.apply(f"{_V}2")
    one.run(5)
    assert one.ask("approve", "v2")[0] == "Done"
    one.run(60)
    assert one.weights == {"v1": 80, "v2": 20}
    one.verdict = "NotWorse"
    one.run(20)
    assert one.weights == {"v2": 100}


def test_a_step_may_ask_for_not_worse() -> None:
    one = serving(
        rollout={"steps": [{"weight": 5, "duration": "5s", "requires": "notWorse"}, {"weight": 20, "duration": "5s"}]}
    )
    one.apply(f"{_V}2")
    one.run(60)
    assert one.weights == {"v1": 95, "v2": 5}


def test_a_promoted_revision_that_crashes_in_its_bake_is_replaced_by_the_former_one_at_once() -> None:
    one = serving(rollout={"bake": "10m"})
    promoted(one, "v2")
    assert one.deployed["v1"].ready == 2
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3)
    one.reconcile()
    assert one.weights == {"v2": 0, "v1": 100}
    one.run(60)
    assert one.weights == {"v1": 100}
    assert one.condition("RolledBack") == ("True", "BakeFailed")
    assert one.condition("Promoted") == ("False", "Pinned")
    assert one.deployed["v2"].wanted == 0
    one.apply(f"{_V}3")
    one.reconcile()
    assert one.status.pinned is None
    assert one.status.rollout is not None
    assert one.status.rollout.revision == "v3"


def test_objectives_that_are_missed_end_the_bake() -> None:
    one = serving(rollout={"bake": "10m"})
    promoted(one, "v2")
    one.objectives = "Regressed"
    one.run(10)
    assert one.weights == {"v1": 100}


def test_going_back_to_a_proven_revision_needs_no_steps_and_forward_again_does() -> None:
    one = serving(rollout={"bake": "0s"})
    promoted(one, "v2")
    one.run(20)
    one.apply(f"{_V}1")
    one.run(12)
    assert one.weights == {"v1": 100}
    assert one.status.history[-1].reason == "RollbackWindow"
    one.apply(f"{_V}2")
    one.run(5)
    assert one.weights == {"v1": 90, "v2": 10}


def test_a_canary_left_for_a_proven_revision_is_superseded_and_the_way_back_needs_no_steps() -> None:
    one = serving(rollout={"bake": "0s"})
    promoted(one, "v2")
    one.run(20)
    one.apply(f"{_V}3")
    one.run(6)
    assert one.weights == {"v2": 90, "v3": 10}
    one.apply(f"{_V}1")
    one.run(25)
    assert one.weights == {"v1": 100}
    assert [entry.reason for entry in one.status.history[-2:]] == ["Superseded", "RollbackWindow"]
    assert one.status.rejected_revision is None


def test_without_a_rollback_window_every_way_goes_by_steps() -> None:
    one = serving(rollout={"bake": "0s", "rollbackWindow": 0})
    promoted(one, "v2")
    one.run(20)
    one.apply(f"{_V}1")
    one.run(5)
    assert one.weights == {"v2": 90, "v1": 10}


def test_undo_holds_until_spec_model_changes() -> None:
    one = serving(rollout={"bake": "0s"})
    promoted(one, "v2")
    assert one.ask("undo", "v1")[0] == "Done"
    one.run(30)
    assert one.weights == {"v1": 100}
    assert one.condition("Promoted") == ("False", "Pinned")
    assert [entry.outcome for entry in one.status.history][-1] == "Undone"
    one.run(120)
    assert one.weights == {"v1": 100}
    one.apply(f"{_V}3")
    one.verdict = "NotWorse"
    one.run(60)
    assert one.weights == {"v3": 100}


def test_what_undo_goes_back_to_may_fail_and_what_serves_stays() -> None:
    one = serving(rollout={"bake": "0s"})
    promoted(one, "v2")
    one.run(5)
    one.deployed["v1"].startable = False
    one.ask("undo", "v1")
    one.trouble("v1", waiting_reason="CrashLoopBackOff", restarts=3)
    one.run(30)
    assert one.weights == {"v2": 100}
    assert one.status.pinned is None
    one.run(30)
    assert one.status.rollout is None


def test_a_policy_of_the_namespace_gives_what_the_resource_leaves_out() -> None:
    policy = RolloutPolicy.parse(
        {
            "metadata": {"name": "careful", "namespace": "default", "uid": "p"},
            "spec": {"rollout": {"steps": [{"weight": 3}], "analysis": {"falseRollback": 0.05, "deadline": "2h"}}},
        }
    )
    own = Rollout.model_validate({"policyRef": "careful", "analysis": {"deadline": "5m"}})
    both = merged(own, policy.spec.rollout)
    assert [step.weight for step in both.steps] == [3]
    assert (both.analysis.false_rollback, both.analysis.deadline) == (0.05, "5m")
    assert both.policy_ref is None


def test_a_changed_policy_applies_from_the_next_rollout_on() -> None:
    one = serving()
    one.policy = Rollout.model_validate({"steps": [{"weight": 7, "duration": "5s"}, {"weight": 9, "duration": "5s"}]})
    one.apply(f"{_V}2")
    one.run(3)
    assert one.weights == {"v1": 93, "v2": 7}
    one.policy = Rollout.model_validate({"steps": [{"weight": 30, "duration": "5s"}]})
    one.run(20)
    assert one.weights == {"v1": 91, "v2": 9}


def test_a_policy_that_cannot_be_used_holds_new_rollouts() -> None:
    one = serving()
    one.policy_problem = "there is no RolloutPolicy careful in this namespace"
    one.apply(f"{_V}2", rollout={**one.spec["rollout"], "policyRef": "careful"})
    one.run(20)
    assert one.weights == {"v1": 100}
    assert one.condition("PolicyUsable") == ("False", "Unusable")
    assert one.condition("Progressing") == ("False", "PolicyUnusable")


@pytest.mark.parametrize(
    ("strategy", "feature", "begins"),
    [("shadow", "RequestMirror", False), ("canary", "RequestTimeout", True), ("canary", "Weights", False)],
)
def test_what_a_gateway_cannot_do_is_told_and_never_ignored(strategy: str, feature: Any, begins: bool) -> None:
    one = serving() if strategy == "canary" else _with(strategy)
    one.unsupported = {feature: "the GatewayClass does not list it"}
    one.apply(f"{_V}2")
    one.reconcile()
    assert one.condition("TrafficFeatureUnsupported") == ("True", "Unsupported")
    assert (one.status.rollout is not None) == begins


def test_frozen_nothing_moves_and_what_disappears_comes_back() -> None:
    one = serving()
    one.apply(f"{_V}2")
    one.run(5)
    weights = dict(one.weights or {})
    one.frozen = "an incident"
    one.verdict = "Regressed"
    del one.deployed["v2"]
    outcome, message = one.ask("abort", "v2")
    assert (outcome, "an incident" in message) == ("Refused", True)
    one.run(120)
    assert one.weights == weights
    assert "v2" in one.deployed
    one.frozen = ""
    one.run(20)
    assert one.weights == {"v1": 100}
