"""Whether a model sleeps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SleepPhase(StrEnum):
    """Where a model stands."""

    AWAKE = "awake"
    """It has pods, or is to have them."""
    ASLEEP = "asleep"
    """Nobody asks for it: it is to have none."""
    WAKING = "waking"
    """It is to have pods, and none is ready yet."""


@dataclass(frozen=True)
class Sleep:
    """Where a model stands, and since when."""

    phase: SleepPhase = SleepPhase.AWAKE
    since: float = 0.0
    """Seconds since the epoch; 0 where it never slept while this operator ran."""
