"""One sample against a rate: may it be looked at continuously whether more events come up than that?

For an alternative p the factor of x events among n trials, against a rate p0, is

    (p/p0)^x ((1-p)/(1-p0))^(n-x)

which is a product over the trials. Each trial's factor is expected to be 1 where its event has probability p0,
whatever came before, and at most 1 where that probability lies on the other side of p0 than p: so the trials need not
be independent. A mixture over alternatives, with shares fixed before each block, is an e-process as well, and the
probability that it ever reaches 1/a is at most a.

Sources: J. Ville, Étude critique de la notion de collectif (1939), the inequality; H. Robbins, Statistical methods
related to the law of the iterated logarithm, Ann. Math. Statist. 41 (1970), mixtures; A. Wald, Sequential tests of
statistical hypotheses, Ann. Math. Statist. 16 (1945), the factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log1p

MORE = (1.3, 1.7, 2.3, 3.2, 5.0, 8.0, 14.0, 30.0, 100.0)
"""Odds of an event that are looked for, in units of the rate's."""
FEWER = (1 / 1.3, 1 / 2, 1 / 4, 1 / 10, 1 / 100)
_RESERVE = 0.15
_RELEASE = 60
"""The reserve's release slows down with t + this many blocks."""
_TINY = 1e-290


@dataclass(frozen=True)
class Wealth:
    """One e-process. The shares and the reserve sum to 1."""

    shares: tuple[float, ...]
    reserve: float = _RESERVE
    """Not staked yet: what begins late finds it untouched."""
    log_wealth: float = 0.0
    t: int = 0


def even(odds: tuple[float, ...]) -> Wealth:
    """Return the wealth before the first block."""
    return Wealth(tuple((1 - _RESERVE) / len(odds) for _ in odds))


def advance(wealth: Wealth, odds: tuple[float, ...], rate: float, events: int, trials: int) -> Wealth:
    """Return the wealth after events among trials; without trials nothing changes.

    Args:
        wealth: before.
        odds: of each alternative, in units of the objective's.
        rate: the objective.
        events: of the block.
        trials: of the block.
    """
    if trials == 0:
        return wealth
    # A long run that favours one alternative leaves less of the reserve than a number can hold.
    kept = max(wealth.reserve, _TINY)
    moved = kept / (wealth.t + _RELEASE)
    reserve = kept - moved
    stakes = [share + moved / len(odds) for share in wealth.shares]
    each = [log_factor(one, rate, events, trials) for one in odds]
    top = max(0.0, *each)
    parts = [stake * exp(one - top) for stake, one in zip(stakes, each, strict=True)]
    left = reserve * exp(-top)
    total = left + sum(parts)
    return Wealth(
        tuple(part / total for part in parts), left / total, wealth.log_wealth + top + log(total), wealth.t + 1
    )


def log_factor(odds: float, rate: float, events: int, trials: int) -> float:
    """Return the log of an alternative's factor; its odds of an event are `odds` times those of `rate`.

    With w = odds: p/p0 = w/(1 - p0 + w p0) and (1-p)/(1-p0) = 1/(1 - p0 + w p0).
    """
    return events * log(odds) - trials * log1p((odds - 1) * rate)
