import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.resources import IMAGE, resource

from ekiben.objects import deployment, service
from ekiben.objects.compare import differs

_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(_trees)
def test_nothing_differs_from_itself(tree):
    assert differs(tree, copy.deepcopy(tree)) == []


@given(st.dictionaries(st.text(max_size=5), _trees), st.dictionaries(st.text(min_size=6, max_size=8), _trees))
def test_what_the_server_adds_does_not_count(desired, added):
    assert differs(desired, desired | added) == []


def test_a_live_deployment_with_the_servers_defaults_is_the_same():
    desired = deployment.render(
        resource(), "bcdfghjk", 1, {"image": IMAGE, "resources": {"requests": {"cpu": "1000m"}}}, 2
    )
    live = copy.deepcopy(desired)
    live["metadata"] |= {"uid": "1", "resourceVersion": "5"}
    container = live["spec"]["template"]["spec"]["containers"][0]
    container["resources"]["requests"]["cpu"] = "1"
    container["imagePullPolicy"] = "IfNotPresent"
    container["readinessProbe"]["successThreshold"] = 1
    assert differs(desired, live) == []


@pytest.mark.parametrize(
    ("desired", "live", "paths"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, []),
        ({"a": [{"b": 1}]}, {"a": [{"b": 3}]}, ["a"]),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "B"}, {"name": "A", "value": "1"}]}, []),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "2"}]}, ["env[A].value"]),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "B"}]}, ["env[A]"]),
        ({"ports": [{"port": 80, "protocol": "TCP"}]}, {"ports": [{"port": 80, "protocol": "UDP"}]}, ["ports[80,TCP]"]),
        ({"a": "x"}, {}, ["a"]),
        ({"a": []}, {}, []),
        ({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1024Mi"}}, []),
        ({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1G"}}, ["limits.memory"]),
        ({"labels": {"a": "1000m"}}, {"labels": {"a": "1"}}, ["labels.a"]),
        ({"a": True}, {"a": 1}, ["a"]),
    ],
)
def test_differences_are_named_by_path(desired, live, paths):
    assert differs(desired, live) == paths


def test_a_changed_selector_is_seen():
    desired = service.render_stable(resource(), "bcdfghjk")
    live = service.render_stable(resource(), "mnpqrstv")
    assert differs(desired, live) == ["spec.selector"]


def test_a_selector_with_a_label_more_selects_something_else():
    desired = service.render(resource(), "bcdfghjk")
    live = copy.deepcopy(desired)
    live["spec"]["selector"]["app"] = "else"
    assert differs(desired, live) == ["spec.selector"]
