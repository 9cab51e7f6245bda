"""Writing children: what is already so is not written again, and nothing of somebody else's is taken over."""

from __future__ import annotations

from collections.abc import Callable

from ekiben.api.base import KIND
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ConflictError
from ekiben.cluster.kinds import Kind
from ekiben.objects.compare import differs
from ekiben.objects.meta import foreign, is_owned

from .pods import owner
from .world import Json, World


class BlockedError(Exception):
    """The API server refuses an action, and will until somebody changes something."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.new = False
        """Not told in the status before."""
        self.told = False
        """The status has it: everything else was carried out."""
        self.again = 60.0
        """Seconds until the next look."""


class Writer:
    """Makes, changes and deletes the children of a resource; counts what it does."""

    def __init__(self, cluster: Cluster, count: Callable[[str], None]) -> None:
        self.cluster = cluster
        self.count = count

    async def create(self, world: World, kind: Kind, desired: Json) -> Json:
        """Make an object that should not exist yet.

        Raises:
            BlockedError: one of somebody else's has the name.
            ConflictError: it exists by now.
        """
        namespace, name = world.resource.metadata.namespace, desired["metadata"]["name"]
        try:
            made = await self.cluster.create(kind, namespace, desired)
        except ConflictError:
            await self._refuse_foreign(world, kind, name)
            raise
        self.count(f"create {kind.kind}")
        return made

    async def ensure(self, world: World, kind: Kind, desired: Json, live: Json | None, *, again: bool = False) -> Json:
        """Apply an object unless it is as it should be; one that was read is written only if it has not changed.

        `again` applies it in any case: a field that is no longer named goes, and shows in no comparison.

        Raises:
            BlockedError: one of somebody else's has the name.
            ConflictError: it has changed since it was read.
        """
        if live is not None and not again and not differs(desired, live):
            return live
        if live is None:
            # Apply would take over an object of this name that somebody else made.
            await self._refuse_foreign(world, kind, desired["metadata"]["name"])
        version = live["metadata"]["resourceVersion"] if live else ""
        made = await self.cluster.apply(kind, world.resource.metadata.namespace, desired, version)
        self.count(f"apply {kind.kind}")
        return made

    async def label(self, world: World, kind: Kind, desired: Json) -> None:
        """Give the resource's own object its labels back, without which it is not found; of others it is left alone."""
        meta = desired["metadata"]
        found = await self.cluster.find(kind, meta["namespace"], meta["name"])
        if (
            found is None
            or not is_owned(found, world.resource)
            or not differs(meta["labels"], found["metadata"].get("labels") or {})
        ):
            return
        await self.cluster.merge(kind, meta["namespace"], meta["name"], {"metadata": {"labels": meta["labels"]}})
        self.count(f"label {kind.kind}")

    async def delete(self, world: World, kind: Kind, live: Json | None) -> None:
        """Delete exactly the object that was read."""
        if live is None:
            return
        meta = live["metadata"]
        await self.cluster.delete(kind, world.resource.metadata.namespace, meta["name"], meta["uid"])
        self.count(f"delete {kind.kind}")

    async def _refuse_foreign(self, world: World, kind: Kind, name: str) -> None:
        found = await self.cluster.find(kind, world.resource.metadata.namespace, name)
        problem = foreign({"kind": kind.kind, **found}, world.resource) if found else None
        former = owner(found, KIND) if found else None
        if problem and former and former[0] == world.resource.metadata.name:
            # Of a ModelDeployment that had this name before: it is about to be collected.
            raise ConflictError(f"{problem} (it is being removed)")
        if problem:
            raise BlockedError("NameTaken", problem)
