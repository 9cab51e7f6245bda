"""A listening port: connections within bounds, each for one request, and an end that loses none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_HEADER_BYTES = 16 * 1024
_HEADERS = 128
_BUFFER = 16 * 1024
_BACKLOG = 1024


class Door:
    """One port of one model."""

    def __init__(self, handler: Handler, most: int, header_seconds: float) -> None:
        """Prepare.

        Args:
            handler: what answers.
            most: connections at once; more are closed at once.
            header_seconds: time for a connection to send its request's header; it is closed after that.
        """
        self._handler = handler
        self.most = most
        self._header_seconds = header_seconds
        self._expected: dict[object, asyncio.TimerHandle] = {}
        """Connections that have sent no request yet."""
        self._listener: asyncio.Server | None = None
        self._server = web.Server(
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
        for timer in self._expected.values():
            timer.cancel()
        self._expected.clear()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        timer = self._expected.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        return await self._handler(request)

    def _connection(self) -> asyncio.Protocol:
        if len(self._server.connections) >= self.most:
            return _Refusal()
        made: RequestHandler = self._server()
        self._expected[made] = asyncio.get_running_loop().call_later(self._header_seconds, self._expire, made)
        return made

    def _expire(self, made: RequestHandler) -> None:
        if self._expected.pop(made, None) is not None:
            made.force_close()


class _Refusal(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()
