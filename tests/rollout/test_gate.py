"""What opens a step and what does not; what counts for the analysis deadline."""

from dataclasses import replace
from typing import Any

import pytest
from tests.rollout.world import World, serving, world

from ekiben.api.status import Phase
from ekiben.rollout.observation import Evidence

_V = "registry.test/iris:v"


class _LikeTheCollector(World):
    """A verdict that was found stays found while the counters are out of reach."""

    def _evidence(self) -> Evidence | None:
        told, running = super()._evidence(), self.status.rollout
        return replace(told, verdict=self.verdict) if told is not None and running and running.traffic_since else told


def _canary(**rollout: Any) -> World:
    one = _LikeTheCollector(
        {"model": {"image": f"{_V}1"}, "rollout": {"bake": "5s", "progressDeadline": "60s", **rollout}}
    )
    one.run(10)
    one.apply(f"{_V}2")
    return one


@pytest.mark.parametrize("problem", ["StaleMetrics", "SourceDown", "NoTraffic"])
def test_an_outage_of_the_metrics_does_not_take_back_what_was_found_not_worse(problem: str) -> None:
    one = _canary(
        steps=[{"weight": 10, "duration": "100s"}], analysis={"deadline": "60s", "onInconclusive": "rollback"}
    )
    one.verdict = "NotWorse"
    one.run(80)
    one.problem = problem
    one.run(60)
    assert one.weights == {"v1": 90, "v2": 10}
    assert one.condition("EvidenceUsable") == ("False", problem)
    one.problem = ""
    one.run(30)
    assert one.weights == {"v2": 100}


@pytest.mark.parametrize("after", [[], [{"weight": 60, "duration": "5s"}], [{"weight": 100, "duration": "5s"}]])
def test_more_than_half_of_the_requests_straight_after_testers_needs_somebody_who_answers_for_it(after: Any) -> None:
    one = serving(rollout={"steps": [{"weight": 0, "duration": "5s"}, *after]})
    one.traffic = False
    one.apply(f"{_V}2")
    one.run(60)
    assert one.weights == {"v1": 100, "v2": 0}
    assert one.condition("Paused") == ("True", "AwaitingApproval")
    assert one.ask("approve", "v2")[0] == "Done"
    one.run(4)
    assert (one.weights or {}).get("v2") == (60 if after and after[0]["weight"] == 60 else 100)
    if one.status.rollout is None:
        assert one.status.history[-1].reason == "Approved"


def test_a_small_step_after_testers_needs_no_approval() -> None:
    one = serving(rollout={"steps": [{"weight": 0, "duration": "5s"}, {"weight": 10, "duration": "5s"}]})
    one.traffic = False
    one.apply(f"{_V}2")
    one.run(20)
    assert one.weights == {"v1": 90, "v2": 10}


@pytest.mark.parametrize("choice", ["promote", "rollback"])
def test_a_weekend_of_waiting_for_approval_is_not_the_evidence_s_fault(choice: str) -> None:
    steps = [{"weight": 10, "duration": "5s", "approval": True}, {"weight": 50, "duration": "5s"}]
    one = serving(rollout={"steps": steps, "analysis": {"deadline": "60s", "onInconclusive": choice}})
    one.apply(f"{_V}2")
    one.run(2000, step=5)
    assert one.ask("approve", "v2")[0] == "Done"
    one.run(40)
    assert one.weights == {"v1": 50, "v2": 50}
    one.run(40)
    assert one.weights == ({"v2": 100} if choice == "promote" else {"v1": 100})


@pytest.mark.parametrize("problem", ["", "StaleMetrics"])
def test_a_look_while_approval_is_awaited_writes_nothing(problem: str) -> None:
    one = serving(rollout={"steps": [{"weight": 10, "duration": "5s", "approval": True}]})
    one.verdict = "NotWorse"
    one.apply(f"{_V}2")
    one.run(20)
    one.problem = problem
    one.run(3)
    before = one.status
    one.run(0.5, step=0.1)
    # Each change would be a write, and each write another look.
    assert one.status == before


@pytest.mark.parametrize("why", ["paused", "frozen", "stable-down"])
def test_time_in_which_nothing_could_be_judged_counts_for_no_deadline(why: str) -> None:
    one = serving(rollout={"analysis": {"deadline": "60s", "onInconclusive": "rollback"}})
    one.apply(f"{_V}2")
    one.run(30)
    assert one.weights == {"v1": 50, "v2": 50}
    if why == "paused":
        one.ask("pause", "v2")
    elif why == "frozen":
        one.frozen = "an incident"
    else:
        one.deployed["v1"].ready, one.deployed["v1"].startable = 0, False
    one.run(50)
    if why == "paused":
        one.ask("resume", "v2")
    one.frozen = ""
    one.deployed["v1"].startable = True
    one.run(30)
    assert one.weights == {"v1": 50, "v2": 50}
    one.run(40)
    assert one.weights == {"v1": 100}


def test_the_status_names_no_deadline_that_does_not_count() -> None:
    one = serving()
    one.apply(f"{_V}2")
    one.run(8)
    one.ask("pause", "v2")
    assert one.status.rollout is not None
    assert one.status.rollout.deadline is None


def test_a_freeze_does_not_make_the_first_revision_late() -> None:
    one = world()
    one.reconcile()
    one.deployed["v1"].startable = False
    one.frozen = "an incident"
    one.run(90)
    one.frozen = ""
    one.run(30)
    assert one.status.phase is Phase.PENDING
    one.run(40)
    assert one.status.phase is Phase.FAILED


