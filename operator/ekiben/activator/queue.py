"""The requests of one model that wait for a pod: bounded in number and time, in order of arrival."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass

from ekiben.objects.activation import Entry

from . import answers
from .answers import Answer, RefusedError

_FIRST_REST = 0.05
_LONGEST_REST = 1.0


@dataclass(eq=False)
class _Waiter:
    future: asyncio.Future[str]
    since: float


class Queue:
    """Gives each request a pod with a place for it. Times are those of the running event loop, in seconds."""

    def __init__(self, entry: Entry, activator: str = "") -> None:
        """Prepare; `activator` is the name that the operator knows this one by."""
        self.entry = entry
        self._activator = activator
        self._places = entry.places(activator)
        self.arrived = 0
        self.forwarded = 0
        self._refusal: Answer | None = None
        """What whoever comes is told once the queue is closed."""
        self._waiters: deque[_Waiter] = deque()
        self._busy: Counter[str] = Counter()
        self._resting: dict[str, float] = {}
        """Pods that refused a connection -> how long they were left alone the last time."""
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def waiting(self) -> int:
        """Requests that are held."""
        return len(self._waiters)

    @property
    def on_the_way(self) -> int:
        """Requests that a pod works on."""
        return self._busy.total()

    def longest_wait(self) -> float:
        """Return how long the first in the queue has waited."""
        return asyncio.get_running_loop().time() - self._waiters[0].since if self._waiters else 0.0

    def update(self, entry: Entry) -> None:
        """Take over what the operator has told."""
        self.entry = entry
        self._places = entry.places(self._activator)
        for pod in self._resting.keys() - set(entry.pods):
            self._awake(pod)
        self._serve()

    def close(self, answer: Answer) -> None:
        """Refuse what waits, and what comes."""
        self._refusal = answer
        for timer in self._timers.values():
            timer.cancel()
        for waiter in self._waiters:
            if not waiter.future.done():
                waiter.future.set_exception(RefusedError(answer))
        self._waiters.clear()

    async def place(self, since: float, *, again: bool = False) -> str:
        """Wait for a pod that has a place; returns its address. `release` gives the place back.

        Args:
            since: when the request came; it waits until coldStartTimeout after that.
            again: a pod has refused the request's connection: it goes before those that came later.

        Raises:
            RefusedError: the queue is full, the time is over, or the model is gone.
        """
        if self._refusal is not None:
            raise RefusedError(self._refusal)
        if not self._waiters and (pod := self._free()) is not None:
            self._busy[pod] += 1
            return pod
        if self.waiting >= self.entry.queue and not again:
            raise RefusedError(answers.full(self.entry.name, self.entry.queue))
        waiter = _Waiter(asyncio.get_running_loop().create_future(), since)
        if again:
            self._waiters.appendleft(waiter)
            self._serve()
        else:
            self._waiters.append(waiter)
        return await self._wait(waiter)

    def release(self, pod: str) -> None:
        """A request has left a pod."""
        self._busy[pod] -= 1
        if self._busy[pod] <= 0:
            del self._busy[pod]
        self._serve()

    def refused(self, pod: str) -> None:
        """A pod has refused a connection: leave it alone for a moment, each time for longer."""
        if pod in self._timers:
            return
        rest = min(_LONGEST_REST, 2 * self._resting.get(pod, _FIRST_REST / 2))
        self._resting[pod] = rest
        self._timers[pod] = asyncio.get_running_loop().call_later(rest, self._rested, pod)

    def answered(self, pod: str) -> None:
        """A pod has taken a connection."""
        if pod in self._resting:
            self._awake(pod)
            self._serve()

    async def _wait(self, waiter: _Waiter) -> str:
        try:
            async with asyncio.timeout_at(waiter.since + self.entry.cold_start):
                return await waiter.future
        except TimeoutError:
            self._give_back(waiter)
            answer = answers.not_in_time(self.entry.name, self.entry.cold_start, len(self.entry.pods))
            raise RefusedError(answer) from None
        except asyncio.CancelledError:
            self._give_back(waiter)
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _give_back(self, waiter: _Waiter) -> None:
        """The caller has gone, or the time was over, in the moment when a place was found."""
        if waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None:
            self.release(waiter.future.result())

    def _serve(self) -> None:
        while self._waiters and (pod := self._free()) is not None:
            waiter = self._waiters.popleft()
            if waiter.future.done():
                continue
            self._busy[pod] += 1
            waiter.future.set_result(pod)

    def _free(self) -> str | None:
        """Return the pod with the fewest requests of those that have a place."""
        pods = [pod for pod, most in self._places.items() if pod not in self._timers and self._busy[pod] < most]
        return min(pods, key=lambda one: self._busy[one], default=None)

    def _rested(self, pod: str) -> None:
        self._timers.pop(pod, None)
        self._serve()

    def _awake(self, pod: str) -> None:
        self._resting.pop(pod, None)
        timer = self._timers.pop(pod, None)
        if timer is not None:
            timer.cancel()
