"""The operator's own gateway to the API server, on the server in memory."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from ekiben.cluster.api import Cluster, Counter
from ekiben.cluster.errors import error_from

from .apiserver import ApiServer, RefusedError

Json = dict[str, Any]
Around = Callable[[str, str, Callable[[], Json]], Awaitable[Json]]
"""Called with method, path and what does the request: may do it, refuse it, delay it, or lose the answer."""


class SimCluster(Cluster):
    """Everything of Cluster but the wire: paths, paging, retries and errors are the product's."""

    def __init__(
        self, server: Callable[[str], ApiServer], count: Counter | None = None, around: Around | None = None
    ) -> None:
        """`server` gives the server for a method: what is read may be older than what is written."""
        super().__init__(None, None, count)  # type: ignore[arg-type]  # no credentials, no connections
        self._server = server
        self._around = around

    async def close(self) -> None:
        """There is nothing to close."""

    async def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: Json | None,
        content_type: str,
        timeout: float,  # noqa: ASYNC109
        what: str,
    ) -> Json:
        def do() -> Json:
            try:
                return self._server(method).handle(method, path, query, body, content_type)
            except RefusedError as refused:
                raise error_from(refused.code, json.dumps(refused.status()), what) from None

        return do() if self._around is None else await self._around(method, path, do)
