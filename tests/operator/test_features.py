"""What a GatewayClass cannot do, and how that is known."""

import pytest
from tests.operator.traffic_stage import Stage

from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError
from ekiben.operator.features import Classes, lacking

EVERYTHING = [
    "HTTPRoute",
    "HTTPRoutePathRewrite",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestPercentageMirror",
    "HTTPRouteRequestTimeout",
]


def gateway_class(controller="example.com/any", features=None):
    status = {} if features is None else {"supportedFeatures": features}
    return {"metadata": {"name": "any"}, "spec": {"controllerName": controller}, "status": status}


@pytest.mark.parametrize("form", [lambda name: name, lambda name: {"name": name}])
def test_both_forms_of_the_list_are_read(form):
    assert lacking(gateway_class(features=[form(name) for name in EVERYTHING])) == {}
    lacks = lacking(gateway_class(features=[form(name) for name in ("HTTPRoute", "HTTPRouteRequestMirror")]))
    assert set(lacks) == {"PercentageMirror", "PathRewrite", "RequestTimeout"}
    assert lacks["PercentageMirror"] == (
        "GatewayClass any does not list HTTPRouteRequestPercentageMirror in its status.supportedFeatures"
    )


def test_a_class_that_routes_no_http_splits_nothing():
    assert "Weights" in lacking(gateway_class(features=[{"name": "GRPCRoute"}]))


@pytest.mark.parametrize(
    ("controller", "lacks"),
    [
        ("projectcontour.io/gateway-controller", {"PercentageMirror"}),
        ("gateway.nginx.org/nginx-gateway-controller", {"RequestTimeout"}),
        ("traefik.io/gateway-controller", {"RequestMirror", "PercentageMirror", "RequestTimeout"}),
        ("gateway.envoyproxy.io/gatewayclass-controller", set()),
        ("example.com/never-heard-of", set()),
    ],
)
def test_where_nothing_is_published_the_controller_is_known(controller, lacks):
    assert set(lacking(gateway_class(controller))) == lacks
    for why in lacking(gateway_class(controller)).values():
        assert controller in why


def test_what_is_published_goes_before_what_is_known():
    assert lacking(gateway_class("projectcontour.io/gateway-controller", EVERYTHING)) == {}


async def test_the_class_of_the_gateway_is_what_counts():
    stage = Stage()
    stage.server.put(kinds.GATEWAY_CLASS, gateway_class("projectcontour.io/gateway-controller"))
    assert set((await stage.seen()).unsupported) == {"PercentageMirror"}


async def test_of_a_users_route_paths_and_timeouts_are_the_users_affair():
    stage = Stage(traffic={"httpRoute": "mine"})
    stage.users_route()
    stage.server.put(kinds.GATEWAY_CLASS, gateway_class("gateway.k8s.aws/alb"))
    assert set((await stage.seen()).unsupported) == {"RequestMirror", "PercentageMirror"}


async def test_by_the_number_of_pods_no_class_is_asked():
    stage = Stage(traffic={"provider": "replicaRatio"})
    stage.server.put(kinds.GATEWAY_CLASS, gateway_class("gateway.k8s.aws/alb"))
    assert (await stage.seen()).unsupported == {}


async def test_a_class_is_read_once_for_many_and_one_that_may_not_be_read_lacks_nothing():
    asked = []

    class Refusing:
        async def find(self, kind, namespace, name):
            asked.append((kind.kind, namespace, name))
            raise ForbiddenError("ekiben may not get gatewayclasses")

    classes = Classes(Refusing())
    assert [await classes.look("any") for _ in range(3)] == [{}, {}, {}]
    assert asked == [("GatewayClass", None, "any")]
