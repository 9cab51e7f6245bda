"""Each model server's pods: where it is asked, what stays inside, and that it may run as restricted."""

import pytest
from tests.objects.resources import resource
from tests.objects.test_pods import pod, violations

from ekiben.api.model import Model, Runtime
from ekiben.objects import httproute
from ekiben.objects.runtime import MODEL_SERVERS, server_of
from ekiben.objects.settings import Settings


def test_every_runtime_is_known():
    assert set(MODEL_SERVERS) == set(Runtime)


@pytest.mark.parametrize("runtime", Runtime)
def test_a_pod_of_any_runtime_is_restricted_and_asked_where_it_answers(runtime):
    template = pod({"runtime": runtime.value})
    assert violations(template) == []
    server = MODEL_SERVERS[runtime]
    container = template["spec"]["containers"][0]
    assert container["ports"][0]["containerPort"] == server.port
    assert "{" not in container["readinessProbe"]["httpGet"]["path"]
    annotations = template["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(server.scraped_port)
    assert annotations["prometheus.io/path"] == server.metrics_path


@pytest.mark.parametrize(
    ("env", "path"), [([], "/v1/models/model"), ([{"name": "MODEL_NAME", "value": "iris"}], "/v1/models/iris")]
)
def test_tensorflow_serving_is_asked_for_its_model(env, path):
    probe = pod({"runtime": "tensorflow-serving", "env": env})["spec"]["containers"][0]["readinessProbe"]
    assert probe["httpGet"]["path"] == path


def test_a_server_of_ones_own_says_where_it_is_asked():
    own = {"port": 9000, "metricsPort": 9001, "metricsPath": "/m", "readyPath": "/up", "user": 4711}
    template = pod({"runtime": "http", "server": own})
    container = template["spec"]["containers"][0]
    assert container["ports"][0]["containerPort"] == 9000
    assert container["startupProbe"]["httpGet"]["path"] == "/up"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert template["spec"]["securityContext"]["runAsUser"] == 4711
    assert template["metadata"]["annotations"]["prometheus.io/port"] == "9001"
    assert violations(template) == []


@pytest.mark.parametrize("runtime", Runtime)
def test_what_the_server_tells_of_itself_is_not_routed_from_outside(runtime):
    model = {"runtime": runtime.value}
    one = resource(model=model)
    private = httproute.render(one, Settings(), [("bcdfghjk", 100)])["spec"]["rules"][0]["matches"]
    hidden = {match["path"]["value"] for match in private}
    metrics = server_of(Model.model_validate({"image": "x:1"} | model)).metrics_path
    assert any(metrics == path or metrics.startswith(f"{path}/") for path in hidden)


def test_a_server_block_belongs_to_runtime_http():
    with pytest.raises(ValueError, match=r"model.server is of runtime http"):
        Model.model_validate({"image": "x:1", "server": {"port": 8000}})
    with pytest.raises(ValueError, match="absolute path"):
        Model.model_validate({"image": "x:1", "runtime": "http", "server": {"readyPath": "/up?x=1"}})
