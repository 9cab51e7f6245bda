"""Following one object, against a small API server."""

import asyncio
import contextlib
import json

from aiohttp import web
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from ekiben.cluster import kinds, watch
from ekiben.cluster.api import Cluster

NAME = "ekiben-activator"


def made(version, data=None):
    return {"metadata": {"name": NAME, "resourceVersion": str(version)}, "data": data or {}}


class Server:
    """One ConfigMap; each watch gets what is put into `events`, and ends with None."""

    def __init__(self):
        self.now = made(1)
        self.events = asyncio.Queue()
        self.watches = []

    async def client(self):
        return ApiClient(Configuration(host=self.url))

    async def get(self, _request):
        return web.json_response(self.now, status=200) if self.now else web.json_response({}, status=404)

    async def watch(self, request):
        self.watches.append(dict(request.query))
        response = web.StreamResponse()
        await response.prepare(request)
        while (event := await self.events.get()) is not None:
            await response.write(json.dumps(event).encode() + b"\n")
            if event["type"] == "ERROR":
                break
        return response


@contextlib.asynccontextmanager
async def following(monkeypatch):
    monkeypatch.setattr(watch, "_AGAIN", 0.001)
    server = Server()
    app = web.Application()
    path = "/api/v1/namespaces/own/configmaps"
    app.add_routes([web.get(f"{path}/{NAME}", server.get), web.get(path, server.watch)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    cluster = await Cluster.connect(server)
    stream = watch.follow_one(cluster, kinds.CONFIG_MAP, "own", NAME)
    async with asyncio.timeout(10), contextlib.aclosing(stream):
        yield server, stream
    await cluster.close()
    await runner.cleanup()


async def test_it_tells_what_is_there_and_what_changes(monkeypatch):
    async with following(monkeypatch) as (server, stream):
        assert await anext(stream) == made(1)
        server.events.put_nowait({"type": "BOOKMARK", "object": made(2)})
        server.events.put_nowait({"type": "MODIFIED", "object": made(3, {"a": "1"})})
        assert await anext(stream) == made(3, {"a": "1"})
        server.events.put_nowait({"type": "DELETED", "object": made(4)})
        assert await anext(stream) is None
        assert server.watches[0]["fieldSelector"] == f"metadata.name={NAME}"
        assert server.watches[0]["resourceVersion"] == "1"


async def test_it_goes_on_after_the_end_of_a_watch_and_after_a_version_that_is_too_old(monkeypatch):
    async with following(monkeypatch) as (server, stream):
        await anext(stream)
        server.events.put_nowait(None)
        server.now = made(5)
        assert await anext(stream) == made(5)
        server.events.put_nowait({"type": "ERROR", "object": {"code": 410}})
        server.now = None
        server.events.put_nowait({"type": "ADDED", "object": made(7)})
        assert await anext(stream) is None
        assert await anext(stream) == made(7)


async def test_an_api_server_that_is_away_changes_nothing(monkeypatch):
    async with following(monkeypatch) as (server, stream):
        await anext(stream)
        good, server.url = server.url, "http://127.0.0.1:1"
        server.events.put_nowait({"type": "MODIFIED", "object": made(8)})
        assert await anext(stream) == made(8)
        server.url = good
