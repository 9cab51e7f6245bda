"""What the activators of a sleeping model hold: one more signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ekiben.operator.queue import Key


@dataclass(frozen=True)
class Held:
    """What all activators together hold, and have counted, for one resource."""

    waiting: float = 0.0
    """Requests that wait for a pod now."""
    arrived: int = 0
    """Requests that came to the activators since the resource is followed: grows only."""
    forwarded: int = 0
    """Requests that they handed on to pods, which count them once more."""
    known: bool = True
    """False where an activator that is in the path could not be read: then nothing sleeps and nothing falls."""
    ready: bool = True
    """An activator is ready to hold requests; otherwise nothing is put to sleep."""


class Holding(Protocol):
    """Knows what the activators hold."""

    async def read(self, key: Key, timeout: float) -> Held | None:  # noqa: ASYNC109
        """Return it, within the timeout (seconds); None where there are no activators. Raises nothing."""
