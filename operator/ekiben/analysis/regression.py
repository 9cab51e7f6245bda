"""A sequential test of "the canary's odds of an event are at most w0 times the baseline's".

An e-process: a wealth that starts at 1 and, while the statement is true, is expected not to grow, whenever one looks.
Wealth of 1/alpha therefore comes up with probability alpha at most (Ville's inequality). Given the totals of a block,
the canary's events follow Fisher's noncentral hypergeometric distribution, which no drift common to both arms enters.

Sources: Turner, Ly, Grünwald, Generic E-variables for exact sequential k-sample tests (2x2 tables); ter Schure et al.,
The anytime-valid logrank test (conditioning); Fischer, Ramdas, Improving the (approximate) sequential probability
ratio test by avoiding overshoot (boosting).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log

import numpy as np

from .block import Table
from .exchange import log_mean
from .hypergeometric import Vector, log_pmf, support
from .wealth import DONE, FAR, Wealth, boost, released

ALTERNATIVES = (1.5, 2.0, 2.7, 3.7, 5.2, 7.5, 11.0, 20.0, 60.0)
"""Odds ratios looked for, in units of w0."""
_WEIGHTS = (0.8, 1.2, 1.2, 1.2, 1.2, 1.2, 1.1, 0.6, 0.3)
_LOG_ALTERNATIVES = np.log(np.array(ALTERNATIVES))
_PRIOR = np.array(_WEIGHTS) / sum(_WEIGHTS)
_LONGEST = 4000
"""More possible numbers of the canary's events than this are not listed: the effort would grow with the traffic, and
of so many requests one more or less is no matter."""


def informative(table: Table) -> bool:
    """Whether the table's margins leave anything to learn: both arms, some events, not only events."""
    events = table.canary_events + table.baseline_events
    return table.compares and 0 < events < table.canary_trials + table.baseline_trials


@dataclass(frozen=True)
class Bet:
    """What a block can do to the wealth, before the canary's share of its events is looked at."""

    low: int
    """The least possible number of the canary's events; vectors begin there."""
    null: Vector
    """f0: their probabilities when the odds ratio is w0; empty where there are too many of them, as the next two."""
    mixed: Vector
    """f0 times e: the mixture of null and alternatives; it sums to 1."""
    log_null: Vector
    log_norms: Vector
    """log of sum f0 W^x for each alternative."""
    reserve: float
    shares: Vector

    def log_e(self, x: int) -> tuple[float, Vector]:
        """Return log e(x) and log e_g(x) of each alternative, before boosting."""
        each = x * _LOG_ALTERNATIVES - self.log_norms
        return float(np.logaddexp.reduce(np.append(np.log(self.shares) + each, log(self.reserve)))), each


def bet(wealth: Wealth, table: Table, log_w0: float) -> Bet:
    """Return the stake on a block; of the table it uses the margins alone."""
    reserve, shares = released(wealth, _PRIOR)
    events = table.canary_events + table.baseline_events
    low, high = support(table.canary_trials, table.baseline_trials, events)
    if high - low > _LONGEST:
        none = np.empty(0)
        return Bet(low, none, none, none, _norms(table, events, log_w0), reserve, shares)
    log_null = log_pmf(table.canary_trials, table.baseline_trials, events, log_w0)
    tilted = log_null + _LOG_ALTERNATIVES[:, None] * np.arange(low, high + 1, dtype=np.float64)
    peaks = tilted.max(axis=1)
    tilted = np.exp(tilted - peaks[:, None])
    sums = tilted.sum(axis=1)
    null = np.exp(log_null)
    mixed = reserve * null + (shares / sums) @ tilted
    return Bet(low, null, mixed, log_null, peaks + np.log(sums), reserve, shares)


def _norms(table: Table, events: int, log_w0: float) -> Vector:
    """Return log of sum f0 W^x for each alternative, without f0: as means over all choices of the canary's requests."""
    others = table.canary_trials + table.baseline_trials - events
    logs = np.zeros((len(ALTERNATIVES) + 1, 2))
    logs[:, 1] = log_w0 + np.append(0.0, _LOG_ALTERNATIVES)
    means = log_mean(np.array([others, events], dtype=np.float64), table.canary_trials, logs)
    return np.asarray(means[1:] - means[0])


def advance(wealth: Wealth, table: Table, *, log_w0: float, log_goal: float) -> Wealth:
    """Return the wealth after one block.

    Args:
        table: events among trials of the block; an uninformative one changes nothing.
        log_w0: log of the odds ratio that is tolerated.
        log_goal: log of the wealth that convicts alone: log(1/(alpha share)); infinite where wealth beyond is of use.
    """
    room = log_goal - wealth.log_wealth
    if room <= DONE or not informative(table):
        return wealth
    stake = bet(wealth, table, log_w0)
    factor = boost(stake.null, stake.mixed, exp(room)) if room < FAR and stake.null.size else 1.0
    log_e, each = stake.log_e(table.canary_events)
    return replace(
        wealth,
        log_wealth=wealth.log_wealth + min(log(factor) + log_e, room),
        t=wealth.t + 1,
        reserve=exp(log(stake.reserve) - log_e),
        shares=tuple(float(share) for share in np.exp(np.log(stake.shares) + each - log_e)),
    )
