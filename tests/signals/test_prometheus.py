"""Counters from a real Prometheus server, and what its silence means."""

import asyncio
import contextlib
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from tests.signals.servers import FakePod, Prometheus, prometheus, serving

from ekiben.localcluster import extras
from ekiben.localcluster.progress import Lines
from ekiben.localcluster.settings import cache_folder
from ekiben.signals.counters import MetricsError, PodCounters, Trouble
from ekiben.signals.prometheus import PrometheusSource
from ekiben.signals.prometheus_api import PrometheusApi, Server
from ekiben.signals.source import ScrapeTarget

INTERVAL = 0.25


def target(name: str, namespace: str = "shop", uid: str = "", restarts: int = 0) -> ScrapeTarget:
    return ScrapeTarget(uid or name, name, namespace, "10.0.0.1", 3000, "r1", restarts=restarts)


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory):
    """A Prometheus, and the pods that it scrapes."""
    binary: Path = extras.ensure("prometheus", cache_folder(), Lines())
    pods = {name: FakePod(requests) for name, requests in (("iris-1", 100), ("iris-2", 50), ("idle", 0), ("twice", 70))}
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(pod.serving()) for name, pod in pods.items()}
        addresses = {name: [f"127.0.0.1:{port}"] for name, port in ports.items()}
        # The same pod under two addresses: two instances to the server.
        addresses["twice"].append(f"localhost:{ports['twice']}")
        folder = tmp_path_factory.mktemp("prometheus")
        running = stack.enter_context(prometheus(binary, folder, f"{int(INTERVAL * 1000)}ms", addresses))
        yield running, pods


@pytest.fixture(scope="module")
def server(scraped) -> Prometheus:
    return scraped[0]


@pytest.fixture
async def pods(scraped) -> dict[str, FakePod]:
    """The pods, scraped more than once."""
    found = scraped[1]
    await until(lambda: all(pod.scrapes > 2 for pod in found.values()))
    return found


@pytest.fixture
async def source(server: Prometheus):
    api = PrometheusApi(Server(server.url))
    yield PrometheusSource(api, INTERVAL)
    await api.close()


async def until(condition, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not (result := condition()) or (asyncio.iscoroutine(result) and not await result):
            await asyncio.sleep(0.02)


async def read(source: PrometheusSource, *names: str, restarts: int = 0) -> dict[str, PodCounters | MetricsError]:
    return dict(await source.read([target(name, restarts=restarts) for name in names], 5))


async def settled(source: PrometheusSource, name: str, requests: int, restarts: int = 0) -> PodCounters:
    async with asyncio.timeout(20):
        while True:
            found = (await read(source, name, restarts=restarts))[name]
            if isinstance(found, PodCounters) and found.requests >= requests:
                return found
            await asyncio.sleep(0.05)


async def test_the_counters_of_pods_are_read(source, pods):
    got = await read(source, "iris-1", "iris-2")
    told = PodCounters(100, 0, (100, 0, 0), (0.1, 1.0), in_flight_known=False)
    assert replace(got["iris-1"], at=None) == told
    assert got["iris-2"].requests == 50
    assert 0 <= time.time() - got["iris-1"].at <= 4 * INTERVAL


async def test_a_pod_that_was_asked_nothing_has_counted_nothing(source, pods):
    got = await read(source, "idle")
    assert replace(got["idle"], at=None) == PodCounters()


async def test_a_pod_that_is_not_scraped_is_unknown(source, pods):
    got = (await read(source, "nowhere-1"))["nowhere-1"]
    assert got.trouble is Trouble.UNKNOWN
    assert "is it scraped" in str(got)


async def test_two_scrapers_of_one_pod_do_not_double_it(source, pods):
    await until(lambda: pods["twice"].scrapes > 8)
    assert (await read(source, "twice"))["twice"].requests == 70


async def test_what_a_pod_counts_is_seen_once_also_over_restarts_between_two_readings(source, pods):
    one = pods["iris-1"]
    before = (await read(source, "iris-1"))["iris-1"].requests
    one.requests, one.errors = 130, 10
    now = await settled(source, "iris-1", before + 30)
    assert (now.requests - before, now.errors) == (30, 10)
    # It starts anew and is scraped, and counts beyond what it had before anybody looks again.
    seen = one.scrapes
    one.requests, one.errors = 5, 1
    await until(lambda: one.scrapes > seen + 1)
    one.requests, one.errors = 400, 50
    now = await settled(source, "iris-1", before + 30 + 400, restarts=1)
    assert (now.requests - before, now.errors) == (430, 60)
    again = (await read(source, "iris-1", restarts=1))["iris-1"]
    assert again.requests == now.requests


async def test_a_pod_that_stops_answering_becomes_stale(source, pods):
    assert (await read(source, "iris-2"))["iris-2"].requests
    pods["iris-2"].down = True

    async def stale() -> bool:
        found = (await read(source, "iris-2"))["iris-2"]
        return isinstance(found, MetricsError) and found.trouble is Trouble.STALE

    await until(stale)
    assert isinstance((await read(source, "iris-1"))["iris-1"], PodCounters)


@pytest.mark.parametrize("name", ['iris"} or vector(1) #', "a|b", ".*", "Iris", "a\nb", ""])
async def test_what_is_no_name_reaches_no_query(source, name):
    for hostile in (target(name, uid="x"), target("iris-1", namespace=name, uid="x")):
        got = (await source.read([hostile], 5))["x"]
        assert got.trouble is Trouble.REFUSED


async def test_a_server_that_is_away_is_the_sources_fault(server):
    async def broken(_: web.Request) -> web.Response:
        return web.Response(status=500, text="{}")

    async def nonsense(_: web.Request) -> web.Response:
        return web.Response(text='{"status":"success","data":{"resultType":"vector","result":[]}}')

    async def silent(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    for handler in (broken, nonsense, silent):
        async with serving(handler) as port:
            api = PrometheusApi(Server(f"http://127.0.0.1:{port}"))
            got = (await PrometheusSource(api, INTERVAL).read([target("iris-1")], 0.3))["iris-1"]
            await api.close()
        assert got.trouble is Trouble.SOURCE_DOWN, handler
        assert "Prometheus at http://127.0.0.1" in str(got)


async def test_the_token_is_read_anew_for_each_request(tmp_path):
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(text='{"status":"success","data":{"resultType":"matrix","result":[]}}')

    token = tmp_path / "token"
    async with serving(handler) as port:
        api = PrometheusApi(Server(f"http://127.0.0.1:{port}/below/", token_file=str(token)))
        for text in ("first\n", "second\n"):
            token.write_text(text)
            assert await api.samples('{a="b"}[1ms]', 1.0) == []
        await api.close()
    assert seen == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("url", ["", "prometheus:9090", "file:///etc/passwd", "http://", "http://a/?b=c"])
def test_a_url_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="not the URL"):
        PrometheusApi(Server(url))
