"""Whether a caller is still there while its request waits.

Of a large body nothing more is read then, so that the end of the connection, which stands behind it, is not seen: the
connection's state has to be asked for. Where more is on its way than fits into the kernel's buffers nobody can see it,
and such a caller stays in the queue until its turn comes.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

_EVERY = 1.0
_ESTABLISHED = 1
_TCP_INFO = getattr(socket, "TCP_INFO", None)
"""Of Linux; elsewhere such a caller stays in the queue until its time is over."""


@contextmanager
def watched(transport: asyncio.Transport | None) -> Iterator[None]:
    """Within the block, end the connection soon after its caller has; aiohttp then cancels the request."""
    if transport is None or _TCP_INFO is None:
        yield
        return
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal timer
        if _gone(transport):
            transport.abort()
        else:
            timer = loop.call_later(_EVERY, look)

    timer = loop.call_later(_EVERY, look)
    try:
        yield
    finally:
        timer.cancel()


def _gone(transport: asyncio.Transport) -> bool:
    connection = transport.get_extra_info("socket")
    if connection is None or _TCP_INFO is None:
        return False
    try:
        return bool(connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)[0] != _ESTABLISHED)
    except OSError:
        return True
