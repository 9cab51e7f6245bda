"""What is remembered of one metric."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .block import Table
from .noise import QUIET
from .wealth import Wealth


class LatencyMode(StrEnum):
    """What is known about the boundary between quick and slow answers."""

    FIXED = "fixed"
    PENDING = "pending"
    """The stable has not answered often enough yet."""
    ABSENT = "absent"
    """The stable exports no latency histogram; latency is left out of the verdict."""


@dataclass(frozen=True)
class Metric:
    """One metric: errors, rejected requests, or latency."""

    share: float
    """Share of alpha, fixed before the first block."""
    log_w0: float
    """Log of the odds ratio that is tolerated; of latency, at the boundary."""
    wealth: Wealth = field(default_factory=Wealth)
    log_not_worse: float = 0.0
    totals: Table = field(default_factory=Table)
    """Over all blocks that had trials in both arms; of latency, answers beyond the boundary."""
    noise: float = QUIET
    """Log of what differences between pods alone may have made of the wealth; below 0 nothing."""

    @property
    def log_evidence(self) -> float:
        """Log of the wealth, less what pods may have made of it."""
        return self.wealth.log_wealth - max(0.0, self.noise)
