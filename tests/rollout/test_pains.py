"""What users of other rollout controllers report again and again, each as a test."""

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.objects.resources import resource
from tests.rollout.test_table import _STATES, state_of
from tests.rollout.world import World, promoted, serving

from ekiben.objects import httproute, service
from ekiben.objects.settings import Settings as Rendering
from ekiben.rollout import plan as p

_V = "registry.test/iris:v"


def _step(**spec: Any) -> World:
    """v2 has 10 % of the requests."""
    one = serving(**spec)
    one.apply(f"{_V}2")
    one.run(6)
    assert one.weights == {"v1": 90, "v2": 10}
    return one


@dataclass
class _Recorder(World):
    """Notes every change of who gets requests and of who has pods, in order."""

    order: list[tuple[str, Any]] = field(default_factory=list)

    def _carry_out(self, action: p.Action) -> None:
        before = self._now()
        super()._carry_out(action)
        self.order += [(kind, now) for kind, now in self._now().items() if now != before[kind]]

    def _now(self) -> dict[str, Any]:
        pods = {name: one.wanted for name, one in self.deployed.items()}
        return {"weights": dict(self.weights or {}), "service": self.stable_service, "pods": pods}


def test_at_a_promotion_weight_service_and_pods_do_not_move_at_different_speeds() -> None:
    """The weight first; the Service only when the gateway has taken it over; the former pods only when drained."""
    one = _Recorder({"model": {"image": f"{_V}1"}, "rollout": {"bake": "0s", "progressDeadline": "60s"}})
    one.run(10)
    one.apply(f"{_V}2")
    one.reconcile()
    one.order.clear()
    one.gateway_answers = False
    assert one.ask("promote", "v2")[0] == "Done"
    one.run(30)
    assert one.weights == {"v1": 0, "v2": 100}
    assert one.stable_service == "v1", "callers inside the cluster follow a gateway that has not moved"
    assert one.deployed["v1"].wanted == 2
    one.gateway_answers = True
    one.run(20)
    moved = [one for one in one.order if one[0] != "pods" or one[1]["v1"] == 0]
    assert moved[:2] == [("weights", {"v1": 0, "v2": 100}), ("service", "v2")]
    assert ("pods", {"v1": 0, "v2": 2}) in moved[2:]


def test_an_autoscaler_that_grows_the_stable_revision_does_not_raise_its_own_minimum() -> None:
    one = _step()
    one.deployed["v1"].wanted = 8
    one.run(5)
    one.deployed["v1"].wanted = 3
    one.run(5)
    autoscaler = one.deployed["v1"].autoscaler
    assert autoscaler is not None
    assert autoscaler.min_replicas == 2, "what it had when the rollout began"
    assert one.deployed["v1"].wanted == 3


def test_each_revision_has_an_autoscaler_of_its_own_with_bounds_of_its_own() -> None:
    one = serving(scaling={"minReplicas": 9, "maxReplicas": 20})
    one.apply(f"{_V}2")
    one.run(8)
    stable, canary = one.deployed["v1"].autoscaler, one.deployed["v2"].autoscaler
    assert stable is not None
    assert canary is not None
    assert (stable.min_replicas, canary.min_replicas) == (9, 1), "10 % of the requests need 1 pod beside 9"


def test_the_stable_revision_does_not_shrink_while_the_canary_carries_half_of_the_load() -> None:
    one = serving()
    one.deployed["v1"].wanted = 6
    one.run(8)
    one.apply(f"{_V}2")
    one.run(30)
    assert one.weights == {"v1": 50, "v2": 50}
    autoscaler = one.deployed["v1"].autoscaler
    assert autoscaler is not None
    assert autoscaler.min_replicas == 6
    one.ask("abort", "v2")
    assert one.weights == {"v1": 100, "v2": 0}
    assert one.deployed["v1"].ready == 6, "a stampede onto too few pods"


def test_a_promotion_does_not_give_all_requests_to_the_pods_of_a_tenth() -> None:
    one = serving()
    one.deployed["v1"].wanted = 6
    one.run(8)
    one.apply(f"{_V}2")
    one.run(6)
    assert one.deployed["v2"].wanted == 1
    one.ask("promote", "v2")
    while one.weights != {"v1": 0, "v2": 100}:
        assert one.weights == {"v1": 90, "v2": 10}
        one.tick()
        one.reconcile()
    assert one.deployed["v2"].ready == 6


def test_an_aborted_canary_does_not_scale_up_again() -> None:
    one = _step()
    one.ask("abort", "v2")
    autoscalers = []
    for _ in range(400):
        one.reconcile()
        one.tick()
        autoscalers.append(one.deployed["v2"].autoscaler)
    assert not any(autoscalers)
    assert (one.deployed["v2"].wanted, one.deployed["v2"].ready) == (0, 0)
    one.deployed["v2"].wanted = 4  # somebody, or an autoscaler of his
    one.run(3)
    assert one.deployed["v2"].wanted == 0


@pytest.mark.parametrize("choice", ["promote", "pause"])
@pytest.mark.parametrize(
    "problem", ["NoTraffic", "NotRouted", "StaleMetrics", "SourceDown", "NotRandomised", "PodNoise"]
)
def test_no_traffic_is_neither_failure_nor_success(problem: str, choice: str) -> None:
    one = serving(rollout={"analysis": {"deadline": "60s", "onInconclusive": choice}})
    one.problem, one.verdict = problem, "NotWorse"
    one.apply(f"{_V}2")
    one.run(1000, step=5)
    assert one.weights == {"v1": 90, "v2": 10}
    assert one.condition("EvidenceUsable") == ("False", problem)
    assert one.condition("RolledBack")[0] == "False"


