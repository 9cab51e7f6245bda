"""The table that activators read: who sleeps, on which port, and where the pods are."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ConflictError
from ekiben.objects.activation import FIRST_PORT, LAST_PORT, TABLE, Entry, entries, key_of

from ..queue import Key

_PORTS = LAST_PORT - FIRST_PORT + 1
_TRIES = 5
_MOST_BYTES = 1000 * 1000
"""A ConfigMap has 1 MiB, and the names of its keys count."""
_ROOM = 128
"""Bytes for a model's first pods, and the activators' names, that no other model gets."""


class NoPortError(Exception):
    """Every port of the activators is some model's."""


class FullError(Exception):
    """The table has no space for one more model."""


class Table:
    """The ConfigMap, which operators write; at a change of leader two may do so for a moment.

    A port is given out on what was read, so each write names the version that was: the second of two reads again.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._entries: dict[str, Entry] = {}
        self._sizes: dict[str, int] = {}
        self._size = 0
        self._version = ""
        self._writing = asyncio.Lock()
        self.installed = False

    @property
    def entries(self) -> dict[str, Entry]:
        """The entries as they were last read or written."""
        return dict(self._entries)

    async def read(self) -> None:
        """Read it: somebody may have changed it.

        Raises:
            ClusterError: the API server was not reached, or refuses.
        """
        async with self._writing:
            await self._read()

    def port(self, namespace: str, name: str, uid: str) -> int:
        """Return a model's port; 0 where it has none."""
        entry = self._entries.get(key_of(namespace, name))
        return entry.port if entry is not None and entry.uid == uid else 0

    def entry(self, key: Key) -> Entry | None:
        """Return what the activators were told of a model."""
        return self._entries.get(key_of(*key))

    async def ensure(self, wanted: Entry) -> bool:
        """Write a model's entry, with the port that it has or a new one; returns whether anything was written.

        Raises:
            NoPortError: there is none left.
            FullError: it has no space left.
            ClusterError: the API server was not reached, or refuses.
        """

        async def write() -> bool:
            before = self._entries.get(wanted.key)
            kept = before is not None and before.uid == wanted.uid
            entry = replace(wanted, port=before.port if before is not None and kept else self._free(wanted.uid))
            entry = self._fitting(entry, new=before is None)
            if entry == before:
                return False
            await self._put(entry.key, entry.to_json())
            self._note(entry.key, entry)
            return True

        return await self._decide(write)

    async def forget(self, namespace: str, name: str) -> bool:
        """Remove a model's entry; returns whether there was one.

        Raises:
            ClusterError: the API server was not reached, or refuses.
        """
        key = key_of(namespace, name)

        async def write() -> bool:
            if key not in self._entries:
                return False
            await self._put(key, None)
            self._note(key, None)
            return True

        return await self._decide(write)

    async def _decide(self, write: Callable[[], Awaitable[bool]]) -> bool:
        """Write, and where somebody else has written since, read and decide again."""
        async with self._writing:
            for _ in range(_TRIES - 1):
                try:
                    return await write()
                except ConflictError:
                    await self._read()
            return await write()

    async def _read(self) -> None:
        found = await self._cluster.find(kinds.CONFIG_MAP, self._namespace, TABLE)
        self.installed = found is not None
        self._version = found["metadata"]["resourceVersion"] if found is not None else ""
        read = entries(found or {}, {entry.port: key for key, entry in self._entries.items()})
        self._entries, self._sizes, self._size = {}, {}, 0
        for key, entry in read.items():
            self._note(key, entry)

    def _note(self, key: str, entry: Entry | None) -> None:
        self._size -= self._sizes.pop(key, 0)
        if entry is None:
            self._entries.pop(key, None)
            return
        self._entries[key] = entry
        self._sizes[key] = _reserved(entry)
        self._size += self._sizes[key]

    def _fitting(self, entry: Entry, *, new: bool) -> Entry:
        """Return the entry with as many of its pods as there is space for; one that is there already gets one at least.

        Raises:
            FullError: there is none for another entry.
        """
        most = _MOST_BYTES - (self._size - self._sizes.get(entry.key, 0))
        if new and _reserved(replace(entry, pods=entry.pods[:1])) > most:
            raise FullError(
                f"the table of the activators is full, with {len(self._entries)} models: "
                "write minReplicas: 1 for models that need not sleep"
            )
        while len(entry.pods) > 1 and _reserved(entry) > most:
            entry = replace(entry, pods=entry.pods[: len(entry.pods) // 2])
        return entry

    async def _put(self, key: str, text: str | None) -> None:
        version = {"metadata": {"resourceVersion": self._version}} if self._version else {}
        written = await self._cluster.merge(kinds.CONFIG_MAP, self._namespace, TABLE, {**version, "data": {key: text}})
        self._version = written["metadata"]["resourceVersion"]

    def _free(self, uid: str) -> int:
        """Return a port. A port that is freed is not the next that is given out: a gateway may still know it."""
        taken = {entry.port for entry in self._entries.values()}
        first = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4])
        for number in range(_PORTS):
            port = FIRST_PORT + (first + number) % _PORTS
            if port not in taken:
                return port
        raise NoPortError(
            f"all {_PORTS} ports of the activators are in use: write minReplicas: 1 for models that need not sleep"
        )


def _reserved(entry: Entry) -> int:
    bare = replace(entry, pods=(), activators=())
    return len(entry.key) + max(len(entry.to_json()), len(bare.to_json()) + _ROOM)
