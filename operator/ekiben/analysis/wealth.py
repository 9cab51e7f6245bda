"""The wealth of a sequential test: what is staked on which alternative, what is kept back, and where it is of use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hypergeometric import Vector

RESERVE = 0.15
_RELEASE = 60
"""The reserve's release slows down with t + this many blocks."""
DONE = 1e-12
"""Room under the goal, in logs, with which a test is over."""
FAR = 200.0
"""Room, in logs, from which on no block reaches the goal: nothing is gained by boosting, and the cap would overflow."""
_TINY = 1e-290


@dataclass(frozen=True)
class Wealth:
    """State of a test. The wealth begins at 1 and is not expected to grow while the tested statement is true."""

    log_wealth: float = 0.0
    t: int = 0
    """Informative blocks so far."""
    reserve: float = RESERVE
    """Share not yet staked on any alternative: a regression that begins late finds it untouched."""
    shares: tuple[float, ...] = ()
    """Shares staked on each alternative; with the reserve they sum to 1. Before the first block empty: the prior's."""


def released(wealth: Wealth, prior: Vector) -> tuple[float, Vector]:
    """Return reserve and shares for the next block: a little of the reserve is staked, as the prior says."""
    # Where nothing caps a wealth, it may leave so little of the reserve that a number cannot hold it.
    kept = max(wealth.reserve, _TINY)
    moved = kept / (wealth.t + _RELEASE)
    staked = np.array(wealth.shares) if wealth.shares else (1 - wealth.reserve) * prior
    return kept - moved, staked + moved * prior


def boost(null: Vector, mixed: Vector, cap: float) -> float:
    """Return b >= 1 with sum f0 min(b e, cap) = 1, for e = mixed/null rising and cap >= 1.

    What e has above the cap is of no use, since the cap already convicts; b spends it on smaller e.

    Source: Fischer, Ramdas, Improving the (approximate) sequential probability ratio test by avoiding overshoot.
    """
    # What is next to impossible adds nothing below, and is above the cap beyond.
    possible = null > _TINY
    null, mixed = null[possible], mixed[possible]
    tail = np.append(np.cumsum(null[:0:-1])[::-1], 0.0)
    candidates = (1.0 - cap * tail) / np.cumsum(mixed)
    fits = np.flatnonzero(candidates * mixed <= cap * null)
    # The tail grows from the top, while its least member is above the cap.
    return max(1.0, float(candidates[fits[-1]])) if fits.size else 1.0
