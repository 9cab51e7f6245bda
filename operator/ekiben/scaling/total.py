"""The load of a whole model, whichever revision carries it: what each share of it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from .config import Config
from .learn import Learned
from .profile import Profile
from .shares import ALL, needed

_WEIGHT_MOVES_IN = 5.0
"""Seconds that a gateway takes to move requests, besides."""
_AHEAD = 1.2
"""How much more than it has now a load may have soon, where nobody can say how it grows."""
_NOT_WORTH_A_POD = 1e-6


@dataclass(frozen=True)
class Followed:
    """By what ekiben's own loop has counted."""

    config: Config
    load: Profile
    """Of all revisions together."""
    learned: Mapping[str, Learned] = field(default_factory=dict)
    """Revision -> what is known of its pods."""
    kept: int = 0
    """The most replicas that all requests needed ahead within the scale-down delay: a bound that moves with every look
    would have pods come and go with it."""

    def replicas(self, revision: str, weight: int, *, ahead: bool = False) -> int | None:
        """Return the replicas that a revision needs for `weight` per cent of the requests; None where nobody knows.

        Args:
            revision: whose pods they are.
            weight: the share, in per cent.
            ahead: for the load as it may be when a pod that is asked for now has started.
        """
        seconds = self.load.starts_in + _WEIGHT_MOVES_IN if ahead else 0.0
        found = needed(self.config, self.load, weight, learned=self.learned.get(revision), seconds=seconds)
        return max(found, self.kept) if ahead and found is not None and weight >= ALL else found


@dataclass(frozen=True)
class Used:
    """By what HorizontalPodAutoscalers have measured of CPU, or whatever each request costs its share of."""

    replicas_for_all: float
    """Replicas that all requests keep at their target."""

    def replicas(self, _revision: str, weight: int, *, ahead: bool = False) -> int | None:
        """Return the replicas that a revision needs for `weight` per cent of the requests."""
        if weight <= 0:
            return 0
        share = self.replicas_for_all * (_AHEAD if ahead else 1.0) * min(weight, ALL) / ALL
        return max(1, ceil(share - _NOT_WORTH_A_POD))


Total = Followed | Used
