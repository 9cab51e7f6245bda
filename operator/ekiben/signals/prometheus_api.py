"""The HTTP API of a Prometheus server, as much of it as reads raw samples."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yarl import URL

from .counters import MetricsError, Trouble
from .http import Asker

_MAX_BODY = 32 * 1024 * 1024
_AT_ONCE = 8


@dataclass(frozen=True)
class Series:
    """Raw samples of one series."""

    labels: Mapping[str, str]
    """`__name__` among them."""
    samples: tuple[tuple[float, float], ...]
    """(seconds since the epoch, value), in order of time."""


@dataclass(frozen=True)
class Server:
    """Where a Prometheus server is, and how it knows who asks. The platform team's settings, never a resource's."""

    url: str
    """Such as http://prometheus.monitoring:9090; a path may follow, as with Thanos or Mimir."""
    token_file: str = ""
    """A file with a bearer token; read with every request, since tokens are renewed."""
    ca_file: str = ""
    """Certificates of the authorities that vouch for it; the system's by default."""

    def endpoint(self, path: str) -> URL:
        """Return the address of an endpoint below the server's.

        Raises:
            ValueError: the URL is none that can be asked.
        """
        base = URL(self.url)
        if base.scheme not in ("http", "https") or not base.host or base.query_string or base.fragment:
            raise ValueError(f"{self.url!r} is not the URL of a Prometheus server, such as http://prometheus:9090")
        return base.joinpath(*path.split("/"))


class PrometheusApi:
    """Asks one server."""

    def __init__(self, server: Server, *, max_body: int = _MAX_BODY) -> None:
        """Prepare.

        Raises:
            ValueError: the URL or a file cannot be used.
        """
        self._server = server
        self._query = server.endpoint("api/v1/query")
        self._ssl: ssl.SSLContext | bool = ssl.create_default_context(cafile=server.ca_file) if server.ca_file else True
        self._http = Asker(at_once=_AT_ONCE, max_body=max_body)

    @property
    def whose(self) -> str:
        """What it is called in messages."""
        return f"Prometheus at {self._query.origin()}"

    async def samples(self, query: str, at: float) -> list[Series]:
        """Return what a range selector selects, looked at from a moment (seconds since the epoch).

        Raises:
            MetricsError: SourceDown where it does not answer as it should, TooLarge.
            aiohttp.ClientError, OSError: it cannot be reached.
        """
        headers = {"Accept": "application/json"}
        if self._server.token_file:
            token = await asyncio.to_thread(Path(self._server.token_file).read_text)
            headers["Authorization"] = f"Bearer {token.strip()}"
        form = {"query": query, "time": f"{at:.3f}"}
        try:
            body = await self._http.ask("POST", self._query, self.whose, data=form, headers=headers, ssl=self._ssl)
        except MetricsError as error:
            if error.trouble is not Trouble.REFUSED:
                raise
            raise MetricsError(Trouble.SOURCE_DOWN, str(error)) from error
        try:
            return _series(json.loads(body))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise MetricsError(
                Trouble.SOURCE_DOWN, f"{self.whose} gave an answer that cannot be read: {error}"
            ) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def _series(answer: dict[str, Any]) -> list[Series]:
    if answer["status"] != "success" or answer["data"]["resultType"] != "matrix":
        raise ValueError(str(answer.get("error") or answer["status"])[:200])
    return [
        Series(dict(one["metric"]), tuple((float(at), float(value)) for at, value in one.get("values", ())))
        for one in answer["data"]["result"]
    ]
