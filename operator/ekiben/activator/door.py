"""A listening port: connections within bounds, each for one request, and an end that loses none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_HEADER_BYTES = 16 * 1024
_HEADERS = 128
_BUFFER = 16 * 1024
_BACKLOG = 1024


@dataclass(frozen=True)
class Waiting:
    """What a connection takes until it has sent a request."""

    take: Callable[[], bool]
    """Returns whether there is place for one more."""
    give: Callable[[], None]


class Door:
    """One port of one model."""

    def __init__(self, handler: Handler, most: int, header_seconds: float, waiting: Waiting) -> None:
        """Prepare.

        Args:
            handler: what answers.
            most: connections at once; more are closed at once.
            header_seconds: time for a connection to send its request's header; it is closed after that.
            waiting: the place of connections that have sent no request yet; where there is none they are closed.
        """
        self._waiting = waiting
        self._handler = handler
        self.most = most
        self._header_seconds = header_seconds
        self._expected: dict[object, asyncio.TimerHandle] = {}
        """Connections that have sent no request yet."""
        self._listener: asyncio.Server | None = None
        self._server = _Server(
            self._forget,
            self._handle,
            handler_cancellation=True,
            access_log=None,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            max_headers=_HEADERS,
            read_bufsize=_BUFFER,
            auto_decompress=False,
            lingering_time=1.0,
        )

    @property
    def port(self) -> int:
        """The port; 0 before it is open."""
        return int(self._listener.sockets[0].getsockname()[1]) if self._listener is not None else 0

    async def open(self, address: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._connection, address, port, backlog=_BACKLOG)

    def shut(self) -> None:
        """Take no new connection; those that are there go on."""
        if self._listener is not None:
            self._listener.close()

    async def close(self, seconds: float) -> None:
        """Shut, give the requests so many seconds to end, and close their connections."""
        self.shut()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._server.connections:  # noqa: ASYNC110 - aiohttp tells of no end
                    await asyncio.sleep(0.05)
        await self._server.shutdown(0.05)
        for made in list(self._expected):
            self._forget(made)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._forget(request.protocol)
        return await self._handler(request)

    def _connection(self) -> asyncio.Protocol:
        if len(self._server.connections) >= self.most or not self._waiting.take():
            return _Refusal()
        made: RequestHandler = self._server()
        self._expected[made] = asyncio.get_running_loop().call_later(self._header_seconds, self._expire, made)
        return made

    def _expire(self, made: RequestHandler) -> None:
        if self._forget(made):
            made.force_close()

    def _forget(self, made: object) -> bool:
        """The connection sends a request, or none any more; returns whether that was news."""
        timer = self._expected.pop(made, None)
        if timer is None:
            return False
        timer.cancel()
        self._waiting.give()
        return True


class _Server(web.Server):
    """Tells of each connection that ends, and keeps little of an answer that its caller is slow to read."""

    def __init__(self, lost: Callable[[object], object], handler: Handler, **options: Any) -> None:
        super().__init__(handler, **options)
        self._lost = lost

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Bound what is written ahead."""
        transport.set_write_buffer_limits(high=_BUFFER)
        super().connection_made(handler, transport)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Tell of it."""
        super().connection_lost(handler, exc)
        self._lost(handler)


class _Refusal(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()
