"""/metrics, /queues, /livez and /readyz of an activator."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from .figures import Figures, page
from .house import House


@dataclass
class State:
    """Whether this activator takes requests."""

    instance: str
    told: bool = False
    """The operator's table was read: the ports are open."""
    leaving: bool = False
    """SIGTERM came."""

    @property
    def ready(self) -> bool:
        """Whether gateways and nodes may send requests."""
        return self.told and not self.leaving


async def serve(state: State, house: House, figures: Figures, address: str, port: int) -> tuple[web.AppRunner, int]:
    """Start the server; returns it, for its cleanup, and the port.

    Raises:
        OSError: the port is taken.
    """

    async def metrics(_request: web.Request) -> web.Response:
        body = figures.exposition(house.queues)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4"})

    async def queues(_request: web.Request) -> web.Response:
        return web.json_response(page(house.queues, instance=state.instance, ready=state.ready))

    async def livez(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_request: web.Request) -> web.Response:
        text = "ready" if state.ready else "leaving" if state.leaving else "waiting for the operator's table"
        return web.Response(text=text, status=200 if state.ready else 503)

    app = web.Application()
    app.add_routes(
        [
            web.get("/metrics", metrics),
            web.get("/queues", queues),
            web.get("/livez", livez),
            web.get("/readyz", readyz),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    return runner, int(runner.addresses[0][1])
