"""The process: follow the operator's table, serve, and end without losing what is held."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Literal

from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.connection import Source, own_namespace
from ekiben.cluster.errors import ClusterError
from ekiben.cluster.watch import follow_one
from ekiben.objects.activation import TABLE, entries

from . import admin
from .figures import Figures
from .house import House, Limits
from .settings import Settings, SettingsError

_log = logging.getLogger(__name__)
Tables = AsyncGenerator[Mapping[str, Any] | None, None]


class ActivatorError(Exception):
    """The activator could not start; the message says why, and what to do."""


def start(kubeconfig: str | None, context: str | None, log: Callable[[Literal["json", "text"], str], None]) -> None:
    """Run the activator until SIGTERM or SIGINT; `log` sets up the logs, in this form and from this level on.

    Raises:
        ActivatorError: it could not start.
    """
    try:
        settings = Settings.load(os.environ)
        log(settings.log_format, settings.log_level)
        asyncio.run(_run(settings, Source(kubeconfig, context)))
    except (SettingsError, ClusterError, OSError) as error:
        raise ActivatorError(str(error)) from error


async def _run(settings: Settings, source: Source) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    cluster = await Cluster.connect(source)
    namespace = settings.namespace or (own_namespace() if source.in_cluster else "") or source.namespace()
    try:
        await serve(settings, follow_one(cluster, kinds.CONFIG_MAP, namespace, TABLE), stop)
    finally:
        await cluster.close()


async def serve(settings: Settings, tables: Tables, stop: asyncio.Event) -> None:
    """Serve what the tables say until `stop` is set, and then finish what is held.

    Raises:
        OSError: the port of /metrics is taken.
    """
    figures = Figures()
    state = admin.State(os.environ.get("POD_NAME", ""))
    house = House(
        figures, Limits(settings.max_body, settings.header_seconds, settings.memory), settings.address, state.instance
    )
    server, port = await admin.serve(state, house, figures, settings.address, settings.http_port)
    _log.info("Serving /metrics, /queues, /livez and /readyz on port %d", port)
    following = asyncio.create_task(_follow(tables, house, state), name="table")
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([following, stopped], return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            following.result()
        state.leaving = True
        _log.info("Unready; taking requests for %g s more", settings.linger)
        # Pods that become ready meanwhile still get what is held: the table is followed to the end.
        await asyncio.sleep(settings.linger)
        await house.close(settings.finish)
    finally:
        for task in (following, stopped):
            task.cancel()
        await asyncio.gather(following, stopped, return_exceptions=True)
        await house.close(0)
        await server.cleanup()
    _log.info("Stopped")


async def _follow(tables: Tables, house: House, state: admin.State) -> None:
    async with contextlib.aclosing(tables) as told:
        async for table in told:
            if table is None:
                if not state.told:
                    _log.warning("There is no ConfigMap %s yet: the operator, or the chart, makes it", TABLE)
                # One that somebody deleted says nothing about the models: what is held goes on.
                continue
            await house.follow(entries(table, house.ports))
            state.told = True
