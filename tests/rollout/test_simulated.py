"""Turns that made-up histories found to go wrong; each says what users would see."""

from typing import Any

import pytest
from tests.rollout.test_load import loaded
from tests.rollout.world import World, serving

from ekiben.api.status import Status
from ekiben.rollout import capacity
from ekiben.rollout.draft import Draft
from ekiben.rollout.observation import Autoscaler
from ekiben.rollout.plan import DeleteRevision, Scale

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


@pytest.mark.parametrize(
    "rollout",
    [
        {"strategy": "shadow", "shadow": {"percent": 100, "duration": "1h"}},
        {"testers": {"header": "X-Tester", "value": "yes"}, "steps": [{"weight": 0, "duration": "1h"}]},
    ],
)
def test_a_canary_without_requests_leaves_its_pods_to_a_load_that_needs_all_of_them(rollout: dict[str, Any]) -> None:
    one = loaded(8, most=4)
    base = {key: value for key, value in one.spec["rollout"].items() if key != "steps"}
    one.apply(f"{_V}2", rollout={**base, **rollout})
    one.run(8)
    assert one.deployed["v2"].ready > 0
    one.load = 16
    one.run(5)
    assert (one.deployed["v1"].wanted, one.deployed["v2"].wanted) == (4, 0)
    assert one.condition("Progressing") == ("True", "NoRoom")
    assert (one.weights, one.mirror) == ({"v1": 100, "v2": 0}, None)
    one.load = 4
    one.run(20)
    assert one.deployed["v2"].ready > 0
    assert one.condition("Progressing")[1] != "NoRoom"


def test_what_alone_is_ready_does_not_make_room_for_what_wakes_or_is_down() -> None:
    one = serving(rollout={"testers": {"header": "X-Tester", "value": "yes"}, "steps": [{"weight": 0}]})
    one.apply(f"{_V}2")
    one.run(10)
    assert one.status.canary is not None
    assert capacity.give_way(Draft(one.observe(), one.now), one.status.canary) != ()
    one.deployed["v1"].ready = 0
    assert capacity.give_way(Draft(one.observe(), one.now), one.status.canary) == ()


def test_a_recreated_revision_begins_with_no_more_replicas_than_are_allowed_now() -> None:
    one = loaded(20)
    one.measures = False
    one.apply(
        f"{_V}2", rollout={"strategy": "recreate", "bake": "5s"}, scaling={**one.spec["scaling"], "maxReplicas": 3}
    )
    one.run(15)
    assert one.weights == {"v2": 100}
    assert max(replicas for name, replicas in one.ups if name == "v2") == 3


def test_a_fixed_count_waits_until_kedas_own_autoscaler_has_let_go() -> None:
    triggers = {"triggers": [{"type": "cron"}]}
    one = serving(scaling={"minReplicas": 1, "maxReplicas": 5, "keda": triggers})
    bounds, one.deployed["v1"].wanted = one.deployed["v1"].scaled_object, 4
    assert bounds is not None
    one.deployed["v1"].handing_over = (bounds, one.now + 3)
    one.apply(scaling={"replicas": 2})
    one.run(2)
    assert (one.deployed["v1"].wanted, one.deployed["v1"].scaled_object) == (4, None)
    one.deployed["v1"].handing_over = None
    one.run(2)
    assert one.deployed["v1"].wanted == 2


def test_one_revision_gets_no_more_than_the_limit_although_both_together_may() -> None:
    one = loaded(4, most=4)
    one.apply(f"{_V}2", scaling={**one.spec["scaling"], "minReplicas": 3})
    one.run(8)
    one.gateway_answers = False
    assert one.ask("promote", "v2")[0] == "Done"
    one.run(2)
    assert one.weights == {"v1": 0, "v2": 100}
    one.load = 40
    one.run(3)
    assert (one.deployed["v1"].wanted, one.deployed["v2"].wanted) == (2, 4)


def test_in_a_freeze_ekiben_writes_no_replicas_that_a_former_owner_still_has() -> None:
    one = loaded(40)
    one.deployed["v1"].autoscaler = Autoscaler(2, 40)  # cpu was followed until now
    one.deployed["v1"].wanted = one.deployed["v1"].ready = 12
    one.frozen = "sale"
    one.run(5)
    assert one.deployed["v1"].wanted == 12
    one.frozen = ""
    one.run(5)
    assert one.deployed["v1"].autoscaler is None
    assert one.deployed["v1"].wanted == 10


def test_a_first_revision_that_has_its_requests_is_left_by_a_rollout_though_the_status_does_not_tell_of_it() -> None:
    one = World(serving().spec)
    one.reconcile()
    before = one.status
    while one.weights is None:
        before = one.status
        one.tick()
        one.reconcile()
    one.status = before  # the route was written, the status was not
    one.apply(f"{_V}2")
    for _ in range(30):
        one.reconcile()
        assert one.deployed["v1"].wanted > 0, "it has all requests"
        if one.status.rollout is not None and one.status.rollout.revision == "v2":
            break
        one.tick()
    assert one.status.stable is not None
    assert one.status.stable.revision == "v1"


