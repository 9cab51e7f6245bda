"""What is lost in mid-rollout: the status, children, the provider, the version that wrote the state."""

from typing import Any

import pytest
from tests.rollout.test_table import _STATES, state_of
from tests.rollout.world import World, promoted, serving

from ekiben.api.status import Status
from ekiben.rollout.plan import SetWeights

_V = "registry.test/iris:v"


def _recreating(until: str) -> World:
    one = serving()
    base = {key: value for key, value in one.spec["rollout"].items() if key != "steps"}
    one.apply(f"{_V}2", rollout={**base, "strategy": "recreate"})
    for _ in range(60):
        one.reconcile()
        if state_of(one) == until:
            return one
        one.tick()
    raise AssertionError(until)


def test_a_status_lost_in_clearing_does_not_take_what_has_no_pods_for_what_serves() -> None:
    one = _recreating("Clearing")
    one.tick()
    one.status = Status()
    one.reconcile()
    assert one.status.stable is not None
    assert one.status.stable.revision == "v1"
    one.run(60)
    assert one.weights == {"v2": 100}
    assert one.status.history[-1].outcome == "Promoted"


@pytest.mark.parametrize("abort", [False, True])
def test_a_status_lost_while_nothing_serves_ends_with_something_that_does(abort: bool) -> None:
    one = _recreating("Replacing")
    if abort:
        assert one.ask("abort", "v2")[0] == "Done"
        assert state_of(one) == "Restoring"
    one.status = Status()
    one.run(100)
    assert one.weights == {"v2": 100}
    assert (one.deployed["v1"].wanted, one.deployed["v2"].ready) == (0, 2)


_PARTS = [("Stable", "stable"), ("Bake", "stable"), ("Bake", "former"), ("First", "canary")]
_PARTS += [(state, whose) for state in _STATES if state not in dict(_PARTS) for whose in ("stable", "canary")]


@pytest.mark.parametrize(("state", "whose"), _PARTS)
def test_a_deployment_deleted_in_any_state_comes_back_and_the_rollout_ends(state: str, whose: str) -> None:
    one = _STATES[state]()
    part = getattr(one.status, whose)
    one.deployed.pop(part.revision, None)
    for revision in one.deployed.values():
        revision.startable = True
    one.verdict = "NotWorse"
    one.run(250)
    assert one.status.rollout is None
    assert one.status.stable is not None
    assert one.weights == {one.status.stable.revision: 100}
    assert one.deployed[one.status.stable.revision].ready >= 2


def test_a_state_of_a_newer_version_holds_and_can_be_aborted() -> None:
    one = serving()
    one.apply(f"{_V}2")
    one.run(5)
    assert one.status.rollout is not None
    one.status = one.status.model_copy(update={"rollout": one.status.rollout.model_copy(update={"state": "Ramping"})})
    one.run(20)
    assert one.weights == {"v1": 90, "v2": 10}
    assert one.condition("Paused") == ("True", "UnknownState")
    assert one.ask("abort", "v2")[0] == "Done"
    one.run(20)
    assert one.weights == {"v1": 100}


class _WithoutCopies(World):
    """A provider that cannot copy requests."""

    def _route(self, action: Any) -> None:
        super()._route(SetWeights(action.weights) if isinstance(action, SetWeights) else action)


def test_a_shadow_whose_provider_cannot_copy_any_more_says_so() -> None:
    one = serving()
    base = {key: value for key, value in one.spec["rollout"].items() if key != "steps"}
    one.apply(f"{_V}2", rollout={**base, "strategy": "shadow"})
    one.run(8)
    assert state_of(one) == "Shadow"
    one.__class__ = _WithoutCopies
    one.apply(traffic={"provider": "replicaRatio"})
    one.run(15)
    assert one.condition("Progressing") == ("False", "TrafficFeatureUnsupported")
    assert one.condition("TrafficFeatureUnsupported") == ("True", "Unsupported")
    assert one.condition("RolledBack")[0] == "False"
    assert one.deployed["v2"].wanted == 0
    one.__class__ = World
    one.apply(traffic={"provider": "gatewayAPI"})
    one.verdict = "NotWorse"
    one.run(700, step=2)
    assert one.weights == {"v2": 100}


def test_under_replica_ratio_a_third_revision_that_somebody_scales_up_does_not_stay() -> None:
    one = serving(traffic={"provider": "replicaRatio"}, rollout={"steps": [{"weight": 50, "duration": "1h"}]})
    promoted(one, "v2")
    one.apply(f"{_V}3")
    one.run(8)
    assert one.weights == {"v2": 50, "v3": 50}
    # Its ready pods are in the Service's EndpointSlices, so that these never list exactly what has weight.
    one.gateway_answers, one.acknowledged = False, None
    one.deployed["v1"].wanted = one.deployed["v1"].ready = 2
    one.run(3)
    assert one.deployed["v1"].wanted == 0


def test_a_former_revision_that_the_gateway_may_still_name_is_not_ended_with_the_bake() -> None:
    one = serving(rollout={"bake": "10m"})
    promoted(one, "v2")
    # It went back to v1 in a look whose status was lost, and to v2 again, which the gateway has not answered yet.
    one.weights = {"v1": 100, "v2": 0}
    one.run(2)
    assert one.acknowledged is not None
    one.gateway_answers = False
    one.weights, one.acknowledged = {"v2": 100}, ({"v1": 100, "v2": 0}, None, None)
    one.apply(f"{_V}3")
    one.run(3)
    assert one.status.former is None
    assert one.deployed["v1"].wanted > 0
    one.gateway_answers = True
    one.run(5)
    assert one.deployed["v1"].wanted == 0


def test_a_canary_whose_weight_the_status_does_not_tell_of_keeps_its_pods_until_it_is_drained() -> None:
    one = serving(rollout={"steps": [{"weight": 25, "duration": "1h"}]})
    one.apply(f"{_V}2")
    before = one.status
    for _ in range(60):
        before = one.status
        one.reconcile()
        if (one.weights or {}).get("v2", 0):
            break
        one.tick()
    one.tick()
    one.status = before  # the operator died between the two writes
    assert before.rollout is not None
    assert before.rollout.traffic_since is None
    one.apply(f"{_V}3")
    one.gateway_answers = False
    one.reconcile()
    assert one.weights == {"v1": 100, "v2": 0}
    assert one.deployed["v2"].wanted > 0
    one.run(20)
    assert one.deployed["v2"].wanted > 0
    one.gateway_answers = True
    one.run(60)
    assert one.deployed["v2"].wanted == 0


def test_a_canary_whose_deployment_is_deleted_gets_another_in_the_look_that_takes_its_share() -> None:
    one = _STATES["Step"]()
    one.deployed.pop("v3")
    one.reconcile()
    assert one.weights == {"v2": 100, "v3": 0}
    assert "v3" in one.deployed