def test_inconclusive_promote_stands_in_for_the_verdict_and_not_for_the_approvals() -> None:
    steps = [
        {"weight": 10, "duration": "5s", "requires": "notWorse"},
        {"weight": 50, "duration": "5s", "approval": True},
    ]
    one = serving(rollout={"steps": steps, "analysis": {"deadline": "60s", "onInconclusive": "promote"}})
    one.apply(f"{_V}2")
    one.run(50)
    assert one.weights == {"v1": 90, "v2": 10}
    one.run(600, step=5)
    assert one.weights == {"v1": 50, "v2": 50}, "its approval is missing"
    assert one.condition("Paused") == ("True", "AwaitingApproval")
    before = one.status
    one.run(3, step=0.5)
    assert one.status == before, "each change would be a write, and each write another look"
    assert one.ask("approve", "v2")[0] == "Done"
    one.run(20)
    assert one.weights == {"v2": 100}
    assert one.status.history[-1].reason == "Inconclusive"
    assert one.status.history[-1].message.startswith("no verdict within 60s: the canary gets 50 %")


def test_inconclusive_promote_leaves_a_shadow_with_its_approval_alone() -> None:
    shadow = {"duration": "5s", "percent": 100, "approval": True}
    analysis = {"deadline": "60s", "onInconclusive": "promote"}
    one = World(
        {"model": {"image": f"{_V}1"}, "rollout": {"strategy": "shadow", "shadow": shadow, "analysis": analysis}}
    )
    one.run(10)
    one.apply(f"{_V}2")
    one.run(200)
    assert one.condition("Paused") == ("True", "AwaitingApproval")
    assert one.ask("approve", "v2")[0] == "Done"
    one.run(20)
    assert one.weights == {"v2": 100}


def _nothing(_one: World) -> None:
    """Nothing else happens."""


def _freeze(one: World) -> None:
    one.frozen = "a freeze in the night"
    one.run(60)
    one.frozen = ""


def _pause(one: World) -> None:
    assert one.ask("pause", "v2")[0] == "Done"
    one.run(60)
    assert one.ask("resume", "v2")[0] == "Done"


def _pod_replaced(one: World) -> None:
    one.deployed["v2"].wanted, one.deployed["v2"].ready = 2, 1
    one.run(5)


def _silence(one: World) -> None:
    one.gateway_answers, one.acknowledged = False, None
    one.run(30)
    one.gateway_answers = True


@pytest.mark.parametrize("between", [_nothing, _freeze, _pause, _pod_replaced, _silence])
@pytest.mark.parametrize("choice", ["pause", "promote", "rollback"])
def test_a_quiet_night_does_not_take_back_that_only_the_approval_is_missing(choice: str, between: Any) -> None:
    steps = [{"weight": 10, "duration": "5s", "approval": True}, {"weight": 20, "duration": "5s"}]
    one = serving(rollout={"steps": steps, "analysis": {"deadline": "60s", "onInconclusive": choice}})
    one.apply(f"{_V}2")
    one.run(20)
    assert one.condition("Paused") == ("True", "AwaitingApproval")
    one.problem = "NoTraffic"
    one.run(10)
    between(one)
    one.run(600, step=5)
    assert one.weights == {"v1": 90, "v2": 10}
    assert one.condition("Paused") == ("True", "AwaitingApproval")
    assert one.condition("EvidenceUsable") == ("False", "NoTraffic")
    assert one.ask("approve", "v2")[0] == "Done"
    one.run(30)
    assert one.weights == {"v1": 90, "v2": 10}, "approval is no evidence"
    one.problem = ""
    one.run(5)
    assert one.weights == {"v1": 80, "v2": 20}


@pytest.mark.parametrize(
    ("why", "state"),
    [
        *((why, state) for why in ("frozen", "stable-down") for state in ("Step", "Preview", "Shadow")),
        ("silent", "Step"),
        ("silent", "Shadow"),
    ],
)
def test_the_time_of_a_step_stands_still_while_nothing_can_be_judged(why: str, state: str) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "Step": {"steps": [{"weight": 10, "duration": "40s"}, {"weight": 20, "duration": "40s"}]},
        "Preview": {"strategy": "blueGreen", "blueGreen": {"duration": "40s"}},
        "Shadow": {"strategy": "shadow", "shadow": {"duration": "40s", "percent": 100}},
    }
    one = World({"model": {"image": f"{_V}1"}, "rollout": kinds[state]})
    one.run(10)
    one.verdict = "NotWorse"
    one.apply(f"{_V}2")
    one.run(30)
    running = one.status.rollout
    assert running is not None
    assert (running.state, running.step) == (state, 0)
    if why == "frozen":
        one.frozen = "an incident"
    elif why == "silent":
        one.gateway_answers, one.acknowledged = False, None
    else:
        one.deployed["v1"].ready, one.deployed["v1"].startable = 0, False
    one.run(50)
    one.frozen, one.gateway_answers = "", True
    one.deployed["v1"].startable = True
    one.run(8)
    running = one.status.rollout
    assert running is not None, "what nobody could judge was counted"
    assert (running.state, running.step, running.still_since) == (state, 0, None)
    one.run(20)
    assert one.status.rollout is None or (one.status.rollout.state, one.status.rollout.step) != (state, 0)
