"""Pods: always within Pod Security "restricted", and with the resources, probes and times that were asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.resources import IMAGE, resource

from ekiben.api.model import Model
from ekiben.api.pods import RESERVED_PREFIXES, PodOverrides
from ekiben.objects import compare, deployment
from ekiben.objects.pod import template

_ALLOWED_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "secret"}
_words = st.text(alphabet="abcdefghij", min_size=1, max_size=8)
_anything = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=8,
)
_security_fields = st.sampled_from(["hostNetwork", "hostPID", "securityContext", "serviceAccountName", "hostPath"])
_objects = st.dictionaries(_words | _security_fields, _anything, max_size=4)
_keys = st.builds("{}{}".format, st.sampled_from(["", *(f"{p}/" for p in RESERVED_PREFIXES)]), _words)
# model_construct: rendering must hold even where validation was gone round.
overrides = st.builds(
    PodOverrides.model_construct,
    node_selector=st.none() | st.dictionaries(_words, _words, max_size=2),
    tolerations=st.none() | st.lists(_objects, max_size=2),
    affinity=st.none() | _objects,
    priority_class_name=st.none() | _words,
    runtime_class_name=st.none() | _words,
    topology_spread_constraints=st.none() | st.lists(_objects, max_size=2),
    labels=st.none() | st.dictionaries(_keys, _words, max_size=3),
    annotations=st.none() | st.dictionaries(_keys, _words, max_size=3),
)
_volume = st.builds(
    lambda name, source: {"name": name, "mountPath": f"/{name}", source: "1"},
    _words,
    st.sampled_from(["persistentVolumeClaim", "configMap", "secret", "emptyDirSize"]),
)


def pod(model):
    """Return the pod template of a model as it stands in YAML."""
    return deployment.render(resource(), "bcdfghjk", 1, {"image": IMAGE} | model, 2)["spec"]["template"]


def violations(template):
    """Return what Pod Security "restricted" refuses about a pod."""
    spec = template["spec"]
    found = [
        key for key in ("hostNetwork", "hostPID", "hostIPC", "serviceAccountName", "initContainers") if key in spec
    ]
    found += [v["name"] for v in spec["volumes"] if not set(v) - {"name"} <= _ALLOWED_VOLUMES]
    found += [key for key in template["metadata"]["annotations"] if "apparmor" in key or "seccomp" in key]
    pod_context = spec["securityContext"]
    if not pod_context["runAsNonRoot"] or pod_context["runAsUser"] == 0:
        found.append("runs as root")
    if pod_context["seccompProfile"] != {"type": "RuntimeDefault"}:
        found.append("seccomp")
    for container in spec["containers"]:
        context = container["securityContext"]
        if context["allowPrivilegeEscalation"] or context["privileged"] or context["capabilities"] != {"drop": ["ALL"]}:
            found.append("privileges")
        if any("hostPort" in port for port in container["ports"]):
            found.append("hostPort")
    return found


@given(overrides, st.data())
def test_pods_are_restricted_whatever_the_resource_says(given_overrides, data):
    wanted = data.draw(st.lists(_volume, max_size=3, unique_by=lambda volume: volume["name"]))
    model = Model.model_validate({"image": IMAGE, "volumes": wanted})
    model = model.model_copy(update={"pod_overrides": given_overrides})
    rendered = template("iris", "bcdfghjk", model, "60s")
    assert violations(rendered) == []
    assert rendered["spec"]["automountServiceAccountToken"] is False
    assert rendered["metadata"]["labels"]["ekiben.dev/revision"] == "bcdfghjk"
    assert rendered == template("iris", "bcdfghjk", model, "60s")
    assert compare.differs(rendered, rendered) == []


def container(model):
    """Return the container of a model as it stands in YAML."""
    return pod(model)["spec"]["containers"][0]


def test_a_three_field_resource_gets_careful_defaults():
    spec = pod({})["spec"]
    only = spec["containers"][0]
    assert only["resources"] == {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}
    assert only["startupProbe"]["periodSeconds"] * only["startupProbe"]["failureThreshold"] == 300
    assert only["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert only["livenessProbe"]["failureThreshold"] == 3 * only["readinessProbe"]["failureThreshold"]
    assert only["securityContext"]["readOnlyRootFilesystem"]
    assert spec["terminationGracePeriodSeconds"] == 75
    assert {"name": "ekiben-tmp", "emptyDir": {}} in spec["volumes"]
    assert spec["topologySpreadConstraints"][0]["whenUnsatisfiable"] == "ScheduleAnyway"


@pytest.mark.parametrize(
    ("written", "requests", "limits"),
    [
        (
            {"requests": {"memory": "4Gi"}},
            {"cpu": "250m", "memory": "4Gi"},
            {"memory": "4Gi"},
        ),
        (
            {"limits": {"memory": "256Mi", "cpu": "100m"}},
            {"cpu": "100m", "memory": "256Mi"},
            {"memory": "256Mi", "cpu": "100m"},
        ),
        (
            {"limits": {"nvidia.com/gpu": 1}},
            {"cpu": "250m", "memory": "512Mi"},
            {"nvidia.com/gpu": "1", "memory": "1Gi"},
        ),
    ],
)
def test_default_resources_fit_what_is_written(written, requests, limits):
    assert container({"resources": written})["resources"] == {"requests": requests, "limits": limits}


def test_the_users_variables_win():
    written = [
        {"name": "HOME", "value": "/data"},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    env = container({"env": written})["env"]
    assert [variable for variable in env if variable["name"] == "HOME"] == [{"name": "HOME", "value": "/data"}]
    assert {"name": "BENTOML_DO_NOT_TRACK", "value": "True"} in env
    assert env[-1]["valueFrom"] == {"secretKeyRef": {"name": "s", "key": "k"}}


def test_a_tmp_of_the_users_own_takes_the_place_of_the_default():
    model = {"volumes": [{"name": "big", "mountPath": "/tmp", "emptyDirSize": "10Gi"}]}
    assert [one["name"] for one in container(model)["volumeMounts"] if one["mountPath"] == "/tmp"] == ["big"]
    assert {"name": "big", "emptyDir": {"sizeLimit": "10Gi"}} in pod(model)["spec"]["volumes"]
    assert not [volume for volume in pod(model)["spec"]["volumes"] if volume["name"] == "ekiben-tmp"]


def test_overrides_reach_the_pod_and_only_where_they_may():
    model = {
        "podOverrides": {
            "nodeSelector": {"gpu": "true"},
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "priorityClassName": "serving",
            "topologySpreadConstraints": [
                {"maxSkew": 2, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
            ],
            "labels": {"team": "flowers"},
            "annotations": {"example.com/cost-centre": "7"},
        }
    }
    template = pod(model)
    assert template["spec"]["nodeSelector"] == {"gpu": "true"}
    assert template["spec"]["priorityClassName"] == "serving"
    spread = template["spec"]["topologySpreadConstraints"]
    assert spread[0]["labelSelector"]["matchLabels"]["ekiben.dev/revision"] == "bcdfghjk"
    assert template["metadata"]["labels"]["team"] == "flowers"
    assert template["metadata"]["annotations"]["example.com/cost-centre"] == "7"


def test_a_deployment_keeps_the_model_as_it_was_written():
    model = {"image": IMAGE, "env": [{"name": "A", "value": "é"}]}
    rendered = deployment.render(resource(), "bcdfghjk", 7, model, 3)
    assert deployment.model_of(rendered) == model
    assert deployment.number_of(rendered) == 7
    assert rendered["spec"]["replicas"] == 3
    assert deployment.model_of({}) == {}
    assert deployment.number_of({"metadata": {"annotations": {"ekiben.dev/revision-number": "x"}}}) == 0
