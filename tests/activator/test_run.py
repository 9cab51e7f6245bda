"""The process: readiness, the page that the operator reads, and an end that loses nothing."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest
from tests.activator.stage import entry, pod
from tests.activator.test_proxy import POD, echo, post, url
from tests.signals.servers import free_port

from ekiben.activator.figures import Figures
from ekiben.activator.house import House, Limits
from ekiben.activator.run import serve
from ekiben.activator.settings import Settings, SettingsError


class Tables:
    """The operator's table, as a test changes it."""

    def __init__(self):
        self._told = asyncio.Queue()

    def tell(self, *entries):
        self._told.put_nowait({"data": {one.key: one.to_json() for one in entries} | {"odd": "{}"}})

    def gone(self):
        self._told.put_nowait(None)

    async def follow(self):
        while True:
            yield await self._told.get()


@pytest.fixture
async def caller():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


@pytest.fixture
async def running():
    tables, stop, port = Tables(), asyncio.Event(), free_port()
    settings = Settings(address="127.0.0.1", http_port=port, linger=0.3, finish=10)
    task = asyncio.create_task(serve(settings, tables.follow(), stop))
    yield tables, stop, f"http://127.0.0.1:{port}", task
    stop.set()
    await task


async def status(caller, where):
    try:
        async with caller.get(where) as answer:
            return answer.status
    except aiohttp.ClientConnectorError:
        return 0


async def text(caller, where):
    async with caller.get(where) as answer:
        return await answer.text()


async def opens(port):
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    writer.close()
    return True


async def until(caller, where, wanted):
    async with asyncio.timeout(10):
        while await status(caller, where) != wanted:
            await asyncio.sleep(0.01)


async def queues(caller, admin):
    async with caller.get(f"{admin}/queues") as answer:
        return await answer.json()


async def test_it_is_ready_when_the_table_is_read_and_its_ports_are_open(caller, running):
    tables, _, admin, _ = running
    await until(caller, f"{admin}/livez", 200)
    assert await status(caller, f"{admin}/readyz") == 503
    tables.gone()
    known = entry()
    tables.tell(known)
    await until(caller, f"{admin}/readyz", 200)
    page = await queues(caller, admin)
    assert page["models"][known.key]["port"] == known.port
    assert page["ready"]


async def test_the_page_tells_of_a_request_at_once_and_the_series_go_with_the_model(caller, running):
    tables, _, admin, _ = running
    known = entry()
    tables.tell(known)
    await until(caller, f"{admin}/readyz", 200)
    call = asyncio.create_task(post(caller, url(known)))
    async with asyncio.timeout(2):
        while (await queues(caller, admin))["models"][known.key]["waiting"] != 1:
            pass
    assert 'ekiben_activator_waiting{name="iris",namespace="shop"} 1.0' in await text(caller, f"{admin}/metrics")
    tables.tell()
    assert (await call)[0] == 503
    async with asyncio.timeout(10):
        while 'name="iris"' in await text(caller, f"{admin}/metrics"):
            await asyncio.sleep(0.01)


async def test_with_each_pod_that_is_ready_there_may_be_more_callers():
    house, known = House(Figures(), Limits(), "127.0.0.1"), entry()
    await house.follow({known.key: known})
    door = house._rooms[known.key].door
    before = door.most
    await house.follow({known.key: replace(known, pods=tuple(f"10.0.0.{number}" for number in range(1, 21)))})
    assert door.most == before + 19 * known.at_once
    await house.close(0)


async def test_a_table_that_somebody_deleted_changes_nothing(caller, running):
    tables, _, admin, _ = running
    known = entry()
    tables.tell(known)
    await until(caller, f"{admin}/readyz", 200)
    tables.gone()
    async with pod(echo, POD, known.pod_port):
        call = asyncio.create_task(post(caller, url(known)))
        tables.tell(entry(port=known.port, pod_port=known.pod_port, pods=(POD,)))
        assert await call == (200, b"x")


async def test_at_the_end_it_is_unready_first_then_takes_nothing_and_finishes_what_it_holds(caller, running):
    tables, stop, admin, task = running
    known = entry()
    tables.tell(known)
    await until(caller, f"{admin}/readyz", 200)
    early = asyncio.create_task(post(caller, url(known)))
    stop.set()
    await until(caller, f"{admin}/readyz", 503)
    late = asyncio.create_task(post(caller, url(known)))  # a gateway that has not heard of it yet
    async with asyncio.timeout(10):
        while (await queues(caller, admin))["models"][known.key]["waiting"] != 2:
            await asyncio.sleep(0.01)
        while await opens(known.port):
            await asyncio.sleep(0.01)
    async with pod(echo, POD, known.pod_port):
        tables.tell(entry(port=known.port, pod_port=known.pod_port, pods=(POD,)))
        assert await asyncio.gather(early, late) == [(200, b"x"), (200, b"x")]
        await task


def test_a_setting_that_is_none_is_named():
    with pytest.raises(SettingsError, match=r"EKIBEN_ACTIVATOR_LINGAR.*no such setting"):
        Settings.load({"EKIBEN_ACTIVATOR_LINGAR": "5"})
    with pytest.raises(SettingsError, match=r"EKIBEN_ACTIVATOR_LINGER='x' cannot be used"):
        Settings.load({"EKIBEN_ACTIVATOR_LINGER": "x"})
