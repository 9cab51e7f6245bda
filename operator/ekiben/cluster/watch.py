"""Following objects: a list, then what changes, again and again for as long as somebody asks."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp

from .api import Cluster
from .connection import authorization, server, tls
from .errors import ClusterError
from .kinds import Kind

Json = dict[str, Any]
_log = logging.getLogger(__name__)
_WATCH_SECONDS = 240
_SILENCE = 300.0
_LONGEST_LINE = 4 * 1024 * 1024
_AGAIN = 1.0


async def follow_one(cluster: Cluster, kind: Kind, namespace: str, name: str) -> AsyncGenerator[Json | None, None]:
    """Yield one object as it is now, and each time that it changes; None while it does not exist.

    Never ends. What the API server cannot be asked for leaves things as they were: nothing is yielded until it can.
    """
    while True:
        try:
            found = await cluster.find(kind, namespace, name)
            yield found
            version = found["metadata"]["resourceVersion"] if found is not None else ""
            async for change in _changes(cluster, kind, namespace, name, version):
                yield change
        except (ClusterError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            _log.warning("Following %s %s/%s: %s", kind.kind, namespace, name, error)
        await asyncio.sleep(_AGAIN * random.uniform(0.5, 1.0))


async def _changes(
    cluster: Cluster, kind: Kind, namespace: str, name: str, version: str
) -> AsyncGenerator[Json | None, None]:
    client = cluster.client
    query = {"watch": "true", "fieldSelector": f"metadata.name={name}", "timeoutSeconds": str(_WATCH_SECONDS)}
    if version:
        query["resourceVersion"] = version
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_SILENCE)
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls(client)),
            headers={"User-Agent": "ekiben", **await authorization(client)},
            timeout=timeout,
            read_bufsize=_LONGEST_LINE,
        ) as session,
        session.get(server(client) + kind.path(namespace), params=query) as response,
    ):
        if response.status != 200:
            raise ClusterError(f"the API server answered {response.status} to a watch", response.status)
        async for line in response.content:
            event = json.loads(line)
            if event["type"] == "ERROR":
                return  # too old a version: read it again
            if event["type"] != "BOOKMARK":
                yield None if event["type"] == "DELETED" else event["object"]
