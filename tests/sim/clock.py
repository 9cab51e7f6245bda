"""Virtual time: an event loop that never sleeps, and the `time` module of everything that runs on it."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

EPOCH = 1_800_000_000.0
"""Seconds since the epoch at the beginning of every history."""
_ROOM = "ekiben.operator."


class _Leap:
    """In the place of a selector: nothing ever arrives from outside, so waiting is a leap to the next timer."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everything waits for ever")
        self._loop.passed += timeout
        return []

    def close(self) -> None:
        pass


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time passes only by waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0
        self.defects: list[BaseException] = []
        self._selector = _Leap(self)
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self.passed

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return EPOCH + self.passed

    def advance(self, until: float) -> None:
        """Run everything that is due until a time of this loop's, or until somebody stops it."""
        end = self.call_at(until, self.stop) if until > self.passed else self.call_soon(self.stop)
        self.run_forever()
        end.cancel()
        if self.defects:
            raise self.defects.pop()

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.defects.append(context.get("exception") or RuntimeError(context["message"]))

    def _process_events(self, _events: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


class _Time:
    """What the product's modules see as the module `time`."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def time(self) -> float:
        return self._loop.now

    def monotonic(self) -> float:
        return self._loop.passed

    perf_counter = monotonic


@contextmanager
def virtual_time(loop: VirtualLoop) -> Iterator[None]:
    """Let the product's modules see the loop's time."""
    timed = [one for name, one in sys.modules.items() if name.startswith(_ROOM) and getattr(one, "time", None) is time]
    asyncio.set_event_loop(loop)
    for module in timed:
        module.time = _Time(loop)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in timed:
            module.time = time  # type: ignore[attr-defined]
        asyncio.set_event_loop(None)


def text(moment: float) -> str:
    """Return seconds since the epoch as Kubernetes writes them: to the second."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
