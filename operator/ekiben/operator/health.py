"""/metrics, /livez and /readyz."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from .metrics import Metrics
from .queue import WorkQueue

Clock = Callable[[], float]

# A watch is opened again every WATCH_SECONDS at the latest (see handlers.py), so that silence means it is gone.
WATCH_SECONDS = 300.0
_WATCH_SILENCE = 3 * WATCH_SECONDS
_QUEUE_STUCK = 300.0


@dataclass
class Health:
    """What is known about the process's own state."""

    queue: WorkQueue
    metrics: Metrics
    clock: Clock = time.monotonic
    leading: bool = False
    ready: bool = False
    """The settings are good and the API server has answered."""
    watches: dict[str, float] = field(default_factory=dict)
    """Path of a watched collection -> when its stream was last opened or answered."""

    def watch_heard(self, path: str) -> None:
        """The stream of a collection was opened, or ended in order."""
        self.watches[path] = self.clock()

    def problems(self) -> list[str]:
        """Return what a restart may cure; empty while all is well."""
        found = []
        for path, heard in self.watches.items():
            silent = self.clock() - heard
            if silent > _WATCH_SILENCE:
                found.append(f"the watch of {path} has been silent for {silent:.0f} s")
        if self.queue.oldest > _QUEUE_STUCK:
            found.append(f"a resource has waited for a worker for {self.queue.oldest:.0f} s")
        return found


async def serve(health: Health, address: str, port: int) -> tuple[web.AppRunner, int]:
    """Start the server; returns it, for its cleanup, and the port.

    Raises:
        OSError: the port is taken.
    """

    async def metrics(_request: web.Request) -> web.Response:
        health.metrics.queue_depth.set(health.queue.depth)
        health.metrics.queue_oldest.set(health.queue.oldest)
        health.metrics.leader.set(1 if health.leading else 0)
        return web.Response(body=health.metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def livez(_request: web.Request) -> web.Response:
        problems = health.problems()
        return web.Response(text="\n".join(problems) or "ok", status=503 if problems else 200)

    async def readyz(_request: web.Request) -> web.Response:
        text = ("leading" if health.leading else "waiting for the lease") if health.ready else "starting"
        return web.Response(text=text, status=200 if health.ready else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/livez", livez), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, address, port)
    await site.start()
    bound = runner.addresses[0][1]
    return runner, int(bound)
