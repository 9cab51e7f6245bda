"""A gateway's own counters, from real Envoys: by endpoint, by revision, summed over proxies that come and go."""

import asyncio
import contextlib
from dataclasses import dataclass

import pytest
from aiohttp import web
from tests.signals.envoys import Envoy, envoy
from tests.signals.servers import serving

from ekiben.api.model import Runtime
from ekiben.signals import envoy as names
from ekiben.signals.counters import MetricsError, PodCounters, Trouble
from ekiben.signals.gateway import GatewaySource, Proxy, Routing
from ekiben.signals.source import ScrapeTarget

RULE = "httproute/shop/iris/rule/1"
PRIVATE = "httproute/shop/iris/rule/0"


@dataclass
class Model:
    """A pod that answers as the path says: /500 fails, /429 is busy, /slow takes longer than the gateway waits."""

    port: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/slow":
            await asyncio.sleep(30)
        return web.Response(status=int(request.path[1:]) if request.path[1:].isdigit() else 200)


@pytest.fixture
async def pods():
    made = {"stable-0": Model(), "stable-1": Model(), "canary-0": Model()}
    async with contextlib.AsyncExitStack() as stack:
        for pod in made.values():
            pod.port = await stack.enter_async_context(serving(pod.answer))
        yield made


def targets(pods: dict[str, Model]) -> list[ScrapeTarget]:
    return [
        ScrapeTarget(name, name, "shop", "127.0.0.1", 9, name.split("-")[0], serving_port=pod.port)
        for name, pod in pods.items()
    ]


def source(port: int, proxies: list[str], routing: Routing | None = None) -> GatewaySource:
    async def found() -> list[Proxy]:
        return [Proxy(uid, uid, "127.0.0.1") for uid in proxies]

    route = routing or Routing("gateway/ekiben", rules=(RULE,))
    return GatewaySource(found, lambda: route, port, loopback=True)


async def ask(running: Envoy, *paths: str) -> list[int]:
    return [await asyncio.to_thread(running.ask, path) for path in paths]


def ports(pods: dict[str, Model], revision: str) -> list[int]:
    return [pod.port for name, pod in pods.items() if name.startswith(revision)]


@pytest.fixture
def merged(pods, tmp_path):
    """As Envoy Gateway does it: all backends of a rule in one cluster."""
    everyone = [pod.port for pod in pods.values()]
    clusters = {RULE: everyone, PRIVATE: everyone, f"{RULE}-mirror-0": everyone, "httproute/shop/iris/rule/10": [9]}
    with envoy(tmp_path, clusters, {RULE: 100}) as running:
        yield running


@pytest.fixture
def apart(pods, tmp_path):
    """A cluster for each backend."""
    clusters = {
        f"{RULE}/backend/0": ports(pods, "stable"),
        f"{RULE}/backend/1": ports(pods, "canary"),
        PRIVATE: ports(pods, "stable"),
    }
    with envoy(tmp_path, clusters, {f"{RULE}/backend/0": 50, f"{RULE}/backend/1": 50}) as running:
        yield running


async def test_by_endpoint_what_each_pod_answered_is_known(pods, merged):
    gateway = source(merged.admin, ["p1"])
    before = await gateway.read(targets(pods), 5)
    assert before == dict.fromkeys(pods, PodCounters())
    codes = await ask(merged, *["/"] * 6, *["/500"] * 3, *["/404"] * 3, *["/429"] * 3, "/slow", "/metrics")
    assert codes == [200] * 6 + [500] * 3 + [404] * 3 + [429] * 3 + [504, 200]
    got = await gateway.read(targets(pods), 5)
    await gateway.close()
    # Round robin; the requests of the private rule are not evidence. Endpoints know 5xx alone, the gateway's own 504
    # among them.
    assert sum(one.requests for one in got.values()) == 16
    assert sum(one.errors for one in got.values()) == 4
    assert all(one.requests >= 5 for one in got.values())
    assert not gateway.pooled
    assert not gateway.histograms(Runtime.BENTOML)


async def test_by_revision_statuses_and_latencies_are_known_too(pods, apart):
    gateway = source(apart.admin, ["p1"])
    await gateway.read(targets(pods), 5)
    codes = await ask(apart, *["/"] * 30, *["/500"] * 10, *["/404"] * 10, *["/429"] * 10)
    async with asyncio.timeout(10):
        while True:
            got = await gateway.read(targets(pods), 5)
            total = got["canary-0"].requests + got["stable-0"].requests
            if total == 60 and sum(sum(one.hist) for one in got.values()) > 0:
                break
    await gateway.close()
    assert sorted(got) == ["canary-0", "stable-0"]
    assert sum(one.errors for one in got.values()) == codes.count(500) + codes.count(429) == 20
    assert sum(one.rejected for one in got.values()) == 10
    assert got["stable-0"].bounds[:3] == (0.0005, 0.001, 0.005)
    assert gateway.pooled
    assert gateway.histograms(Runtime.BENTOML)


