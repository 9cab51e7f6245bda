"""Putting right what somebody has changed on a revision's Deployment, which is made once and never rendered again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError, InvalidError
from ekiben.cluster.events import tell
from ekiben.objects.compare import differences
from ekiben.objects.fields import Path, owners, words
from ekiben.objects.names import MANAGER

from .logs import ResourceLog
from .world import Json, World
from .writes import Writer

_log = logging.getLogger(__name__)
_AGAIN = 600.0
_MOST = 1000


@dataclass(frozen=True)
class _Tried:
    """What could not be put right."""

    paths: tuple[Path, ...]
    why: str
    until: float


class Repairs:
    """Applies what was rendered, without the replicas: those stay with the autoscaler, or with whoever scaled last."""

    def __init__(self, writes: Writer) -> None:
        self._writes = writes
        self._tried: dict[str, _Tried] = {}

    async def put_right(self, world: World, desired: Json, live: Json) -> Json:
        """Apply the Deployment as it was rendered if somebody has changed it; returns it as it is then.

        What admission has changed in ekiben's own requests is left alone: it would do so again. What the API server
        refuses is told by `problems`, and tried again after ten minutes: a rollout does not wait for it.

        Raises:
            ConflictError: it has changed since it was read.
        """
        paths = tuple(path for path in differences(desired, live) if owners(live, path) != {MANAGER})
        uid, now = live["metadata"]["uid"], asyncio.get_running_loop().time()
        tried = self._tried.get(uid)
        if not paths:
            self._tried.pop(uid, None)
            return live
        if tried is not None and tried.paths == paths and now < tried.until:
            return live
        if len(self._tried) >= _MOST:
            self._tried.clear()
        try:
            made = await self._writes.ensure(world, kinds.DEPLOYMENT, desired, live, again=True)
        except (InvalidError, ForbiddenError) as error:
            self._tried[uid] = _Tried(paths, error.message, now + _AGAIN)
            return live
        self._tried.pop(uid, None)
        left = tuple(path for path in differences(desired, made) if path in paths)
        if left:
            self._tried[uid] = _Tried(left, "the API server keeps it", now + _AGAIN)
        await self._tell(world, live, [path for path in paths if path not in left])
        return made

    def problems(self, world: World) -> tuple[str, ...]:
        """Return what could not be put right on the Deployments of a resource, in plain English."""
        found = ((live, self._tried.get(live["metadata"]["uid"])) for live in world.deployments.values())
        return tuple(
            f"Deployment {live['metadata']['name']}: {_listed(tried.paths)} cannot be put right ({tried.why[:300]})"
            for live, tried in found
            if tried is not None
        )

    async def _tell(self, world: World, before: Json, paths: list[Path]) -> None:
        if not paths:
            return
        who = ", ".join(sorted({manager for path in paths for manager in owners(before, path)} - {MANAGER}))
        name = before["metadata"]["name"]
        message = f"Deployment {name}: {_listed(paths)} put back as ekiben had set it (changed by {who or 'somebody'})"
        ResourceLog(_log, world.resource.metadata.namespace, world.name).warning("%s", message)
        await tell(self._writes.cluster, world.raw, "Warning", "PutRight", message[:1000])


def _listed(paths: tuple[Path, ...] | list[Path]) -> str:
    shown = [words(path) for path in paths[:5]]
    return ", ".join(shown) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
