"""What a gateway's proxies call the upstreams, and where they are looked for."""

import pytest

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError
from ekiben.operator.routing import ProxyFinder, gateways, routing
from ekiben.operator.settings import Settings
from ekiben.operator.world import World
from ekiben.signals.counters import MetricsError, Trouble
from ekiben.signals.gateway import Proxy

CANARY, STABLE = "bbbbbbbb", "22222222"
RULE = "httproute/{namespace}/{route}/rule/{rule}"


def world(route=None, users=None) -> World:
    raw = {"metadata": {"name": "iris", "namespace": "shop", "uid": "u"}, "spec": {"model": {"image": "x:2"}}}
    return World(raw=raw, resource=ModelDeployment.parse(raw), route=route, users_route=users)


def route(*rules, name="iris", parents=({"name": "ekiben", "namespace": "gw"},)):
    backends = [{"backendRefs": [{"name": one, "weight": 50} for one in rule]} for rule in rules]
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"parentRefs": list(parents), "rules": backends}}


def test_only_the_rule_with_the_weights_is_evidence():
    names = (f"iris-{STABLE}", f"iris-{CANARY}")
    made = route(names, names, (f"iris-{CANARY}",))
    made["spec"]["rules"][2]["matches"] = [{"headers": [{"name": "X-Tester", "value": "yes"}]}]
    seen = routing(world(made), (CANARY, STABLE), RULE)
    assert seen.clusters == ("httproute/shop/iris/rule/1",)
    assert seen.gateway == "gw/ekiben"


def test_in_a_route_of_the_users_each_rule_with_the_model_is():
    names = (f"iris-{STABLE}", f"iris-{CANARY}")
    users = route(("other",), names, ("other",), names, name="front")
    seen = routing(world(users=users), (CANARY, STABLE), RULE)
    assert seen.clusters == ("httproute/shop/front/rule/1", "httproute/shop/front/rule/3")


def test_a_gateway_may_name_upstreams_by_service():
    seen = routing(world(route(("x",))), (CANARY, STABLE), "{namespace}/{service}/{port}")
    assert seen.services == {CANARY: f"shop/iris-{CANARY}/80", STABLE: f"shop/iris-{STABLE}/80"}


def test_without_a_route_there_is_nothing_to_ask_for():
    assert routing(world(), (CANARY, STABLE), RULE).clusters == ()
    assert gateways(world()) == ()


def test_a_parent_without_namespace_is_of_the_resources():
    assert gateways(world(route(("x",), parents=({"name": "a"}, {"name": "b", "namespace": "c"})))) == (
        ("shop", "a"),
        ("c", "b"),
    )


class Cluster:
    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    async def list(self, kind, namespace, selector):
        self.asked.append((kind, namespace, selector))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def pod(name, phase="Running", ip="10.0.0.1"):
    return {"metadata": {"name": name, "uid": name}, "spec": {}, "status": {"phase": phase, "podIP": ip}}


async def test_running_proxies_are_found_by_the_gateways_labels_and_not_asked_for_each_second():
    cluster = Cluster([pod("a"), pod("b", phase="Failed"), pod("c", ip="")])
    finder = ProxyFinder(cluster, Settings(gateway_proxy_namespace="envoy-gateway-system"))
    for _ in range(3):
        assert await finder.find([("gw", "ekiben")]) == (Proxy("a", "a", "10.0.0.1"),)
    labels = "gateway.envoyproxy.io/owning-gateway"
    assert cluster.asked == [(kinds.POD, "envoy-gateway-system", f"{labels}-name=ekiben,{labels}-namespace=gw")]


async def test_proxies_that_cannot_be_listed_are_the_sources_fault():
    finder = ProxyFinder(Cluster(ForbiddenError("pods are forbidden", 403)), Settings(gateway_proxy_namespace="x"))
    with pytest.raises(MetricsError, match="forbidden") as caught:
        await finder.find([("gw", "ekiben")])
    assert caught.value.trouble is Trouble.SOURCE_DOWN
