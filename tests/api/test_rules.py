"""What ekiben's own tools refuse, in the API server's words."""

import pytest
from pydantic import ValidationError
from tests.api.bad_resources import BAD, BAD_NAMES, BAD_POLICIES, NAME_MESSAGE, named, policy, resource

from ekiben.api import quantity
from ekiben.api.base import seconds
from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.policy import RolloutPolicy


def parse(body):
    """Read a resource as the API server would give it."""
    return ModelDeployment.parse(body | {"metadata": body["metadata"] | {"uid": "1"}})


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_refused_with_what_to_write(what):
    spec, message = BAD[what]
    with pytest.raises(ValidationError) as refusal:
        parse(resource(spec))
    assert message in str(refusal.value)


@pytest.mark.parametrize("what", BAD_POLICIES)
def test_what_is_wrong_with_a_policy_is_refused(what):
    rollout, message = BAD_POLICIES[what]
    body = policy(rollout)
    with pytest.raises(ValidationError) as refusal:
        RolloutPolicy.parse(body | {"metadata": body["metadata"] | {"uid": "1"}})
    assert message in str(refusal.value)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_makes_no_service_is_refused(name):
    with pytest.raises(ValidationError, match=NAME_MESSAGE):
        parse(named(name))


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs"):
        parse(resource({"model": {"imagee": "x"}}))


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"scaling": {"replicas": 0}},
        {"scaling": {"minReplicas": 1, "maxReplicas": 1}},
        {"model": {"resources": {"requests": {"cpu": 1}, "limits": {"cpu": "1000m", "nvidia.com/gpu": 2}}}},
        {"model": {"image": "localhost:5000/team/iris@sha256:" + "a" * 64}},
        {"model": {"image": "iris"}},
        {"model": {"probes": {"startupTimeout": "20m"}}, "rollout": {"progressDeadline": "30m"}},
        {"rollout": {"progressDeadline": "60s", "steps": [{"weight": 50}]}},
        {"traffic": {"path": "/models/iris/", "hostnames": ["*.example.com"]}},
        {"model": {"env": [{"name": "EMPTY", "value": ""}]}},
        {"rollout": {"strategy": "blueGreen", "blueGreen": {"hostname": "preview.example.com"}}},
        {"rollout": {"strategy": "shadow", "shadow": {"percent": 10}}},
        {"rollout": {"policyRef": "careful", "blueGreen": {"duration": "5m"}}},
        {"rollout": {"policyRef": "careful"}, "model": {"probes": {"startupTimeout": "20m"}}},
        {"traffic": {"provider": "replicaRatio", "timeout": "5s"}},
        {"traffic": {"httpRoute": "shop"}},
        {"scaling": {"metrics": [{"type": "concurrency", "target": 8}, {"type": "requestRate"}]}},
        {"scaling": {"metrics": [{"type": "latency", "below": "300ms", "quantile": "0.99"}]}},
        {"scaling": {"behavior": {"window": "30s", "scaleDownDelay": "0s"}, "maxReplicas": 4}},
        {"scaling": {"keda": {"triggers": [{"type": "cron", "metadata": {"timezone": "UTC"}}]}}},
        {
            "model": {"image": "iris:1", "runtime": "torchserve"},
            "scaling": {"metrics": [{"type": "requestRate", "target": 9}]},
        },
    ],
)
def test_what_is_right_passes(spec):
    parse(resource(spec))


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("1h30m", 5400), ("500ms", 0.5), ("0s", 0)])
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "90", "1.5h", "-1s", "1s\n"])
def test_no_durations(text):
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("a", "b"), [("1", "1000m"), ("1Gi", "1024Mi"), (2, "2"), ("1e3", "1k"), ("0.5", "500m"), ("1M", "1000k")]
)
def test_quantities_are_compared_by_value(a, b):
    assert quantity.value(a) == quantity.value(b)


@pytest.mark.parametrize("text", ["", "1 Gi", "Gi", "1GB"])
def test_no_quantities(text):
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity.value(text)


@pytest.mark.parametrize(
    ("spec", "writer", "metric"),
    [
        ({}, "HorizontalPodAutoscaler", "cpu"),
        ({"scaling": {"replicas": 3}}, "Fixed", "cpu"),
        ({"scaling": {"metrics": [{"type": "latency", "below": "1s"}]}}, "ekiben", "latency"),
        ({"scaling": {"behavior": {"window": "30s"}}}, "ekiben", "concurrency"),
        ({"scaling": {"keda": {"triggers": [{"type": "cron"}]}}}, "KEDA", "cpu"),
        ({"model": {"image": "iris:1", "resources": {"limits": {"nvidia.com/gpu": 1}}}}, "ekiben", "concurrency"),
        (
            {"model": {"image": "iris:1", "runtime": "torchserve", "resources": {"limits": {"nvidia.com/gpu": 1}}}},
            "HorizontalPodAutoscaler",
            "cpu",
        ),
    ],
)
def test_one_owns_the_replicas(spec, writer, metric):
    read = parse(resource(spec)).spec
    assert (read.writer, read.followed[0].type) == (writer, metric)
