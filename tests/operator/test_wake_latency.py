"""From a request's arrival at a real activator to the nudge of the scaling loop: a page is read each second."""

import asyncio
import functools
import time

import aiohttp
from tests.activator.stage import entry
from tests.activator.stage import pod as served
from tests.activator.test_proxy import POD, echo, post, url
from tests.activator.test_run import Tables
from tests.operator.test_activators import OWN, pod
from tests.operator.traffic_stage import NAME, SPACE, STABLE, Stage
from tests.signals.servers import free_port

from ekiben.activator.run import serve
from ekiben.activator.settings import Settings
from ekiben.cluster import kinds
from ekiben.objects.activation import TABLE
from ekiben.operator.activators import seen
from ekiben.operator.activators.activators import Activators
from ekiben.operator.queue import Key, WorkQueue

KEY = Key(SPACE, NAME)


async def test_a_request_that_arrives_is_known_soon_and_answered_when_a_pod_is_there(monkeypatch):
    monkeypatch.setattr(seen, "checked", functools.partial(seen.checked, loopback=True))
    stage = Stage(scaling={"minReplicas": 0})
    stage.revision(STABLE, 0)
    uid = stage.resource.metadata.uid
    known = entry(uid=uid, port=entry().port)
    stage.server.put(kinds.NAMESPACE, {"metadata": {"name": OWN}})
    body = {"metadata": {"namespace": OWN, "name": TABLE}, "data": {known.key: known.to_json()}}
    stage.server.put(kinds.CONFIG_MAP, body)
    stage.server.put(kinds.POD, pod("127.0.0.1"))
    port, stop, tables, nudged = free_port(), asyncio.Event(), Tables(), asyncio.Event()
    settings = Settings(address="127.0.0.1", http_port=port, linger=0, finish=5)
    process = asyncio.create_task(serve(settings, tables.follow(), stop))
    tables.tell(known)
    activators = Activators(stage.cluster, WorkQueue(), OWN, "ekiben-activator", port=port)
    await activators.follow(KEY, uid, sleeps=True)
    asking = asyncio.create_task(activators.run())
    async with aiohttp.ClientSession() as caller, asyncio.timeout(20):
        while not (await activators.read(KEY, 1)).ready:
            await asyncio.sleep(0.05)
        activators.nudge = lambda key: nudged.set() if key == KEY else None
        call, came = asyncio.create_task(post(caller, url(known))), time.monotonic()
        await nudged.wait()
        assert time.monotonic() - came < 5  # a second, on a machine that has nothing else to do
        assert (await activators.read(KEY, 1)).waiting == 1
        async with served(echo, POD, known.pod_port):
            tables.tell(entry(uid=uid, port=known.port, pod_port=known.pod_port, pods=(POD,)))
            assert await call == (200, b"x")
    asking.cancel()
    stop.set()
    await asyncio.gather(process, asking, return_exceptions=True)
    await activators.close()
