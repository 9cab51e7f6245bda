"""docs/traffic.md says what the code does: its YAML is read by it, its table is the one that is used."""

import re
from pathlib import Path
from typing import Any

import yaml

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.objects import hostnames, httproute, testers_route, users_route
from ekiben.objects.settings import Settings as Rendering
from ekiben.operator.features import lacking
from ekiben.operator.settings import Settings

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs/traffic.md").read_text()
_BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL)]
_CONTROLLERS = {
    "Contour": "projectcontour.io/gateway-controller",
    "NGINX Gateway Fabric": "gateway.nginx.org/nginx-gateway-controller",
    "Gloo Gateway": "solo.io/gloo-gateway",
    "GKE Gateway": "networking.gke.io/gateway",
    "Traefik": "traefik.io/gateway-controller",
    "Kong": "konghq.com/gateway-operator",
    "Azure Application Gateway for Containers": "alb.networking.azure.io/alb-controller",
    "Airlock Microgateway": "microgateway.airlock.com/gatewayclass-controller",
    "AWS Load Balancer Controller": "gateway.k8s.aws/alb",
    "HAProxy Ingress": "haproxy-ingress.github.io/controller",
    "Envoy Gateway": "gateway.envoyproxy.io/gatewayclass-controller",
    "Istio": "istio.io/gateway-controller",
    "Cilium": "io.cilium/gateway-controller",
    "kgateway": "kgateway.dev/kgateway",
    "Linkerd": "linkerd.io/gateway-controller",
}
_FEATURES = ("Weights", "RequestMirror", "PercentageMirror", "PathRewrite", "RequestTimeout")


def _resources() -> list[dict[str, Any]]:
    return [block["spec"] for block in _BLOCKS if "spec" in block and "kind" not in block]


def test_every_spec_is_one_that_the_operator_reads() -> None:
    assert len(_resources()) >= 4
    for spec in _resources():
        body = {
            "metadata": {"name": "iris", "namespace": "shop", "uid": "u"},
            "spec": {"model": {"image": "x"}, **spec},
        }
        one = ModelDeployment.parse(body)
        preview = hostnames.of_preview(one.spec.rollout)
        assert preview is None or hostnames.refused("shop", preview, Rendering()) == ""


def test_the_hostnames_are_a_setting_and_mean_what_is_said() -> None:
    [values] = [block["hostnames"] for block in _BLOCKS if "hostnames" in block]
    rendering = Rendering(hostnames=Settings(hostnames=values).hostnames)
    allowed = [("shop", "a.shop.example.com"), ("team-a", "models.example.com"), ("admin", "any.where")]
    assert [hostnames.refused(namespace, name, rendering) for namespace, name in allowed] == ["", "", ""]
    assert hostnames.refused("shop", "models.example.com", rendering)
    assert hostnames.refused("other", "shop.example.com", rendering)


def test_the_users_route_is_one_that_can_be_changed() -> None:
    [route] = [block for block in _BLOCKS if block.get("kind") == "HTTPRoute"]
    view = users_route.read(route, "iris", "shop")
    assert (len(view.rules), view.problem, view.unsplittable) == (1, "", "")


def test_the_table_of_classes_is_the_one_that_is_used() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in _PAGE.splitlines() if line.count("|") == 7]
    told = {name: row[1:] for row in rows for name in row[0].split(", ") if name in _CONTROLLERS}
    assert set(told) == set(_CONTROLLERS)
    for name, cells in told.items():
        body = {"metadata": {"name": "any"}, "spec": {"controllerName": _CONTROLLERS[name]}}
        lacks = set(lacking(body))
        said = {feature for feature, cell in zip(_FEATURES, cells, strict=True) if cell.startswith("no")}
        assert said == lacks, name


def test_the_routes_that_come_and_go_have_the_names_that_are_told() -> None:
    assert f"`{httproute.preview_name('iris')}`" in _PAGE
    assert f"`{testers_route.name_of('iris')}`" in _PAGE
