"""Reading the counters of pods over the network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol, Self

import aiohttp
from yarl import URL

from . import bentoml
from .counters import MetricsError, PodCounters, Trouble

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a /metrics page. Every path that was ever asked for is in it; 4 MiB hold about a thousand of them."""
_CHUNK = 65536
_AT_ONCE = 64

Parser = Callable[[bytes], PodCounters]
Scraped = Mapping[str, PodCounters | MetricsError]


@dataclass(frozen=True)
class ScrapeTarget:
    """A pod whose counters are to be read."""

    uid: str
    name: str
    namespace: str
    ip: str
    port: int
    revision: str


class Scraper(Protocol):
    """A way to reach pods."""

    async def scrape(self, targets: Sequence[ScrapeTarget], timeout: float) -> Scraped:  # noqa: ASYNC109
        """Return pod uid -> its counters, or why they are not known. Raises nothing."""

    async def close(self) -> None:
        """Close the connections."""


async def each(
    targets: Sequence[ScrapeTarget],
    timeout: float,  # noqa: ASYNC109  (each pod has it to itself)
    read: Callable[[ScrapeTarget], Awaitable[PodCounters]],
) -> Scraped:
    """Read all targets at the same time, each within the timeout (seconds); one that fails hurts nobody else."""

    async def one(target: ScrapeTarget) -> PodCounters | MetricsError:
        try:
            async with asyncio.timeout(timeout):
                return await read(target)
        except MetricsError as error:
            return error
        except TimeoutError:
            return MetricsError(Trouble.TIMEOUT, f"pod {target.name} did not answer within {timeout:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return MetricsError(Trouble.UNREACHABLE, f"pod {target.name} cannot be reached: {error}")

    outcomes = await asyncio.gather(*(one(target) for target in targets))
    return {target.uid: outcome for target, outcome in zip(targets, outcomes, strict=True)}


async def body_of(response: aiohttp.ClientResponse, pod: str, most: int = MAX_BODY) -> bytes:
    """Return the body of an answer.

    Raises:
        MetricsError: Refused unless it is a plain 200, TooLarge beyond `most` bytes.
    """
    if response.status != 200:
        raise MetricsError(Trouble.REFUSED, f"pod {pod} answered {response.status} instead of its metrics")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise MetricsError(Trouble.REFUSED, f"pod {pod} sent its metrics in an encoding that was not asked for")
    parts, size = [], 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > most:
            response.close()
            raise MetricsError(Trouble.TOO_LARGE, f"the metrics of pod {pod} are larger than {most} bytes")
        parts.append(chunk)
    return b"".join(parts)


class DirectScraper:
    """Asks the pods themselves, at the IP address that their Pod object gives."""

    def __init__(self, parse: Parser = bentoml.parse, *, max_body: int = MAX_BODY, loopback: bool = False) -> None:
        """Prepare; the session opens with the first scrape.

        Args:
            parse: reads a /metrics page.
            max_body: bytes that are read at most.
            loopback: ask 127.0.0.0/8 and ::1 too, where no pod of a cluster is.
        """
        self._parse = parse
        self._max_body = max_body
        self._loopback = loopback
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def scrape(self, targets: Sequence[ScrapeTarget], timeout: float) -> Scraped:  # noqa: ASYNC109
        """Return pod uid -> its counters, or why they are not known."""
        return await each(targets, timeout, self._read)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _read(self, target: ScrapeTarget) -> PodCounters:
        url = address(target, loopback=self._loopback)
        if self._session is None:
            self._session = _session()
        async with self._session.get(url, allow_redirects=False) as response:
            return self._parse(await body_of(response, target.name, self._max_body))


def address(target: ScrapeTarget, *, loopback: bool = False) -> URL:
    """Return the URL of a pod's metrics.

    Raises:
        MetricsError: Refused, when the pod's address is no IP address, or one that no pod can have.
    """
    try:
        ip = ip_address(target.ip)
    except ValueError as error:
        raise MetricsError(Trouble.REFUSED, f"pod {target.name} has no IP address but {target.ip!r}") from error
    forbidden = ip.is_link_local or ip.is_multicast or ip.is_unspecified or (ip.is_loopback and not loopback)
    if forbidden or not 0 < target.port < 65536:
        raise MetricsError(Trouble.REFUSED, f"pod {target.name} is not asked at {target.ip} port {target.port}")
    return URL.build(scheme="http", host=str(ip), port=target.port, path="/metrics")


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_AT_ONCE, limit_per_host=1, use_dns_cache=False),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "text/plain", "Accept-Encoding": "identity"},
        auto_decompress=False,
        # The environment of the operator says nothing about how pods are reached.
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None),
    )
