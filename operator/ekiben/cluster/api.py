"""A small gateway to the API server over plain JSON objects: only the calls that the operator needs."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import aiohttp
from kubernetes.aio.client.api_client import ApiClient

from .connection import Source
from .errors import ClusterError, ConflictError, InvalidError, NotFoundError, UnavailableError, error_from
from .kinds import Kind

FIELD_MANAGER = "ekiben"
Json = dict[str, Any]
Counter = Callable[[str, str, int], None]

_log = logging.getLogger(__name__)
_TIMEOUT = 10.0
_LIST_TIMEOUT = 30.0
_PAGE = 500
_BACKOFFS = (0.2, 0.6, 1.8)
_LONGEST_RETRY_AFTER = 5.0
# What the API server answers, with 422, where a JSON patch does not fit: a test in it failed, or a path is not there.
_UNFIT = "the server rejected our request due to an error in our request"


class Cluster:
    """The API server, asked with one identity.

    Each call is one request (a list: one a page) with a time limit, tried up to four times where a second try can do
    no harm. Errors are those of `ekiben.cluster.errors`.
    """

    def __init__(self, client: ApiClient, source: Source, count: Counter | None = None) -> None:
        self._client = client
        self._source = source
        self._count = count or (lambda _verb, _kind, _code: None)
        self._login = asyncio.Lock()
        self._retired: list[ApiClient] = []

    @classmethod
    async def connect(cls, source: Source, count: Counter | None = None) -> Cluster:
        """Read the credentials; no request is made yet."""
        return cls(await source.client(), source, count)

    @property
    def client(self) -> ApiClient:
        """The library's client, with the credentials in use."""
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        for client in (self._client, *self._retired):
            await client.close()  # type: ignore[no-untyped-call]

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
        """Read one object."""
        return await self._request("get", kind, "GET", kind.path(namespace, name))

    async def find(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """Read one object; None where it, or its kind, does not exist."""
        try:
            return await self.get(kind, namespace, name)
        except ClusterError as error:
            if error.code == 404:
                return None
            raise

    async def list(
        self, kind: Kind, namespace: str | None, labels: str = "", fields: str = "", *, cached: bool = False
    ) -> list[Json]:
        """Read all objects that match, page by page. Each gets the apiVersion and kind that lists leave out.

        With `cached` it costs the API server little, and may be some seconds old.
        """
        return [item async for item in self._pages(kind, namespace, labels, fields, cached)]

    async def _pages(
        self, kind: Kind, namespace: str | None, labels: str, fields: str, cached: bool
    ) -> AsyncIterator[Json]:
        # A page of a list is read from etcd, and only a whole one from memory.
        query = {"resourceVersion": "0"} if cached else {"limit": str(_PAGE)}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        while True:
            page = await self._request("list", kind, "GET", kind.path(namespace), query, timeout=_LIST_TIMEOUT)
            for item in page.get("items") or []:
                yield {"apiVersion": kind.api_version, "kind": kind.kind, **item}
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = token

    async def create(self, kind: Kind, namespace: str | None, body: Json) -> Json:
        """Make an object; Conflict where it exists."""
        query = {"fieldManager": FIELD_MANAGER}
        return await self._request("create", kind, "POST", kind.path(namespace), query, body, once=True)

    async def apply(self, kind: Kind, namespace: str, body: Json, resource_version: str = "") -> Json:
        """Server-side apply: make the object, or set the fields that `body` names and leave the others alone.

        With `resource_version`, Conflict where the object is no longer the one that was read.
        """
        if resource_version:
            body = {**body, "metadata": {**body["metadata"], "resourceVersion": resource_version}}
        return await self._request(
            "apply",
            kind,
            "PATCH",
            kind.path(namespace, body["metadata"]["name"]),
            # force takes over fields that others set and that are ekiben's to decide; it touches no other field.
            {"fieldManager": FIELD_MANAGER, "force": "true"},
            body,
            "application/apply-patch+yaml",
        )

    async def scale(self, kind: Kind, namespace: str, name: str, replicas: int, resource_version: str) -> Json:
        """Set the replicas through /scale; Conflict where the object is no longer the one that was read."""
        body = {"metadata": {"resourceVersion": resource_version}, "spec": {"replicas": replicas}}
        path = kind.path(namespace, name, "scale")
        query = {"fieldManager": FIELD_MANAGER}
        return await self._request("scale", kind, "PATCH", path, query, body, "application/merge-patch+json")

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Json) -> Json:
        """JSON merge patch."""
        query = {"fieldManager": FIELD_MANAGER}
        path = kind.path(namespace, name)
        return await self._request("patch", kind, "PATCH", path, query, patch, "application/merge-patch+json")

    async def patch(self, kind: Kind, namespace: str, name: str, operations: Sequence[Json]) -> Json:
        """JSON patch; Conflict where it does not fit: the object is no longer the one that was read."""
        query = {"fieldManager": FIELD_MANAGER}
        path = kind.path(namespace, name)
        try:
            return await self._request("patch", kind, "PATCH", path, query, operations, "application/json-patch+json")
        except InvalidError as error:
            if _UNFIT in error.message:
                raise ConflictError(error.message, error.code) from error
            raise

    async def replace(self, kind: Kind, namespace: str, body: Json, subresource: str = "") -> Json:
        """Write the object, or its status, back; Conflict where it is no longer the one that was read."""
        path = kind.path(namespace, body["metadata"]["name"], subresource)
        return await self._request("update", kind, "PUT", path, {"fieldManager": FIELD_MANAGER}, body)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete exactly the object that was read; one that is gone already is no error."""
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._request("delete", kind, "DELETE", kind.path(namespace, name), {}, body)
        except ClusterError as error:
            if error.code != 404:
                raise

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server knows the kind."""
        group = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
        try:
            found = await self._call("GET", group, {}, None, "", _TIMEOUT, f"ask for {kind.api_version}")
        except NotFoundError:
            return False
        return any(item.get("name") == kind.plural for item in found.get("resources") or ())

    async def version(self) -> str:
        """Version of the API server: the cheapest sign of life."""
        return str((await self._call("GET", "/version", {}, None, "", _TIMEOUT, "ask for the version"))["gitVersion"])

    async def _request(
        self,
        verb: str,
        kind: Kind,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Json | Sequence[Json] | None = None,
        content_type: str = "application/json",
        *,
        timeout: float = _TIMEOUT,  # noqa: ASYNC109 - handed to aiohttp
        once: bool = False,
    ) -> Json:
        what = f"{verb} {path.removeprefix('/apis/').removeprefix('/api/')}"

        async def call() -> Json:
            try:
                answer = await self._call(method, path, query or {}, body, content_type, timeout, what)
            except ClusterError as error:
                self._count(verb, kind.kind, error.code)
                raise
            self._count(verb, kind.kind, 200)
            return answer

        return await _retry(call, once=once)

    async def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: Json | Sequence[Json] | None,
        content_type: str,
        timeout: float,  # noqa: ASYNC109
        what: str,
    ) -> Json:
        client = self._client
        code, text, retry_after = await _send(client, method, path, query, body, content_type, timeout, what)
        if code == 401:
            await self._log_in_again(client)
            code, text, retry_after = await _send(self._client, method, path, query, body, content_type, timeout, what)
        if code >= 300:
            error = error_from(code, text, what)
            error.retry_after = retry_after  # type: ignore[attr-defined]
            raise error
        answer: Json = json.loads(text) if text else {}
        return answer

    async def _log_in_again(self, refused: ApiClient) -> None:
        """Credentials expire: read them again, once for all the requests that were refused together."""
        async with self._login:
            if self._client is refused:
                self._client = await self._source.client()
                # Others may be waiting for an answer on it: it is closed when the next one retires.
                retired, self._retired = self._retired, [refused]
                for client in retired:
                    await client.close()  # type: ignore[no-untyped-call]