async def test_where_each_service_has_a_cluster_that_is_its_revisions(pods, tmp_path):
    clusters = {"shop/iris-s/80": ports(pods, "stable"), "shop/iris-c/80": ports(pods, "canary"), PRIVATE: [9]}
    routing = Routing("gateway/ekiben", services={"stable": "shop/iris-s/80", "canary": "shop/iris-c/80"})
    with envoy(tmp_path, clusters, {"shop/iris-s/80": 50, "shop/iris-c/80": 50}) as running:
        gateway = source(running.admin, ["p1"], routing)
        await gateway.read(targets(pods), 5)
        await ask(running, *["/"] * 20)
        got = await gateway.read(targets(pods), 5)
        await gateway.close()
    assert got["stable-0"].requests + got["canary-0"].requests == 20
    assert min(one.requests for one in got.values()) > 0


async def test_a_proxy_that_goes_takes_nothing_away_and_one_that_comes_adds_only_what_is_new(pods, merged):
    proxies = ["p1"]
    gateway = source(merged.admin, proxies)
    await ask(merged, *["/"] * 9)

    async def total() -> int:
        return sum(one.requests for one in (await gateway.read(targets(pods), 5)).values())

    assert await total() == 9
    proxies.append("p2")  # the same Envoy under a second name: what it had counted by then is only a reference
    assert await total() == 9
    await ask(merged, *["/"] * 3)
    assert await total() == 9 + 3 + 3
    proxies.remove("p1")
    assert await total() == 15
    await ask(merged, *["/"] * 3)
    assert await total() == 18
    proxies.clear()
    got = await gateway.read(targets(pods), 5)
    await gateway.close()
    assert {one.trouble for one in got.values()} == {Trouble.SOURCE_DOWN}
    assert "no proxy of the Gateway gateway/ekiben" in str(got["canary-0"])


async def test_a_route_that_the_gateway_does_not_know_is_not_routed(pods, merged):
    gateway = source(merged.admin, ["p1"], Routing("gateway/ekiben", rules=("httproute/shop/other/rule/1",)))
    got = await gateway.read(targets(pods), 5)
    await gateway.close()
    assert {one.trouble for one in got.values()} == {Trouble.NOT_ROUTED}


async def test_a_pod_that_is_no_upstream_is_unknown(pods, merged):
    pods["canary-1"] = Model(port=1)
    gateway = source(merged.admin, ["p1"])
    got = await gateway.read(targets(pods), 5)
    await gateway.close()
    assert got["canary-1"].trouble is Trouble.UNKNOWN
    assert isinstance(got["canary-0"], PodCounters)


async def test_proxies_that_do_not_count_by_endpoint_are_said(pods):
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=f'envoy_cluster_upstream_rq_active{{envoy_cluster_name="{RULE}"}} 0\n')

    async with serving(handler) as port:
        gateway = source(port, ["p1"])
        got = await gateway.read(targets(pods), 5)
        await gateway.close()
    assert got["canary-0"].trouble is Trouble.NOT_ROUTED
    assert "enablePerEndpointStats" in str(got["canary-0"])


async def test_a_proxy_that_is_silent_hurts_nobody_while_another_answers(pods, merged):
    async def found() -> list[Proxy]:
        return [Proxy("p1", "p1", "127.0.0.1"), Proxy("p2", "p2", "169.254.169.254")]

    gateway = GatewaySource(found, lambda: Routing("g", rules=(RULE,)), merged.admin, loopback=True)
    got = await gateway.read(targets(pods), 5)
    assert all(isinstance(one, PodCounters) for one in got.values())

    async def nobody() -> list[Proxy]:
        raise MetricsError(Trouble.SOURCE_DOWN, "pods of envoy-gateway-system may not be listed")

    gateway._find = nobody
    got = await gateway.read(targets(pods), 5)
    await gateway.close()
    assert {str(one) for one in got.values()} == {"pods of envoy-gateway-system may not be listed"}


def test_the_filter_names_clusters_literally():
    pattern = names.stat_filter(("httproute/shop/iris.v2/rule/1", "a|b"))
    assert r"iris\.v2" in pattern
    assert r"a\|b" in pattern
