"""The work queue: each key is worked on by one worker at a time, and no wake-up is lost."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from typing import NamedTuple

_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 60.0


class Key(NamedTuple):
    """One resource."""

    namespace: str
    name: str


class WorkQueue:
    """A set of keys that wait, in order of arrival.

    A key that is added while it waits stays one entry; one that is added while it is worked on is worked on again
    afterwards. Times are those of the running event loop, in seconds.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[Key, float] = OrderedDict()
        self._working: set[Key] = set()
        self._again: dict[Key, bool] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._wake = asyncio.Event()

    def add(self, key: Key, after: float = 0.0, *, urgent: bool = False) -> None:
        """Have the key worked on, now or in so many seconds; of several times the earliest counts.

        What is urgent goes before everything that waits: a canary that was just convicted must not stand in line
        behind a hundred resources that an upgrade wants looked at.
        """
        if after <= 0:
            self._cancel(key)
            self._ready(key, urgent=urgent)
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= loop.time() + after:
            return
        self._cancel(key)
        self._timers[key] = loop.call_later(after, self._due, key)

    def retry(self, key: Key, first: float = _FIRST_BACKOFF) -> float:
        """Have a key that failed worked on after `first` seconds, each time twice as late; returns the seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait = min(_LONGEST_BACKOFF, first * 2.0 ** min(failures - 1, 10)) * random.uniform(0.8, 1.2)
        self.add(key, wait)
        return wait

    def succeeded(self, key: Key) -> None:
        """Forget earlier failures of the key."""
        self._failures.pop(key, None)

    def forget(self, key: Key) -> None:
        """The resource is gone: nothing of it stays here."""
        self._cancel(key)
        self._failures.pop(key, None)

    async def get(self) -> Key:
        """Wait for a key; call done() with it afterwards."""
        while not self._waiting:
            self._wake.clear()
            await self._wake.wait()
        key, _ = self._waiting.popitem(last=False)
        self._working.add(key)
        # This look serves an earlier request for a later one; whoever works on it says when to look again.
        self._cancel(key)
        return key

    def done(self, key: Key) -> None:
        """The key's worker has finished."""
        self._working.discard(key)
        if key in self._again:
            self._ready(key, urgent=self._again.pop(key))

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._waiting)

    @property
    def oldest(self) -> float:
        """Seconds that the longest-waiting key has waited."""
        if not self._waiting:
            return 0.0
        return asyncio.get_running_loop().time() - min(self._waiting.values())

    def _ready(self, key: Key, *, urgent: bool = False) -> None:
        if key in self._working:
            self._again[key] = urgent or self._again.get(key, False)
            return
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().time()
            self._wake.set()
        if urgent:
            self._waiting.move_to_end(key, last=False)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self._ready(key)

    def _cancel(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
