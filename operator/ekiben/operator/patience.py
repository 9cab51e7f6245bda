"""When to look again at what no watch tells of: Gateways, and routes that are not ekiben's own."""

from __future__ import annotations

import math

from ekiben.api.status import Status

from .queue import Key
from .world import World

_FIRST = 5.0
_LONGEST = 60.0


class Patience:
    """Remembers since when each resource has waited for a Gateway. Times in seconds."""

    def __init__(self) -> None:
        self._since: dict[Key, float] = {}

    def wait(self, key: Key, world: World, status: Status, now: float) -> float:
        """Return the seconds until the next look; infinity where the watches tell of everything.

        A missing Gateway is looked for after 5 s, each time twice as late, but at least every minute. A route of the
        user's is read every 5 s while a rollout moves its entry, and every minute otherwise.
        """
        waits = [math.inf]
        if world.gateway_problem:
            # By the time that has passed, and not by the looks: there are many while a resource is young.
            waits.append(min(_LONGEST, max(_FIRST, now - self._since.setdefault(key, now))))
        else:
            self._since.pop(key, None)
        if world.users_route is not None or world.left_route is not None:
            waits.append(_FIRST if status.rollout is not None or world.left_route is not None else _LONGEST)
        return min(waits)

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._since.pop(key, None)
