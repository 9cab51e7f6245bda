"""Services, routes and autoscalers."""

import pytest
from tests.objects.resources import resource

from ekiben.objects import autoscaler, httproute, meta, service
from ekiben.objects.problems import problems
from ekiben.objects.settings import Settings

SETTINGS = Settings()
WEIGHTS = (("bcdfghjk", 80), ("mnpqrstv", 20))


def test_a_services_selector_is_one_revisions_pods():
    rendered = service.render(resource(), "bcdfghjk")
    assert rendered["metadata"]["name"] == "iris-bcdfghjk"
    assert rendered["spec"]["selector"] == {"ekiben.dev/modeldeployment": "iris", "ekiben.dev/revision": "bcdfghjk"}
    stable = service.render_stable(resource(), "bcdfghjk")
    assert stable["metadata"]["name"] == "iris"
    assert stable["spec"] == rendered["spec"]
    assert "ekiben.dev/revision" not in stable["metadata"]["labels"]


def test_the_default_route_is_in_the_settings_gateway():
    spec = httproute.render(resource(), SETTINGS, WEIGHTS)["spec"]
    assert spec["hostnames"] == ["iris.shop.ekiben.localhost"]
    assert spec["parentRefs"] == [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "ekiben", "namespace": "ekiben-gateway"}
    ]
    assert [(b["name"], b["weight"]) for b in spec["rules"][-1]["backendRefs"]] == [
        ("iris-bcdfghjk", 80),
        ("iris-mnpqrstv", 20),
    ]
    assert spec["rules"][-1]["timeouts"] == {"request": "60s"}
    assert spec["rules"][-1]["filters"] == []


@pytest.mark.parametrize(("path", "prefix"), [("/", ""), ("/models/iris", "/models/iris"), ("/iris/", "/iris")])
def test_what_the_server_tells_is_not_routed(path, prefix):
    private, public = httproute.render(resource(traffic={"path": path}), SETTINGS, WEIGHTS)["spec"]["rules"]
    values = [match["path"]["value"] for match in private["matches"]]
    assert values == [f"{prefix}/metrics", f"{prefix}/livez", f"{prefix}/readyz", f"{prefix}/healthz"]
    assert private["filters"][0]["urlRewrite"]["path"]["type"] == "ReplaceFullPath"
    assert private["backendRefs"] == public["backendRefs"]
    assert public["matches"] == [{"path": {"type": "PathPrefix", "value": prefix or "/"}}]
    assert bool(public["filters"]) == bool(prefix)


def test_the_users_gateways_and_hostnames_are_used():
    traffic = {
        "parentRefs": [{"name": "own", "sectionName": "https"}, {"name": "shared", "namespace": "infra"}],
        "hostnames": ["iris.example.com"],
        "timeout": "2m",
    }
    spec = httproute.render(resource(traffic=traffic), SETTINGS, WEIGHTS)["spec"]
    assert [(ref["name"], ref["namespace"], ref.get("sectionName")) for ref in spec["parentRefs"]] == [
        ("own", "shop", "https"),
        ("shared", "infra", None),
    ]
    assert spec["hostnames"] == ["iris.example.com"]
    assert spec["rules"][0]["timeouts"] == {"request": "2m"}


def test_weights_are_read_back():
    route = httproute.render(resource(), SETTINGS, (("bcdfghjk", 100), ("mnpqrstv", 0)))
    assert httproute.weights(route) == {"bcdfghjk": 100, "mnpqrstv": 0}
    route["spec"]["rules"][-1]["backendRefs"].append({"name": "somebody-elses", "weight": 3})
    assert httproute.weights(route) == {"bcdfghjk": 100, "mnpqrstv": 0}
    assert httproute.weights({}) == {}


def test_an_autoscaler_follows_the_metrics_of_the_resource():
    rendered = autoscaler.render(resource(scaling={"metrics": [{"type": "memory", "target": 70}]}), "bcdfghjk", 2, 10)
    assert rendered["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "iris-bcdfghjk",
    }
    assert rendered["spec"]["metrics"] == [
        {
            "type": "Resource",
            "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 70}},
        }
    ]
    assert rendered["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300


def test_everything_is_owned_by_the_resource():
    for rendered in (
        service.render(resource(), "bcdfghjk"),
        httproute.render(resource(), SETTINGS, WEIGHTS),
        autoscaler.render(resource(), "bcdfghjk", 2, 10),
    ):
        assert meta.is_owned(rendered, resource())
        assert rendered["metadata"]["namespace"] == "shop"
        assert rendered["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "ekiben"


def test_what_somebody_else_made_is_not_taken_over():
    theirs = {"kind": "Service", "metadata": {"name": "iris"}}
    assert "a Service named iris exists in shop" in meta.foreign(theirs, resource())
    assert meta.foreign(service.render_stable(resource(), "bcdfghjk"), resource()) is None


def test_a_domain_that_makes_no_hostname_is_told():
    assert problems(resource(), SETTINGS) == []
    assert "is no valid hostname" in problems(resource(), Settings(domain="no domain"))[0]
    assert problems(resource(traffic={"hostnames": ["iris.example.com"]}), Settings(domain="no domain")) == []
