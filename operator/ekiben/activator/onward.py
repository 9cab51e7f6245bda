"""Handing one request on to a pod: a connection of its own, bodies as streams, and never a second time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from .answers import TOO_LARGE, RefusedError
from .headers import onward

_CONNECT_SECONDS = 2.0
_CHUNK = 16 * 1024
_AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class NotTakenError(Exception):
    """The pod took no connection: nothing of the request went out."""


class _SentAlreadyError(Exception):
    """A second connection for a request of which something went out."""


@dataclass
class _Going:
    sent: bool = False
    too_large: bool = False


class Onward:
    """The way to the pods."""

    def __init__(self, max_body: int) -> None:
        """Prepare; `max_body` is the bytes of a request that are passed on."""
        self._max_body = max_body
        self._session = aiohttp.ClientSession(
            # Each request has a connection of its own: one that was kept may be closed by the pod in the moment when it
            # is used, and nobody could tell whether the request was carried out.
            connector=aiohttp.TCPConnector(force_close=True, limit=0, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTOMATIC,
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            trace_configs=[_once()],
            read_bufsize=_CHUNK,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def send(self, request: web.BaseRequest, pod: str, port: int) -> aiohttp.ClientResponse:
        """Send the request; returns the pod's answer, its body still to come.

        Raises:
            NotTakenError: the pod took no connection; it can be sent to another one.
            RefusedError: the body is too large.
            aiohttp.ClientError, OSError: the connection ended after something went out.
        """
        host = f"[{pod}]" if ":" in pod else pod
        url = URL(f"http://{host}:{port}{request.raw_path}", encoded=True)
        going = _Going()
        body = self._body(request, going) if request.body_exists else None
        headers = onward(request.headers)
        if body is None:
            headers.popall("Content-Length", None)
        try:
            return await self._session.request(
                request.method, url, headers=headers, data=body, allow_redirects=False, trace_request_ctx=going
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            if going.sent:
                raise
            raise NotTakenError(str(error)) from error
        except _SentAlreadyError as error:
            raise aiohttp.ClientOSError("the pod ended the connection") from error
        except aiohttp.ClientError as error:
            if going.too_large:
                raise RefusedError(TOO_LARGE) from error
            raise

    async def _body(self, request: web.BaseRequest, going: _Going) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > self._max_body:
                going.too_large = True
                raise RefusedError(TOO_LARGE)
            yield chunk


def _once() -> aiohttp.TraceConfig:
    """Keep aiohttp from sending a request again by itself, which it does where the method is idempotent."""

    async def connecting(_session: Any, context: SimpleNamespace, _params: Any) -> None:
        if context.trace_request_ctx.sent:
            raise _SentAlreadyError

    async def sent(_session: Any, context: SimpleNamespace, _params: Any) -> None:
        context.trace_request_ctx.sent = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(connecting)
    trace.on_request_headers_sent.append(sent)
    return trace
