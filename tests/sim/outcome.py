"""What came of one history."""

from __future__ import annotations

from dataclasses import dataclass

from .looks import Looks


@dataclass
class Outcome:
    """What came of one history."""

    seed: int
    violations: list[str]
    told: list[str]
    looks: Looks
    looked: int
    writes: int
    seconds: float
    """How long it took in virtual time."""
