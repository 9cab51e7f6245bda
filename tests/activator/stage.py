"""A model for the activator's tests: pods are servers on loopback, each on an address of its own."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from ekiben.activator.figures import Figures
from ekiben.activator.house import House, Limits
from ekiben.objects.activation import FIRST_PORT, LAST_PORT, Entry

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_ports = itertools.cycle(range(FIRST_PORT, LAST_PORT + 1))


def free_port() -> int:
    """Return a port of the activators' that is free on all loopback addresses."""
    for port in _ports:
        with socket.socket() as tried:
            try:
                tried.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def entry(**fields) -> Entry:
    """Return an entry of the table."""
    given = {"namespace": "shop", "name": "iris", "uid": "u1", "port": free_port(), "pod_port": free_port()}
    return Entry(**(given | fields))


@asynccontextmanager
async def pod(handler: Handler, address: str, port: int):
    """A pod that is up within the block."""
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def house(*entries: Entry, limits: Limits | None = None):
    """An activator that serves these models within the block."""
    made = House(Figures(), limits or Limits(), "127.0.0.1")
    await made.follow({one.key: one for one in entries})
    try:
        yield made
    finally:
        await made.close(0.2)


async def has(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def tell(made: House, known: Entry, **fields) -> Entry:
    """Tell an activator something new about a model."""
    changed = replace(known, **fields)
    await made.follow({changed.key: changed})
    return changed
