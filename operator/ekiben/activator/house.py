"""All models of one activator: a queue and a port each, as the operator's table says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from ekiben.objects.activation import Entry

from . import answers
from .door import Door, Waiting
from .figures import Figures
from .memory import CONNECTION, CONNECTIONS, Memory
from .onward import Onward
from .proxy import Proxy
from .queue import Queue

_log = logging.getLogger(__name__)
_ANSWER_SECONDS = 5.0
"""Seconds before the end in which callers are answered that no pod was found for."""
_REST = 60.0
"""Seconds in which a port that a model has left is no other's: gateways and nodes still send its requests there."""
_SPARE = 200
"""Connections of a model beyond those that wait or are on the way: they are answered with 503."""


@dataclass(frozen=True)
class Limits:
    """What bounds one activator."""

    max_body: int = 1024 * 1024 * 1024
    """Bytes of a request's body."""
    header_seconds: float = 30.0
    """Time to send a request's header."""
    memory: int = 256 * 1024 * 1024
    """Bytes that the requests of all models may take."""


@dataclass
class _Room:
    queue: Queue
    door: Door


class House:
    """Opens and closes ports as the table changes."""

    def __init__(self, figures: Figures, limits: Limits, address: str, instance: str = "") -> None:
        """Prepare; `instance` is the name that the operator knows this activator by."""
        self._instance = instance
        self._figures = figures
        self._limits = limits
        self._address = address
        self.connections = Memory(limits.memory // CONNECTIONS)
        self.memory = Memory(limits.memory - self.connections.total)
        self._way = Onward(limits.max_body)
        self._rooms: dict[str, _Room] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._left: dict[int, tuple[str, float]] = {}
        """Ports -> the model that has left them, and when."""

    @property
    def queues(self) -> dict[str, Queue]:
        """The queue of each model whose port is open."""
        return {key: room.queue for key, room in self._rooms.items()}

    @property
    def ports(self) -> dict[int, str]:
        """Port -> key of the model that it is open for."""
        return {room.queue.entry.port: key for key, room in self._rooms.items()}

    async def follow(self, table: Mapping[str, Entry]) -> None:
        """Take over the table, which has no port twice."""
        now = asyncio.get_running_loop().time()
        self._left = {port: left for port, left in self._left.items() if now - left[1] < _REST}
        for key in [key for key, room in self._rooms.items() if not _same(room.queue.entry, table.get(key))]:
            self._leave(key)
        for key, entry in table.items():
            room = self._rooms.get(key)
            if room is not None:
                room.queue.update(entry)
                room.door.most = _connections(entry)
            else:
                await self._enter(key, entry)

    def shut(self) -> None:
        """Take no new connection."""
        for room in self._rooms.values():
            room.door.shut()

    async def close(self, seconds: float) -> None:
        """Finish what is held, for so many seconds at most; shortly before, what waits still is told to come again."""
        self.shut()
        refusing = asyncio.get_running_loop().call_later(max(seconds / 2, seconds - _ANSWER_SECONDS), self._refuse)
        await asyncio.gather(*(room.door.close(seconds) for room in self._rooms.values()))
        refusing.cancel()
        self._refuse()
        leaving = tuple(self._leaving)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await self._way.close()

    def _refuse(self) -> None:
        for room in self._rooms.values():
            room.queue.close(answers.leaving(room.queue.entry.name))

    async def _enter(self, key: str, entry: Entry) -> None:
        if self._left.get(entry.port, (key,))[0] != key:
            # The table is told again every few minutes: its turn comes then.
            _log.warning("Port %d of %s was another model's a moment ago: it is opened later", entry.port, key)
            return
        queue = Queue(entry, self._instance)
        proxy = Proxy(queue, self._way, self._figures, self.memory, self._limits.max_body)
        door = Door(proxy.handle, _connections(entry), self._limits.header_seconds, self._waiting_room(entry))
        try:
            await door.open(self._address, entry.port)
        except OSError as error:
            _log.error("Port %d of %s cannot be opened: %s", entry.port, key, error)
            return
        self._rooms[key] = _Room(queue, door)
        _log.info("Taking requests of %s on port %d", key, entry.port)

    def _waiting_room(self, entry: Entry) -> Waiting:
        model = entry.namespace, entry.name
        return Waiting(
            lambda: self.connections.take(model, CONNECTION),
            lambda: self.connections.give(model, CONNECTION),
        )

    def _leave(self, key: str) -> None:
        room = self._rooms.pop(key)
        self._left[room.queue.entry.port] = key, asyncio.get_running_loop().time()
        room.queue.close(answers.gone(room.queue.entry.name))
        room.door.shut()
        leaving = asyncio.create_task(self._see_off(key, room))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        _log.info("Taking no requests of %s any more", key)

    async def _see_off(self, key: str, room: _Room) -> None:
        """Let what is on the way to a pod end."""
        await room.door.close(room.queue.entry.timeout)
        if key not in self._rooms:
            self._figures.forget((room.queue.entry.namespace, room.queue.entry.name))


def _connections(entry: Entry) -> int:
    """Return how many callers there may be at once: with each pod that becomes ready there may be more."""
    return entry.queue + _SPARE + entry.at_once * max(1, len(entry.pods))


def _same(entry: Entry, other: Entry | None) -> bool:
    return other is not None and (entry.uid, entry.port) == (other.uid, other.port)
