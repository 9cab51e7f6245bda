"""Turns that made-up histories found to go wrong; each says what users would see."""

from tests.rollout.world import World, serving

from ekiben.api.status import Status
from ekiben.rollout.plan import DeleteRevision

_V = "registry.test/iris:v"


def _forget(one: World) -> None:
    one.status = Status()


def test_a_blue_green_rollout_at_zero_replicas_does_not_go_back_and_forth() -> None:
    one = serving()
    one.apply(scaling={"replicas": 0})
    one.run(3)
    base = {key: value for key, value in one.spec["rollout"].items() if key != "steps"}
    one.apply(f"{_V}2", rollout={**base, "strategy": "blueGreen", "blueGreen": {"duration": "1h"}})
    one.run(5)
    before = one.writes
    one.run(4)
    assert one.writes == before
    assert one.condition("Progressing") == ("True", "ScaledToZero")
    assert "CanaryUnavailable" not in one.told()


def test_pods_whose_weight_0_the_gateway_has_not_taken_over_outlive_a_lost_status() -> None:
    one = serving()
    one.apply(f"{_V}2")
    one.run(8)
    assert one.weights == {"v1": 90, "v2": 10}
    one.gateway_answers = False
    _forget(one)
    one.apply(rollout={**one.spec["rollout"], "paused": True})
    one.run(20)
    assert one.weights == {"v1": 100}
    assert one.deployed["v2"].wanted > 0, "the gateway may still send it requests"
    one.gateway_answers = True
    one.run(5)
    assert one.deployed["v2"].wanted == 0


def test_a_status_that_is_lost_while_the_stable_pods_are_down_does_not_lose_the_stable_revision() -> None:
    one = serving()
    one.trouble("v1", waiting_reason="CrashLoopBackOff", restarts=4)
    one.run(3)
    _forget(one)
    one.run(3)
    assert one.status.stable is not None
    assert one.status.stable.revision == "v1"
    assert one.condition("Healthy") == ("False", "StableUnavailable")


def test_a_request_that_was_there_before_the_status_is_not_handled_again() -> None:
    one = serving()
    one.apply(f"{_V}2")
    one.run(3)
    assert one.ask("promote", "v2", "one")[0] == "Done"
    _forget(one)
    one.run(3)
    assert [(entry.id, entry.outcome) for entry in one.status.requests] == [("one", "Refused")]
    assert one.told().count("RequestDone") == 1


def test_a_share_that_was_taken_is_not_given_back_without_pods_where_the_status_does_not_tell_of_it() -> None:
    """The route was written, the status was not; meanwhile one pod of two is back."""
    one = serving(rollout={"steps": [{"weight": 50, "duration": "1h"}]})
    one.apply(f"{_V}2")
    one.run(8)
    assert one.weights == {"v1": 50, "v2": 50}
    one.weights = {"v1": 100, "v2": 0}
    one.deployed["v2"].ready, one.deployed["v2"].startable = 1, False
    one.run(3)
    assert one.weights == {"v1": 100, "v2": 0}
    one.deployed["v2"].startable = True
    one.run(3)
    assert one.weights == {"v1": 50, "v2": 50}


def test_all_requests_that_were_taken_are_not_given_back_without_pods_where_the_status_does_not_tell_of_it() -> None:
    one = serving()
    one.apply(f"{_V}2")
    one.run(4)
    assert one.ask("promote", "v2")[0] == "Done"
    one.gateway_answers = False
    one.run(4)
    assert one.weights == {"v1": 0, "v2": 100}
    one.weights = {"v1": 100, "v2": 0}
    one.deployed["v2"].ready, one.deployed["v2"].startable = 1, False
    one.run(3)
    assert one.weights == {"v1": 100, "v2": 0}
    one.deployed["v2"].startable = one.gateway_answers = True
    one.run(15)
    assert one.weights == {"v2": 100}


def test_what_is_left_of_a_revision_whose_deployment_is_gone_goes_too() -> None:
    one = serving()
    one.orphans = ("v0", "v1", "v2")
    one.apply(f"{_V}2")
    plan = one.reconcile()
    assert [action for action in plan.actions if isinstance(action, DeleteRevision)] == [DeleteRevision("v0")]


def test_what_is_left_of_a_revision_stays_while_the_route_names_it() -> None:
    one = serving()
    one.weights, one.orphans = {"v1": 100, "v0": 0}, ("v0",)
    plan = one.reconcile()
    assert DeleteRevision("v0") not in plan.actions
    one.tick()
    assert DeleteRevision("v0") in one.reconcile().actions
