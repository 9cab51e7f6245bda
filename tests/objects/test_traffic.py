"""Services, routes and autoscalers."""

import pytest
from tests.objects.resources import resource

from ekiben.api import rollout
from ekiben.objects import autoscaler, deployment, httproute, meta, service
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


def test_copies_go_to_the_shadow_and_only_of_what_callers_ask():
    route = httproute.render(resource(traffic={"path": "/iris"}), SETTINGS, WEIGHTS, mirror=("mnpqrstv", 25))
    private, public = route["spec"]["rules"]
    rewrite, copies = public["filters"]
    assert rewrite["type"] == "URLRewrite"
    assert copies == {
        "type": "RequestMirror",
        "requestMirror": {
            "backendRef": {"group": "", "kind": "Service", "name": "iris-mnpqrstv", "port": 80},
            "percent": 25,
        },
    }
    assert [one["type"] for one in private["filters"]] == ["URLRewrite"]
    assert httproute.mirrored(route) == "mnpqrstv"
    assert httproute.mirrored(httproute.render(resource(), SETTINGS, WEIGHTS)) is None


def test_all_requests_are_copied_without_a_percentage():
    route = httproute.render(resource(), SETTINGS, WEIGHTS, mirror=("mnpqrstv", 100))
    assert "percent" not in route["spec"]["rules"][-1]["filters"][0]["requestMirror"]


def test_testers_reach_the_new_revision_whatever_its_weight():
    testers = rollout.Testers(header="X-Tester", value="yes")
    weights = (("bcdfghjk", 100), ("mnpqrstv", 0))
    route = httproute.render(resource(traffic={"path": "/iris"}), SETTINGS, weights, testers=(testers, "mnpqrstv"))
    _private, public, tested = route["spec"]["rules"]
    plain = httproute.render(resource(traffic={"path": "/iris"}), SETTINGS, weights)
    assert httproute.main_rule(route) == httproute.main_rule(plain), "a rule that moves leads nowhere for a moment"
    assert tested["matches"] == [
        {
            "path": {"type": "PathPrefix", "value": "/iris"},
            "headers": [{"type": "Exact", "name": "X-Tester", "value": "yes"}],
        }
    ]
    assert [(one["name"], one["weight"]) for one in tested["backendRefs"]] == [("iris-mnpqrstv", 100)]
    assert (tested["filters"], tested["timeouts"]) == (public["filters"], public["timeouts"])
    assert httproute.previewed(route) == "mnpqrstv"
    assert httproute.weights(route) == {"bcdfghjk": 100, "mnpqrstv": 0}


def test_a_preview_hostname_leads_to_the_new_revision_and_not_to_what_its_server_tells():
    parents = httproute.parent_refs(resource(), SETTINGS)
    route = httproute.render_preview(resource(), parents, "preview.example.com", "mnpqrstv")
    assert route["metadata"]["name"] == "iris-preview"
    assert route["spec"]["hostnames"] == ["preview.example.com"]
    assert route["spec"]["parentRefs"] == parents
    private, public = route["spec"]["rules"]
    assert private["filters"][0]["urlRewrite"]["path"]["type"] == "ReplaceFullPath"
    assert [one["name"] for one in private["backendRefs"]] == ["iris-mnpqrstv"]
    assert [one["name"] for one in public["backendRefs"]] == ["iris-mnpqrstv"]
    assert httproute.leads_to("iris", route) == "mnpqrstv"


def test_a_route_that_is_being_left_keeps_everything_but_its_weights():
    traffic = {"hostnames": ["iris.example.com"], "path": "/iris"}
    testers = (rollout.Testers(header="X-Tester", value="yes"), "mnpqrstv")
    before = httproute.render(resource(traffic=traffic), SETTINGS, WEIGHTS, ("mnpqrstv", 5), testers)
    after = httproute.reweighted(resource(), before, (("bcdfghjk", 100), ("mnpqrstv", 0)))
    plain = httproute.render(resource(traffic=traffic), SETTINGS, (("bcdfghjk", 100), ("mnpqrstv", 0)))
    assert after == plain


def test_the_service_of_all_selects_what_has_weight():
    one = service.render_shared(resource(), (("bcdfghjk", 100), ("mnpqrstv", 0)))
    assert one["metadata"]["name"] == "iris"
    assert one["spec"] == service.render_stable(resource(), "bcdfghjk")["spec"]
    both = service.render_shared(resource(), WEIGHTS)
    assert both["spec"]["selector"] == {
        "ekiben.dev/modeldeployment": "iris",
        "app.kubernetes.io/managed-by": "ekiben",
    }
    assert service.selected(one) == "bcdfghjk"
    assert service.selected(both) is None
    assert service.weights(one) == {"bcdfghjk": 100, "mnpqrstv": 0}
    assert service.weights(both) == dict(WEIGHTS)


def test_pods_of_a_revision_have_what_the_service_of_all_selects():
    chosen = service.render_shared(resource(), WEIGHTS)["spec"]["selector"]
    template = deployment.render(resource(), "bcdfghjk", 1, {"image": "x:1"}, 1)["spec"]["template"]
    assert chosen.items() <= template["metadata"]["labels"].items()


@pytest.mark.parametrize("note", ["", "bcdfghjk=100", "bcdfghjk=80,mnpqrstv=20", "nonsense", "mnpqrstv=" + "9" * 5000])
def test_a_note_that_does_not_fit_the_selector_is_not_believed(note):
    one = service.render_stable(resource(), "bcdfghjk")
    one["metadata"]["annotations"] = {service.WEIGHTS_ANNOTATION: note}
    assert service.weights(one) == {"bcdfghjk": 100}


def test_a_selector_of_several_without_a_note_says_nothing():
    both = service.render_shared(resource(), WEIGHTS)
    both["metadata"]["annotations"] = {}
    assert service.weights(both) == {}


def test_the_service_notes_the_users_route():
    rendered = service.render_stable(resource(traffic={"httpRoute": "mine"}), "bcdfghjk")
    assert service.route_of(rendered) == "mine"
    assert service.route_of(service.render_stable(resource(), "bcdfghjk")) is None


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
