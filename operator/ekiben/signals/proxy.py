"""Reading the counters of pods through the API server, with the rights of whoever asks.

For an operator that runs outside the cluster, where pod addresses lead nowhere. The role of an operator inside the
cluster has no right to pods/proxy, and needs none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp

from . import bentoml
from .counters import MetricsError, PodCounters, Trouble
from .scrape import MAX_BODY, Parser, Scraped, ScrapeTarget, body_of, each

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_AT_ONCE = 16


class ProxyScraper:
    """Asks the API server to ask the pods."""

    def __init__(self, api: ApiClient, parse: Parser = bentoml.parse, *, max_body: int = MAX_BODY) -> None:
        """Prepare; `api` gives the server's address, its certificate and the credentials, and stays the caller's."""
        self._api = api
        self._parse = parse
        self._max_body = max_body
        self._session: aiohttp.ClientSession | None = None

    async def scrape(self, targets: Sequence[ScrapeTarget], timeout: float) -> Scraped:  # noqa: ASYNC109
        """Return pod uid -> its counters, or why they are not known."""
        return await each(targets, timeout, self._read)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _read(self, target: ScrapeTarget) -> PodCounters:
        _, url, headers, *_ = await self._api.param_serialize(
            "GET", proxy_path(target), header_params={"Accept": "text/plain"}, auth_settings=["BearerToken"]
        )
        headers["Accept-Encoding"] = "identity"
        configuration = self._api.configuration
        # A session of our own, since the client's follows redirects and reads bodies of any size.
        async with self._opened().get(
            url,
            headers=headers,
            allow_redirects=False,
            ssl=self._api.rest_client.ssl_context,
            server_hostname=configuration.tls_server_name or None,
            proxy=configuration.proxy or None,
            proxy_headers=configuration.proxy_headers or None,
        ) as response:
            return self._parse(await body_of(response, target.name, self._max_body))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=True,
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session


def proxy_path(target: ScrapeTarget) -> str:
    """Return the path at the API server that leads to a pod's metrics.

    Raises:
        MetricsError: Refused, when a part is not what Kubernetes would have named so.
    """
    if not _NAME.fullmatch(target.namespace) or not _NAME.fullmatch(target.name) or not 0 < target.port < 65536:
        raise MetricsError(
            Trouble.REFUSED, f"not the name of a pod: {target.namespace!r}/{target.name!r} port {target.port}"
        )
    namespace, pod = quote(target.namespace, safe=""), quote(target.name, safe="")
    return f"/api/v1/namespaces/{namespace}/pods/{pod}:{target.port}/proxy/metrics"