def test_an_outage_of_the_metrics_does_not_abort_a_healthy_rollout() -> None:
    one = _step()
    one.problem = "SourceDown"
    one.run(3000, step=5)
    assert one.weights == {"v1": 90, "v2": 10}
    one.problem, one.verdict = "", "NotWorse"
    one.run(60)
    assert one.weights == {"v2": 100}


def test_why_did_it_fail_has_one_answer_everywhere() -> None:
    one = _step()
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3, last_exit_code=137)
    one.run(20)
    message = "pod iris-v2-x stopped with exit code 137 and was restarted 3 times"
    ended = one.status.history[-1]
    assert (ended.outcome, ended.reason, ended.message) == ("RolledBack", "Crashed", message)
    condition = next(entry for entry in one.status.conditions if entry.type == "RolledBack")
    assert (condition.status, condition.reason, condition.message) == ("True", "Crashed", message)
    assert next(event.message for event in one.events if event.type == "Warning").endswith(message)
    decision = next(entry for entry in one.status.decisions if entry.decision == "RollingBack")
    assert (decision.reason, message in decision.message) == ("Crashed", True)


@pytest.mark.parametrize("state", list(_STATES))
def test_no_state_is_stuck(state: str) -> None:
    one = _STATES[state]()
    for revision in one.deployed.values():
        revision.startable = True
    one.verdict = "NotWorse"
    one.run(300, step=2)
    assert state_of(one) in ("Stable", "Bake")
    assert one.status.stable is not None
    assert one.weights == {one.status.stable.revision: 100}


@pytest.mark.parametrize("state", [one for one in _STATES if one not in ("Stable", "Bake", "First")])
def test_an_abort_in_any_state_ends_and_the_retry_after_it_does_what_it_says(state: str) -> None:
    one = _STATES[state]()
    for revision in one.deployed.values():
        revision.startable = True
    if state not in ("RollingBack", "Restoring"):
        assert one.ask("abort", "v3")[0] == "Done"
    one.run(60)
    assert (state_of(one), one.weights) == ("Stable", {"v2": 100})
    assert one.condition("RolledBack") == ("True", "Aborted")
    assert one.ask("retry", "v3")[0] == "Done"
    running = one.status.rollout
    assert running is not None
    assert (running.revision, running.step) == ("v3", 0)
    assert running.traffic_since is None or running.state == "Clearing"
    one.verdict = "NotWorse"
    one.run(700, step=2)
    assert one.weights == {"v3": 100}


def test_nothing_is_written_into_the_spec() -> None:
    one = serving(rollout={"bake": "0s"})
    promoted(one, "v2")
    one.apply(f"{_V}3")
    written = copy.deepcopy(one.spec)
    one.verdict = "Regressed"
    one.run(40)
    one.ask("undo", "v1")
    one.run(40)
    assert one.spec == written
    assert one.weights == {"v1": 100}


def test_the_older_revision_that_comes_back_is_the_one_that_was_named() -> None:
    one = serving(rollout={"bake": "0s"})
    for version in ("v2", "v3", "v4"):
        promoted(one, version)
        one.run(10)
    one.apply(f"{_V}5")
    one.run(6)
    one.ask("abort", "v5")
    one.run(20)
    assert one.ask("undo", "v2")[0] == "Done"
    one.run(30)
    assert one.weights == {"v2": 100}
    assert one.deployed["v2"].model == {"image": f"{_V}2"}
    assert one.status.stable is not None
    assert one.status.stable.number == 2


@pytest.mark.parametrize("strategy", ["canary", "shadow", "blueGreen"])
def test_the_route_of_a_canary_does_not_leak_into_the_next(strategy: str) -> None:
    one = serving(rollout={"testers": {"header": "X-Tester", "value": "yes"}})
    base = {key: value for key, value in one.spec["rollout"].items() if key != "steps"}
    one.apply(f"{_V}2", rollout=one.spec["rollout"] if strategy == "canary" else {**base, "strategy": strategy})
    one.run(8)
    assert one.preview == "v2"
    one.apply(f"{_V}3")
    one.reconcile()
    assert one.weights == {"v1": 100, "v2": 0}
    assert (one.mirror, one.preview) == (None, None)
    for _ in range(30):
        one.tick()
        one.reconcile()
        assert not (one.weights or {}).get("v2")
        assert "v2" not in (one.preview, (one.mirror or ("",))[0])
    assert set(one.weights or {}) == {"v1", "v3"}


def test_no_session_is_bound_to_a_revision() -> None:
    """Affinity would give the canary whole callers instead of its share, and all of them at once."""
    route = httproute.render(resource(), Rendering(), (("bcdfghjk", 95), ("lmnpqrst", 5)))
    split = [[one["weight"] for one in rule.get("backendRefs", ())] for rule in route["spec"]["rules"]]
    assert split[-1] == [95, 5]
    services = [service.render(resource(), "bcdfghjk"), service.render_stable(resource(), "bcdfghjk")]
    written = str([route, *services]).lower()
    assert not [word for word in ("sessionpersistence", "sessionaffinity", "set-cookie") if word in written]
