"""Load that changes: several steady streams of callers, one on top of the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from bench.verdicts.scene import Scene

from ekiben.cli.demo.load import Answer, Load


class Callers:
    """All who call one model; what they were answered is in `answers` once they have gone."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._loads: list[Load] = []
        self._running: list[asyncio.Task[None]] = []

    def add(self, rate: float) -> None:
        """Let more come: `rate` requests a second, beside those that come already."""
        load = self._scene.load(rate, timeout=150)
        self._loads.append(load)
        self._running.append(asyncio.create_task(load.run()))

    async def leave(self) -> None:
        """Let all go, and wait for the answers that they still have to get."""
        for load in self._loads:
            load.stop()
        await asyncio.gather(*self._running)
        self._running.clear()

    def forget(self) -> None:
        """Begin to count now."""
        for load in self._loads:
            load.answers.clear()

    @property
    def answers(self) -> list[Answer]:
        """Every answer so far, in the order in which the requests were due."""
        return sorted((one for load in self._loads for one in load.answers), key=lambda one: one.at)

    @property
    def lost(self) -> list[Answer]:
        """The requests that no model answered."""
        return [one for one in self.answers if one.lost]


@contextlib.asynccontextmanager
async def callers(scene: Scene, rate: float = 0.0) -> AsyncIterator[Callers]:
    """Callers who leave at the end, whatever happens; with `rate`, they were answered before it begins."""
    all_of_them = Callers(scene)
    try:
        if rate:
            all_of_them.add(rate)
            async with asyncio.timeout(120):
                while not any(one.status == 200 for one in all_of_them.answers):  # noqa: ASYNC110 - Load tells nobody
                    await asyncio.sleep(0.05)
            all_of_them.forget()  # a route may be a moment late the first time
        yield all_of_them
    finally:
        await all_of_them.leave()


def percentile(answers: list[Answer], share: float) -> float:
    """Return the seconds within which this share of the requests was answered; 0 where there was none."""
    seconds = sorted(one.seconds for one in answers if not one.lost)
    return seconds[min(len(seconds) - 1, int(share * len(seconds)))] if seconds else 0.0
