"""What the activators have counted: the growth of each one's counters, added up.

The sum of the counters themselves jumps where an activator comes back that was out of sight, by all that it has ever
counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ekiben.objects.activation import key_of

from ..queue import Key
from .seen import Seen

_Source = tuple[str, str]
"""(IP address, name of the pod): an address may be another pod's later."""
_NONE = (0, 0)


@dataclass
class _Model:
    uid: str
    last: dict[_Source, tuple[int, int]]
    arrived: int = 0
    forwarded: int = 0


class Counted:
    """(arrived, forwarded) of each model since it is followed; both only grow."""

    def __init__(self) -> None:
        self._models: dict[Key, _Model] = {}

    def of(self, key: Key, uid: str) -> tuple[int, int]:
        """Return how many requests have arrived, and how many were handed on."""
        found = self._models.get(key)
        return (found.arrived, found.forwarded) if found is not None and found.uid == uid else _NONE

    def take(self, activators: Collection[Seen], followed: Mapping[Key, str]) -> None:
        """Take one look at the activators.

        Args:
            activators: as they were just seen; one that matters and could not be read keeps its last counters.
            followed: models -> their uid.
        """
        self._models = {
            key: known if (known := self._models.get(key)) is not None and known.uid == uid else _Model(uid, {})
            for key, uid in followed.items()
        }
        for key, model in self._models.items():
            counters = {one.source: one.counters(key_of(*key), model.uid) for one in activators if one.matters}
            now = {source: found for source, found in counters.items() if found is not None}
            for source, found in now.items():
                # What an activator had counted before it was first seen has happened before: it is no load of now.
                before = model.last.get(source, found)
                model.arrived += _growth(before[0], found[0])
                model.forwarded += _growth(before[1], found[1])
            model.last = now


def _growth(before: int, now: int) -> int:
    """Return by how much a counter has grown; one that has fallen has begun again."""
    return now - before if now >= before else now
