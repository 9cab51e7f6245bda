"""Sending one request and waiting for what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from ekiben.api.request import REQUEST_ANNOTATION, Request, parse
from ekiben.api.status import RequestStatus
from ekiben.cli.place import Reader, read
from ekiben.cli.seen import Seen
from ekiben.cluster import kinds
from ekiben.cluster.errors import ConflictError

from .choose import Chosen

_POLL = 0.3
_ATTEMPTS = 8
_OTHERS_TURN = 5.0
"""Seconds that another request, not handled yet, is given before ours takes its place."""

Choice = Callable[[Seen], Chosen]
"""Decides on what was read; raises choose.RefusedError."""


class Writer(Reader, Protocol):
    """The part of the API server that sending needs."""

    async def merge(self, kind: kinds.Kind, namespace: str, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        """JSON merge patch; ConflictError where it names another resourceVersion than the object's."""


class Sender:
    """Sends requests about one resource."""

    def __init__(self, api: Writer, namespace: str, name: str, poll: float = _POLL) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self._poll = poll

    async def read(self) -> Seen:
        """Read the resource. Errors: those of place.read."""
        return await read(self._api, self._namespace, self._name)

    async def write(self, choice: Choice, identity: str, patience: float = _OTHERS_TURN) -> Request:
        """Write the annotation on the version that the choice was made on, and return the request.

        A request that is still waiting for the operator gets `patience` seconds before it is replaced.

        Raises:
            choose.RefusedError: the choice says that it makes no sense, perhaps only after a change by others.
            ClusterError: the API server refuses, does not answer, or the resource changes faster than it can be read.
        """
        seen = await self._after_others(patience)
        for attempt in range(1, _ATTEMPTS + 1):
            chosen = choice(seen)
            request = Request(chosen.verb, chosen.revision, identity, chosen.weight)
            try:
                await self._write(seen, request)
                break
            except ConflictError:
                seen = await self.read()
                if seen.metadata.annotations.get(REQUEST_ANNOTATION) == request.text():
                    break  # it went through, only its answer was lost
                if attempt == _ATTEMPTS:
                    raise
        return request

    async def answer(self, request: Request, timeout: float) -> RequestStatus | None:  # noqa: ASYNC109
        """Wait for what came of the request; None when the time has passed without an answer."""
        end = asyncio.get_running_loop().time() + timeout
        while True:
            found = _answer((await self.read()), request.id)
            if found is not None or asyncio.get_running_loop().time() >= end:
                return found
            await asyncio.sleep(self._poll)

    async def _write(self, seen: Seen, request: Request) -> None:
        metadata = {
            "resourceVersion": seen.metadata.resource_version,
            "annotations": {REQUEST_ANNOTATION: request.text()},
        }
        await self._api.merge(kinds.MODEL_DEPLOYMENT, self._namespace, self._name, {"metadata": metadata})

    async def _after_others(self, patience: float) -> Seen:
        end = asyncio.get_running_loop().time() + patience
        while True:
            seen = await self.read()
            if pending(seen) is None or asyncio.get_running_loop().time() >= end:
                return seen
            await asyncio.sleep(self._poll)


def pending(seen: Seen) -> Request | None:
    """Return a request that the operator has not answered yet, or None."""
    try:
        request = parse(seen.metadata.annotations.get(REQUEST_ANNOTATION, ""))
    except ValueError:
        return None
    return None if _answer(seen, request.id) else request


def _answer(seen: Seen, identity: str) -> RequestStatus | None:
    return next((one for one in seen.status.requests if one.id == identity), None)