async def _send(
    client: ApiClient,
    method: str,
    path: str,
    query: dict[str, str],
    body: Json | Sequence[Json] | None,
    content_type: str,
    timeout: float,  # noqa: ASYNC109
    what: str,
) -> tuple[int, str, float | None]:
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = content_type
    _, url, headers, content, _ = await client.param_serialize(
        method, path, query_params=list(query.items()), header_params=headers, body=body, auth_settings=["BearerToken"]
    )
    try:
        response = await client.call_api(
            method, url, headers, content, _request_timeout=aiohttp.ClientTimeout(total=timeout)
        )
        data: bytes = await response.read()  # type: ignore[no-untyped-call]
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UnavailableError(
            f"No answer from the API server at {client.configuration.host} ({what}): {error or type(error).__name__}"
        ) from error
    after = response.headers.get("Retry-After", "")
    return response.status, data.decode(errors="replace"), float(after) if after.isdigit() else None


async def _retry(call: Callable[[], Awaitable[Json]], *, once: bool) -> Json:
    """Try again after answers that promise nothing was done, or where doing it twice changes nothing.

    A write carries the version or uid that it was meant for, so its second try can at worst meet a Conflict. Only a
    create (`once`) is not repeated after an answer was lost.
    """
    for backoff in _BACKOFFS:
        try:
            return await call()
        except UnavailableError as error:
            if once and error.code != 429:
                raise
            wait = getattr(error, "retry_after", None) or backoff
            _log.debug("%s; trying again", error.message)
            await asyncio.sleep(min(wait, _LONGEST_RETRY_AFTER) * random.uniform(0.8, 1.2))
    return await call()
