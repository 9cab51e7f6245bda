"""Reading the counters of pods from the pods themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Self

from yarl import URL

from ekiben.api.model import Runtime

from .counters import MetricsError, PodCounters, Trouble
from .dialects import has_histogram
from .http import Asker
from .page import parse
from .restarts import started
from .source import Readings, ScrapeTarget, each

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a /metrics page. Every path that was ever asked for is in it; 4 MiB hold about a thousand of them."""
_AT_ONCE = 64


class DirectSource:
    """Asks the pods, at the IP address that their Pod object gives."""

    interval = 0.0
    drains = True
    pooled = False

    def __init__(self, *, max_body: int = MAX_BODY, loopback: bool = False) -> None:
        """Prepare.

        Args:
            max_body: bytes that are read at most.
            loopback: ask 127.0.0.0/8 and ::1 too, where no pod of a cluster is.
        """
        self._loopback = loopback
        self._http = Asker(at_once=_AT_ONCE, per_host=1, max_body=max_body)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        """Return pod uid -> its counters, or why they are not known."""
        return await each(targets, timeout, self._read)

    def histograms(self, runtime: Runtime) -> bool:
        """Whether the runtime exports a latency histogram."""
        return has_histogram(runtime)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _read(self, target: ScrapeTarget) -> PodCounters:
        url = address(target, loopback=self._loopback)
        body = await self._http.ask("GET", url, f"pod {target.name}")
        return replace(parse(body, target.runtime), started=started(body))


def address(target: ScrapeTarget, *, loopback: bool = False) -> URL:
    """Return the URL of a pod's metrics.

    Raises:
        MetricsError: Refused, when the pod's address is no IP address, or one that no pod can have.
    """
    ip = checked(target.ip, f"pod {target.name}", loopback=loopback)
    if not 0 < target.port < 65536:
        raise MetricsError(Trouble.REFUSED, f"pod {target.name} is not asked at port {target.port}")
    return URL.build(scheme="http", host=ip, port=target.port, path=target.path)


def checked(ip: str, whose: str, *, loopback: bool = False) -> str:
    """Return an IP address that a pod can have.

    Raises:
        MetricsError: Refused, when it is none.
    """
    try:
        found = ip_address(ip)
    except ValueError as error:
        raise MetricsError(Trouble.REFUSED, f"{whose} has no IP address but {ip!r}") from error
    if found.is_link_local or found.is_multicast or found.is_unspecified or (found.is_loopback and not loopback):
        raise MetricsError(Trouble.REFUSED, f"{whose} is not asked at {ip}")
    return str(found)
