"""Sources against servers on loopback that behave and misbehave."""

import asyncio

import pytest
from aiohttp import web
from kubernetes.aio import client
from tests.signals.servers import Handler, serving

from ekiben.signals.counters import MetricsError, PodCounters, Trouble
from ekiben.signals.proxy import ProxySource, proxy_path
from ekiben.signals.scrape import DirectSource, address
from ekiben.signals.source import ScrapeTarget, each

BODY = b"""# TYPE bentoml_service_request_total counter
bentoml_service_request_total{endpoint="/predict",http_response_code="200",runner_name="Iris",service_name="iris"} 7
"""


def target(port: int, uid: str = "a", ip: str = "127.0.0.1", name: str = "iris-1") -> ScrapeTarget:
    return ScrapeTarget(uid, name, "shop", ip, port, "r1")


async def fine(_: web.Request) -> web.Response:
    return web.Response(body=BODY)


async def outcome(handler: Handler, *, max_body: int = 10_000):
    async with serving(handler) as port, DirectSource(loopback=True, max_body=max_body) as source:
        return (await source.read([target(port)], 5))["a"]


async def test_counters_are_read():
    assert await outcome(fine) == PodCounters(requests=7, in_flight_known=False)


async def test_one_connection_is_kept():
    connections = set()

    async def handler(request: web.Request) -> web.Response:
        connections.add(request.transport.get_extra_info("peername"))
        return await fine(request)

    async with serving(handler) as port, DirectSource(loopback=True) as source:
        for _ in range(3):
            await source.read([target(port)], 5)
    assert len(connections) == 1


async def test_a_redirect_is_refused():
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    got = await outcome(handler)
    assert isinstance(got, MetricsError)
    assert got.trouble is Trouble.REFUSED
    assert asked == ["/metrics"]


async def test_an_error_page_is_refused():
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=503, body=BODY)

    assert (await outcome(handler)).trouble is Trouble.REFUSED


async def test_a_huge_body_is_cut_off():
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b"#" * 10_000)
            sent += 10_000
        return response

    assert (await outcome(handler, max_body=100_000)).trouble is Trouble.TOO_LARGE
    assert sent < 50_000_000


async def test_a_compressed_body_is_refused():
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"x", headers={"Content-Encoding": "gzip"})

    assert (await outcome(handler)).trouble is Trouble.REFUSED


async def test_a_slow_pod_hurts_only_itself():
    async def slow(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(slow) as bad, serving(fine) as good, DirectSource(loopback=True) as source:
        got = await source.read([target(bad, "bad"), target(good, "good")], 0.3)
    assert got["bad"].trouble is Trouble.TIMEOUT
    assert got["good"] == PodCounters(requests=7, in_flight_known=False)


async def test_garbage_and_silence_are_typed_errors():
    async def garbage(_: web.Request) -> web.Response:
        return web.Response(body=b"<html>")

    assert (await outcome(garbage)).trouble is Trouble.MALFORMED
    async with serving(fine) as port:
        pass
    async with DirectSource(loopback=True) as source:
        got = await source.read([target(port)], 1)
    assert got["a"].trouble is Trouble.UNREACHABLE


@pytest.mark.parametrize("error", [OverflowError("int too large"), ZeroDivisionError("division by zero")])
async def test_what_cannot_be_counted_hurts_only_its_own_pod(error):
    async def read(one: ScrapeTarget) -> PodCounters:
        if one.uid == "bad":
            raise error
        return PodCounters(requests=7)

    got = await each([target(1, "bad"), target(2, "good")], 1, read)
    assert (got["bad"].trouble, got["good"].requests) == (Trouble.MALFORMED, 7)
    assert str(error) in str(got["bad"])


@pytest.mark.parametrize(
    "ip", ["169.254.169.254", "127.0.0.1", "::1", "0.0.0.0", "224.0.0.1", "fe80::1", "example.com", "1.2.3.4/x", ""]
)
def test_addresses_that_no_pod_has_are_not_asked(ip):
    with pytest.raises(MetricsError) as caught:
        address(target(3000, ip=ip))
    assert caught.value.trouble is Trouble.REFUSED


def test_an_address_is_asked_at_its_metrics():
    assert str(address(target(3000, ip="10.1.2.3"))) == "http://10.1.2.3:3000/metrics"
    assert str(address(target(3000, ip="fd00::7"))) == "http://[fd00::7]:3000/metrics"


async def test_the_api_server_is_asked_with_the_users_credentials():
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((request.path, request.headers.get("Authorization")))
        if "redirected" in request.path:
            raise web.HTTPFound("https://elsewhere.example/")
        return await fine(request)

    async with serving(handler) as port:
        configuration = client.Configuration(host=f"http://127.0.0.1:{port}")
        configuration.api_key["BearerToken"] = "Bearer user-token"
        async with client.ApiClient(configuration) as api:
            source = ProxySource(api)
            got = await source.read([target(3000), target(3000, "b", name="redirected")], 5)
            await source.close()
    assert got["a"] == PodCounters(requests=7, in_flight_known=False)
    assert got["b"].trouble is Trouble.REFUSED
    assert sorted(asked) == [
        ("/api/v1/namespaces/shop/pods/iris-1:3000/proxy/metrics", "Bearer user-token"),
        ("/api/v1/namespaces/shop/pods/redirected:3000/proxy/metrics", "Bearer user-token"),
    ]


@pytest.mark.parametrize("name", ["../secrets", "a/b", "iris?x=1", "Iris", "", "a%2fb"])
def test_what_is_no_name_reaches_no_url(name):
    with pytest.raises(MetricsError) as caught:
        proxy_path(target(3000, name=name))
    assert caught.value.trouble is Trouble.REFUSED
