"""kopf's part: credentials and watches. Each event says only "look at this resource"."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import kopf

from ekiben.cluster import kinds
from ekiben.cluster.connection import Source, authorization, server, tls
from ekiben.objects.names import RESOURCE_LABEL

from .health import WATCH_SECONDS, Health
from .policies import Policies
from .queue import Key, WorkQueue

_log = logging.getLogger(__name__)
_OWNED = (
    kinds.DEPLOYMENT,
    kinds.SERVICE,
    kinds.POD,
    kinds.ENDPOINT_SLICE,
    kinds.AUTOSCALER,
    kinds.DISRUPTION_BUDGET,
    kinds.HTTP_ROUTE,
)
# Children change in bursts (ten pods become ready): one look serves all that comes within this time.
_BURST_SECONDS = 0.05


def configured(settings: kopf.OperatorSettings) -> None:
    """Set kopf's own settings.

    Every one of them answers something that has gone wrong for operators in production: a stream that says nothing
    for ever, a list that does not fit into memory, a role that may not list namespaces.
    """
    settings.posting.enabled = False  # Events are told by the plan, not by log lines
    settings.peering.standalone = True  # a Lease decides who acts
    settings.scanning.disabled = True  # needs no right to watch namespaces and CRDs
    settings.watching.server_timeout = int(WATCH_SECONDS)  # "300.0" is refused by the API server
    settings.watching.client_timeout = WATCH_SECONDS + 20
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = 70  # bookmarks come every 60 s
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    # An API server that is away for an hour does not end the operator by itself; a lost lease does.
    settings.networking.error_backoffs = [0.5, 1, 2, 3, 5, 8, 13, 21, *[30.0] * 120]
    for kind in _OWNED:
        # `labels=` of a handler filters after the download; this filters in the API server.
        settings.watching.label_selectors[kopf_selector(kind)] = RESOURCE_LABEL


def kopf_selector(kind: kinds.Kind) -> tuple[str, str, str]:
    """Return the kind in the form that kopf's decorators and settings take."""
    return (kind.group, kind.version, kind.plural)


def registry(
    queue: WorkQueue, source: Source, health: Health, policies: Policies, on_stop: Callable[[], Awaitable[None]]
) -> Any:
    """Return the handlers: watches that fill the queue, the login, and `on_stop` when the operator ends."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.AiohttpSession:
        client = await source.client()
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls(client), limit=0),
            headers={"User-Agent": "ekiben", **await authorization(client)},
            trace_configs=[_listen(health)],
        )
        return kopf.AiohttpSession(server=server(client), aiohttp_session=session)

    @kopf.on.cleanup(registry=handlers)
    async def stop(**_: Any) -> None:
        await on_stop()

    @kopf.on.event(*kopf_selector(kinds.MODEL_DEPLOYMENT), registry=handlers)
    async def resource(namespace: str | None, name: str | None, **_: Any) -> None:
        queue.add(Key(namespace or "", name or ""))

    @kopf.on.event(*kopf_selector(kinds.ROLLOUT_POLICY), registry=handlers)
    async def policy(namespace: str | None, name: str | None, **_: Any) -> None:
        for key in policies.users(namespace or "", name or ""):
            queue.add(key, _BURST_SECONDS)

    async def child(namespace: str | None, labels: Any, **_: Any) -> None:
        owner = labels.get(RESOURCE_LABEL)
        if owner:
            queue.add(Key(namespace or "", owner), _BURST_SECONDS)

    for kind in _OWNED:
        kopf.on.event(*kopf_selector(kind), id=f"child-{kind.plural}", registry=handlers)(child)
    return handlers


def _listen(health: Health) -> aiohttp.TraceConfig:
    """Note when each watch was last opened: kopf keeps that to itself."""

    async def answered(_session: aiohttp.ClientSession, _context: Any, end: aiohttp.TraceRequestEndParams) -> None:
        if end.url.query.get("watch") == "true" and end.response.status == 200:
            health.watch_heard(end.url.path)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(answered)
    return trace
