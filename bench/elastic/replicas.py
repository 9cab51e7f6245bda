"""The replicas that are asked for, followed as they change."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from ekiben.localcluster.settings import ClusterInfo

_FORMAT = '{.metadata.name} {.spec.replicas} {.status.readyReplicas}{"\\n"}'


@dataclass
class Followed:
    """What the Deployments of a namespace said."""

    changes: list[tuple[float, str, int, int]] = field(default_factory=list)
    """(event loop's time, Deployment, replicas asked for, ready replicas), one a change."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def asked(self) -> int:
        """Replicas asked for now, over all Deployments."""
        return sum({name: asked for _, name, asked, _ in self.changes}.values())

    @property
    def ready(self) -> int:
        """Ready replicas now, over all Deployments."""
        return sum({name: ready for _, name, _, ready in self.changes}.values())

    def add(self, at: float, name: str, asked: int, ready: int) -> None:
        """Write down what one Deployment said."""
        self.changes.append((at, name, asked, ready))
        self._news.set()

    async def rise(self, above: int, seconds: float) -> float | None:
        """Return when more than `above` replicas were asked for; None where that did not come within `seconds`."""
        return await self._until(lambda: self.asked > above, seconds)

    async def fall(self, to: int, seconds: float) -> float | None:
        """Return when no more than `to` replicas were asked for; None where that did not come within `seconds`."""
        return await self._until(lambda: self.asked <= to, seconds)

    async def settle(self, ready: int, seconds: float) -> float | None:
        """Return when at least `ready` replicas were ready; None where that did not come within `seconds`."""
        return await self._until(lambda: self.ready >= ready, seconds)

    async def _until(self, met: Callable[[], bool], seconds: float) -> float | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not met():
                    self._news.clear()
                    await self._news.wait()
                return self.changes[-1][0] if self.changes else asyncio.get_running_loop().time()
        return None


@contextlib.asynccontextmanager
async def followed(info: ClusterInfo, namespace: str) -> AsyncIterator[Followed]:
    """Follow all Deployments of the namespace."""
    command = ["-n", namespace, "get", "deployments", "--watch", "-o", f"jsonpath={_FORMAT}"]
    environment = {**os.environ, "KUBECONFIG": str(info.kubeconfig)}
    process = await asyncio.create_subprocess_exec(
        str(info.kubectl), *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    seen = Followed()
    reading = asyncio.create_task(_read(process, seen))
    try:
        yield seen
    finally:
        process.terminate()
        await process.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(process: asyncio.subprocess.Process, seen: Followed) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        words = line.decode().split()
        if len(words) >= 2:
            ready = int(words[2]) if len(words) > 2 else 0
            seen.add(asyncio.get_running_loop().time(), words[0], int(words[1]), ready)
