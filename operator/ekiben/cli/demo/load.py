"""Steady traffic: an open loop, as many independent callers make it.

A request is sent when its time has come, whether or not earlier ones were answered, and its latency counts from that
time: a slow server cannot slow the clock down and so hide itself (coordinated omission).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

# The header by which a model's own answers are told from the platform's.
MODEL_HEADER = "x-model-version"
_PLATFORM_STATUSES = frozenset({502, 503, 504})
# Beyond this many unanswered requests the load itself would be the failure.
_MOST_IN_FLIGHT = 2000


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request."""

    at: float
    """Seconds on the event loop's clock when it was due."""
    seconds: float
    """From when it was due to its last byte."""
    status: int
    """HTTP status; 0 where there was no answer."""
    model: str
    """Version of the model that answered; empty where none did."""
    error: str = ""

    @property
    def lost(self) -> bool:
        """Lost by the platform: no answer, or a 502, 503 or 504 that no model gave."""
        return self.status == 0 or (self.status in _PLATFORM_STATUSES and not self.model)

    @property
    def failed(self) -> bool:
        """Answered by the model with an error of its own."""
        return not self.lost and self.status >= 500


class Load:
    """Requests at a constant rate until stop() is called.

    Args:
        url: where to send them; the caller makes sure that it is this machine's loopback or the project's own network.
        host: value of the Host header, which the gateway routes by.
        rate: requests a second.
        bodies: JSON bodies, sent in turn.
        timeout: seconds after which a request counts as unanswered.
        most: requests after which it stops by itself.
        names: what to call a model that has this value in its header; the value itself by default.
    """

    def __init__(
        self,
        url: str,
        host: str,
        rate: float,
        bodies: Sequence[Any],
        *,
        timeout: float = 30.0,
        most: int = 200_000,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._names = names or {}
        self._url, self._host, self._rate = url, host, rate
        self._bodies: Iterator[Any] = itertools.cycle(bodies)
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._most = most
        self._stopped = asyncio.Event()
        self._pending: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.answers: list[Answer] = []

    def stop(self) -> None:
        """Send no more; run() returns when the last answer is in."""
        self._stopped.set()

    async def run(self) -> None:
        """Send until stop(), or until `most` requests were sent."""
        loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=self._timeout) as session:
            begin = loop.time()
            while not self._stopped.is_set() and self.sent < self._most:
                due = begin + self.sent / self._rate
                if not await self._wait_until(due):
                    break
                self._send(session, due)
            if self._pending:
                await asyncio.wait(self._pending)

    async def _wait_until(self, due: float) -> bool:
        left = due - asyncio.get_running_loop().time()
        if left <= 0:
            await asyncio.sleep(0)
            return True
        try:
            await asyncio.wait_for(self._stopped.wait(), left)
        except TimeoutError:
            return True
        return False

    def _send(self, session: aiohttp.ClientSession, due: float) -> None:
        self.sent += 1
        if len(self._pending) >= _MOST_IN_FLIGHT:
            self.answers.append(Answer(due, 0.0, 0, "", f"{_MOST_IN_FLIGHT} requests are already waiting"))
            return
        task = asyncio.create_task(self._one(session, due, next(self._bodies)))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _one(self, session: aiohttp.ClientSession, due: float, body: Any) -> None:
        status, model, error = 0, "", ""
        try:
            async with session.post(self._url, json=body, headers={"Host": self._host}) as response:
                await response.read()
                header = response.headers.get(MODEL_HEADER, "")
                status, model = response.status, self._names.get(header, header)
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            error = f"{type(problem).__name__}: {problem}"
        self.answers.append(Answer(due, asyncio.get_running_loop().time() - due, status, model, error))


@dataclass(frozen=True)
class Count:
    """Answers of one model version in some span of time."""

    requests: int = 0
    failed: int = 0
    p50: float = 0.0
    p95: float = 0.0
    """Seconds."""


def by_model(answers: Sequence[Answer]) -> dict[str, Count]:
    """Count answers by the version of the model that gave them; what the platform lost is left out."""
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        if not answer.lost:
            groups.setdefault(answer.model, []).append(answer)
    return {model: _count(group) for model, group in sorted(groups.items())}


def _count(group: list[Answer]) -> Count:
    seconds = sorted(answer.seconds for answer in group)
    last = len(seconds) - 1
    return Count(
        requests=len(group),
        failed=sum(answer.failed for answer in group),
        p50=seconds[last // 2],
        p95=seconds[int(last * 0.95)],
    )
