"""What a way in cannot do is told before anything is changed."""

from typing import Any

import pytest
from tests.rollout.world import serving

_V = "registry.test/iris:v"
_TESTERS = {"header": "X-Tester", "value": "yes"}


@pytest.mark.parametrize(
    "policy",
    [
        {"strategy": "blueGreen"},
        {"strategy": "shadow"},
        {"steps": [{"weight": 10}]},
    ],
)
def test_an_entry_in_a_users_route_that_cannot_be_changed_holds_every_strategy(policy: dict[str, Any]) -> None:
    one = serving()
    one.spec["traffic"] = {"httpRoute": "mine"}
    one.unsupported = {"Weights": "rule 1 of HTTPRoute mine has other backends"}
    one.apply(f"{_V}2", rollout=policy)
    one.run(5)
    assert one.status.rollout is None
    assert one.weights == {"v1": 100}
    assert one.condition("TrafficFeatureUnsupported") == ("True", "Unsupported")


def test_testers_reach_the_canary_in_a_users_route_too() -> None:
    one = serving()
    one.spec["traffic"] = {"httpRoute": "mine"}
    one.apply(f"{_V}2", rollout={"steps": [{"weight": 0}, {"weight": 10}], "testers": _TESTERS})
    one.run(5)
    assert (one.weights, one.preview) == ({"v1": 100, "v2": 0}, "v2")
    assert one.condition("TrafficFeatureUnsupported") == ("False", "Supported")


def test_testers_who_cannot_be_told_apart_are_told_and_the_rollout_goes_on() -> None:
    one = serving()
    one.spec["traffic"] = {"httpRoute": "mine"}
    one.unsupported = {"Testers": "rule 1 of HTTPRoute mine matches the header X-Tester itself"}
    one.apply(f"{_V}2", rollout={"steps": [{"weight": 10}], "testers": _TESTERS})
    one.run(5)
    assert one.status.rollout is not None
    assert one.condition("TrafficFeatureUnsupported") == ("True", "Unsupported")
    told = next(each for each in one.status.conditions if each.type == "TrafficFeatureUnsupported")
    assert "telling testers apart by their header" in told.message
    assert "rule 1 of HTTPRoute mine" in told.message


def test_a_preview_that_no_tester_reaches_by_header_is_told_as_it_is() -> None:
    one = serving()
    one.spec["traffic"] = {"httpRoute": "mine"}
    one.unsupported = {"Testers": "rule 1 of HTTPRoute mine matches the header X-Tester itself"}
    one.apply(f"{_V}2", rollout={"strategy": "blueGreen", "testers": _TESTERS})
    one.run(5)
    ready = next(event.message for event in one.events if event.reason == "PreviewReady")
    assert "the Service iris-v2" in ready


def test_a_new_rollout_ends_the_pods_of_the_former_revision_in_its_bake() -> None:
    one = serving(rollout={"bake": "1h", "steps": [{"weight": 10}]})
    one.verdict = "NotWorse"
    one.apply(f"{_V}2")
    one.reconcile()
    one.ask("promote", "v2")
    one.run(60)
    assert one.deployed["v1"].wanted > 0
    one.apply(f"{_V}3")
    one.run(5)
    assert one.deployed["v1"].wanted == 0
    assert one.status.former is None


@pytest.mark.parametrize(
    ("traffic", "policy", "told"),
    [
        ({}, {"testers": _TESTERS}, "the header X-Tester"),
        ({}, {"testers": _TESTERS, "blueGreen": {"hostname": "p.example.com"}}, "the host p.example.com"),
        ({"httpRoute": "mine"}, {"testers": _TESTERS}, "the header X-Tester"),
        ({"httpRoute": "mine"}, {"blueGreen": {"hostname": "p.example.com"}}, "the host p.example.com"),
        ({"provider": "replicaRatio"}, {"testers": _TESTERS}, "the Service iris-v2"),
        ({"provider": "replicaRatio"}, {"blueGreen": {"hostname": "p.example.com"}}, "the Service iris-v2"),
    ],
)
def test_where_a_preview_is_reached_is_told_as_it_is(
    traffic: dict[str, Any], policy: dict[str, Any], told: str
) -> None:
    one = serving()
    one.spec["traffic"] = traffic
    one.apply(f"{_V}2", rollout={"strategy": "blueGreen", **policy})
    one.run(5)
    ready = next(event.message for event in one.events if event.reason == "PreviewReady")
    assert told in ready