def test_a_way_back_that_is_left_for_a_third_revision_asks_for_one_number_of_replicas() -> None:
    one = serving()
    one.deployed["v1"].wanted = one.deployed["v1"].ready = 5
    base = {key: value for key, value in one.spec["rollout"].items() if key != "steps"}
    one.apply(f"{_V}2", rollout={**base, "strategy": "recreate"})
    for _ in range(60):
        one.reconcile()
        if one.status.rollout is not None and one.status.rollout.state == "Replacing":
            break
        one.tick()
    one.ask("abort", "v2")
    one.deployed["v1"].startable = False
    one.apply(f"{_V}3")
    for _ in range(20):
        one.reconcile()
        assert one.last_plan is not None
        asked = [action.revision for action in one.last_plan.actions if isinstance(action, Scale)]
        assert len(asked) == len(set(asked))
        one.tick()


def test_pods_that_got_their_requests_back_in_a_freeze_are_drained_before_they_go() -> None:
    one = serving()
    base = {key: value for key, value in one.spec["rollout"].items() if key != "steps"}
    one.apply(f"{_V}2", rollout={**base, "strategy": "recreate"})
    one.run(2)
    for _ in range(60):
        one.reconcile()
        if one.status.rollout is not None and one.status.rollout.state == "Replacing":
            break
        one.tick()
    one.frozen = "incident"
    one.deployed["v1"].wanted = one.deployed["v1"].ready = 2  # by hand, as its route
    one.weights = {"v1": 100, "v2": 0}
    one.run(5)
    assert one.weights == {"v1": 100, "v2": 0}, "it may be just what the freeze is for"
    one.frozen = ""
    one.gateway_answers = False
    one.run(5)
    assert one.deployed["v1"].wanted == 2, "the gateway may still send it requests"
    one.gateway_answers = True
    one.run(30)
    assert one.weights == {"v2": 100}
    assert one.deployed["v1"].wanted == 0


def test_a_canary_whose_weight_the_status_does_not_tell_of_does_not_make_room_before_it_is_drained() -> None:
    one = loaded(32, most=8)
    one.apply(f"{_V}2")
    one.run(3)
    assert one.status.canary is not None
    assert one.status.canary.weight == 0
    one.deployed["v2"].wanted = one.deployed["v2"].ready = 1
    one.weights = {"v1": 90, "v2": 10}  # written by a look whose status was lost
    one.gateway_answers, one.acknowledged = False, None
    one.run(5)
    assert one.weights == {"v1": 100, "v2": 0}
    assert one.deployed["v2"].wanted == 1, "the gateway may still send it requests"
    one.gateway_answers = True
    one.run(5)
    assert one.deployed["v2"].wanted == 0


@pytest.mark.parametrize("strategy", ["canary", "recreate"])
def test_a_drain_begins_anew_after_a_freeze_in_which_somebody_gave_the_requests_back(strategy: str) -> None:
    one = World({"model": {"image": "registry.test/iris:v1"}, "rollout": {"strategy": strategy, "bake": "0s"}})
    one.run(10)
    one.apply("registry.test/iris:v2")
    if strategy == "canary":
        one.run(3)
        assert one.ask("promote", "v2")[0] == "Done"
    while one.status.rollout is not None and one.status.rollout.drain_since is None:
        one.reconcile()
        one.tick()
    one.frozen = "an incident"
    one.reconcile()
    one.weights = {"v1": 100, "v2": 0}
    one.run(60)
    one.frozen = ""
    status = one.status
    one.reconcile()
    one.status = status  # the operator dies before it has written it
    one.tick()
    one.run(3)
    assert one.deployed["v1"].wanted == 2, "it was sent requests a moment ago"
    one.run(60)
    assert (one.weights, one.deployed["v1"].wanted) == ({"v2": 100}, 0)


def test_a_canary_whose_weight_0_the_gateway_has_not_taken_over_is_drained_although_the_status_was_lost() -> None:
    one = serving(rollout={"steps": [{"weight": 10, "duration": "1h"}]})
    one.apply("registry.test/iris:v2")
    while (one.weights or {}).get("v2") != 10:
        one.reconcile()
        one.tick(0.1)
    one.reconcile()
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3, last_exit_code=1)
    one.gateway_answers = False
    one.reconcile()
    assert one.weights == {"v1": 100, "v2": 0}
    one.deployed["v2"].created = one.now
    one.status = Status()
    one.run(3)  # no pod goes while the gateway may send it requests
    assert one.deployed["v2"].wanted > 0
    one.gateway_answers = True
    one.run(60)
    assert (one.weights, one.deployed["v2"].wanted) == ({"v1": 100}, 0)
