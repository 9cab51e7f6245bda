"""Asking over HTTP within bounds: no redirects, no cookies, no decompression, so many bytes and no more."""

from __future__ import annotations

from typing import Any

import aiohttp
from yarl import URL

from .counters import MetricsError, Trouble

_CHUNK = 65536


class Asker:
    """One session, which opens with the first request."""

    def __init__(self, *, at_once: int, per_host: int = 0, max_body: int, environment: bool = False) -> None:
        """Prepare.

        Args:
            at_once: connections at most.
            per_host: connections to one address at most; 0 is no limit of its own.
            max_body: bytes of an answer that are read at most.
            environment: whether variables such as HTTPS_PROXY say how servers are reached.
        """
        self._at_once = at_once
        self._per_host = per_host
        self._max_body = max_body
        self._environment = environment
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, method: str, url: str | URL, whose: str, **options: Any) -> bytes:
        """Return the body of an answer.

        Args:
            method: GET or POST.
            url: the address.
            whose: who is asked, for messages, such as "pod iris-0".
            options: of aiohttp's request.

        Raises:
            MetricsError: Refused unless it is a plain 200, TooLarge beyond the bound.
            aiohttp.ClientError, OSError: the server cannot be reached.
        """
        async with self._opened().request(method, url, allow_redirects=False, **options) as response:
            return await self._body(response, whose)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _body(self, response: aiohttp.ClientResponse, whose: str) -> bytes:
        if response.status != 200:
            raise MetricsError(Trouble.REFUSED, f"{whose} answered {response.status} instead of its metrics")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise MetricsError(Trouble.REFUSED, f"{whose} sent its metrics in an encoding that was not asked for")
        parts, size = [], 0
        async for chunk in response.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > self._max_body:
                response.close()
                raise MetricsError(Trouble.TOO_LARGE, f"the metrics of {whose} are larger than {self._max_body} bytes")
            parts.append(chunk)
        return b"".join(parts)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._at_once, limit_per_host=self._per_host, use_dns_cache=self._environment
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "text/plain, application/json", "Accept-Encoding": "identity"},
                auto_decompress=False,
                trust_env=self._environment,
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session
