"""Reading the counters of pods through the API server, with the rights of whoever asks.

For an operator that runs outside the cluster, where pod addresses lead nowhere. The role of an operator inside the
cluster has no right to pods/proxy, and needs none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from ekiben.api.model import Runtime

from .counters import MetricsError, PodCounters, Trouble
from .dialects import has_histogram
from .http import Asker
from .page import parse
from .restarts import started
from .scrape import MAX_BODY
from .source import Readings, ScrapeTarget, each

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_AT_ONCE = 16


class ProxySource:
    """Asks the API server to ask the pods."""

    interval = 0.0
    drains = True
    pooled = False

    def __init__(self, api: ApiClient, *, max_body: int = MAX_BODY) -> None:
        """Prepare; `api` gives the server's address, its certificate and the credentials, and stays the caller's."""
        self._api = api
        # A session of our own, since the client's follows redirects and reads bodies of any size.
        self._http = Asker(at_once=_AT_ONCE, max_body=max_body, environment=True)

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
        _, url, headers, *_ = await self._api.param_serialize(
            "GET", proxy_path(target), header_params={"Accept": "text/plain"}, auth_settings=["BearerToken"]
        )
        headers["Accept-Encoding"] = "identity"
        configuration = self._api.configuration
        body = await self._http.ask(
            "GET",
            url,
            f"pod {target.name}",
            headers=headers,
            ssl=self._api.rest_client.ssl_context,
            server_hostname=configuration.tls_server_name or None,
            proxy=configuration.proxy or None,
            proxy_headers=configuration.proxy_headers or None,
        )
        return replace(parse(body, target.runtime), started=started(body))


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
    return f"/api/v1/namespaces/{namespace}/pods/{pod}:{target.port}/proxy{quote(target.path)}"
