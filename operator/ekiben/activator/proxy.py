"""One request: wait for a pod, hand it on, pass the answer back."""

from __future__ import annotations

import asyncio
import logging
from typing import TypeVar

import aiohttp
from aiohttp import hdrs, web

from . import answers
from .answers import Answer, RefusedError
from .callers import watched
from .figures import Figures
from .headers import WAITED, asks_for_upgrade, onward
from .memory import Memory, size_of
from .onward import NotTakenError, Onward
from .queue import Queue

_log = logging.getLogger(__name__)
_SERVER = "ekiben-activator"
_R = TypeVar("_R", bound=web.StreamResponse)


class Proxy:
    """Serves the requests of one model."""

    def __init__(self, queue: Queue, way: Onward, figures: Figures, memory: Memory, max_body: int) -> None:
        self.queue = queue
        self._way = way
        self._figures = figures
        self._memory = memory
        self._max_body = max_body

    @property
    def _model(self) -> tuple[str, str]:
        return self.queue.entry.namespace, self.queue.entry.name

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. A caller that goes away cancels this."""
        since = asyncio.get_running_loop().time()
        if _within(request.raw_path, self.queue.entry.private):
            self._figures.refuse(self._model, answers.PRIVATE.reason)
            return _own(answers.PRIVATE)
        self.queue.arrived += 1
        self._figures.requests.labels(*self._model).inc()
        try:
            self._check(request)
            return await self._within_memory(request, since)
        except RefusedError as error:
            self._figures.refuse(self._model, error.answer.reason)
            return _own(error.answer)
        except asyncio.CancelledError:
            self._figures.left.labels(*self._model).inc()
            raise

    def _check(self, request: web.BaseRequest) -> None:
        if asks_for_upgrade(request.method, request.headers):
            raise RefusedError(answers.UPGRADE)
        if not request.raw_path.startswith("/"):
            raise RefusedError(answers.TARGET)
        if (request.content_length or 0) > self._max_body:
            raise RefusedError(answers.TOO_LARGE)

    async def _within_memory(self, request: web.BaseRequest, since: float) -> web.StreamResponse:
        size = size_of(request)
        if not self._memory.take(self._model, size):
            raise RefusedError(answers.no_memory(self.queue.entry.name))
        try:
            return await self._carry(request, since)
        finally:
            self._memory.give(self._model, size)

    async def _carry(self, request: web.BaseRequest, since: float) -> web.StreamResponse:
        """Try pods until one takes the connection; only what went out to none is tried again."""
        again, invited = False, False
        while True:
            with watched(request.transport):
                pod = await self.queue.place(since, again=again)
            try:
                if request.headers.get("Expect", "").lower() == "100-continue" and not invited:
                    invited = True  # the body stays with its caller until there is a pod for it
                    await _invite(request)
                return await self._hand_on(request, pod, since)
            except NotTakenError as error:
                _log.debug("Pod %s of %s/%s took no connection: %s", pod, *self._model, error)
                self.queue.refused(pod)
                again = True
            finally:
                self.queue.release(pod)

    async def _hand_on(self, request: web.BaseRequest, pod: str, since: float) -> web.StreamResponse:
        waited = asyncio.get_running_loop().time() - since
        entry = self.queue.entry
        response: web.StreamResponse | None = None
        try:
            async with asyncio.timeout(entry.timeout):
                answer = await self._way.send(request, pod, entry.pod_port)
                async with answer:
                    self._forwarded(pod, waited)
                    response = _response(answer, waited)
                    await _pass(request, answer, response)
                    return response
        except TimeoutError:
            return self._broken_off(request, response, answers.too_slow(entry.name, entry.timeout))
        except (aiohttp.ClientError, ConnectionError) as error:
            _log.info("The answer of pod %s of %s/%s broke off: %s", pod, *self._model, error)
            return self._broken_off(request, response, answers.broken(entry.name))

    def _forwarded(self, pod: str, waited: float) -> None:
        self.queue.answered(pod)
        self.queue.forwarded += 1
        self._figures.forwarded.labels(*self._model).inc()
        self._figures.waited.labels(*self._model).observe(waited)

    def _broken_off(
        self, request: web.BaseRequest, response: web.StreamResponse | None, answer: Answer
    ) -> web.StreamResponse:
        if response is None or not response.prepared:
            raise RefusedError(answer)
        # A part of the answer is out: only the end of the connection says that the rest does not come.
        self._figures.refuse(self._model, answer.reason)
        if request.transport is not None:
            request.transport.abort()
        return response


def _response(answer: aiohttp.ClientResponse, waited: float) -> web.StreamResponse:
    headers = onward(answer.headers)
    headers.setdefault(hdrs.SERVER, _SERVER)
    headers[WAITED] = f"{waited:.3f}"
    return _last(web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers))


async def _pass(request: web.BaseRequest, answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
    await response.prepare(request)
    if request.method != "HEAD":
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    await response.write_eof()


def _within(target: str, prefixes: tuple[str, ...]) -> bool:
    path = target.partition("?")[0]
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def _own(answer: Answer) -> web.Response:
    headers = {hdrs.SERVER: _SERVER, hdrs.CACHE_CONTROL: "no-store"}
    if answer.retry_after is not None:
        headers[hdrs.RETRY_AFTER] = str(answer.retry_after)
    return _last(web.Response(status=answer.status, text=answer.text + "\n", headers=headers))


def _last(response: _R) -> _R:
    """Close the connection with this answer: the next one leads to the pods, where these are in the path by then."""
    response.force_close()
    return response


async def _invite(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is not None and request.version >= aiohttp.HttpVersion11:
        transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
