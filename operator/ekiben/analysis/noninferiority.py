"""A sequential test that lets a canary pass: H0 is p_canary >= max(p_baseline + delta, rho p_baseline).

An e-process as well: each block is multiplied by the likelihood of the pooled rate so far, in both arms, over that of
the nearest pair of rates (a, b) in H0. H0 is convex, so the nearest pair makes this an e-variable.

Where the margin is an odds ratio w, H0 is "the canary's odds are at least w times the baseline's". The block's margins
are taken as given, and each block is multiplied by the likelihood of equal odds over that of w. That falls with each of
the canary's events, so that its expectation is 1 at w and at most 1 beyond it, whatever the rates are and do.

Source: Turner, Ly, Grünwald, Generic E-variables for exact sequential k-sample tests, section on convex nulls; for odds
R. A. Fisher, The logic of inductive inference.
"""

from __future__ import annotations

from math import log, log1p, nextafter

import numpy as np

from .block import Table
from .exchange import log_mean

_PRIOR_EVENTS = 0.5
_PRIOR_TRIALS = 30.5
_HALVINGS = 60
_HIGHEST = nextafter(1.0, 0.0)


def pooled_rate(past: Table) -> float:
    """Return the rate of events over both arms in past blocks, shrunk towards 1.6 % while there is little."""
    events = past.canary_events + past.baseline_events
    return (_PRIOR_EVENTS + events) / (_PRIOR_TRIALS + past.canary_trials + past.baseline_trials)


def nearest_null(
    q: float, canary_trials: float, baseline_trials: float, delta: float, rho: float
) -> tuple[float, float]:
    """Return (a, b) of H0 nearest to rate q in both arms: least n_c KL(q||a) + n_b KL(q||b), a = max(b + delta, rho b).

    The objective falls while a < q and is convex beyond, so its derivative is bisected.
    """
    low, high = 0.0, min(q, 1 - delta, 1 / rho)
    for _ in range(_HALVINGS):
        b = (low + high) / 2
        shifted, scaled = b + delta, rho * b
        a, slope = (shifted, 1.0) if shifted >= scaled else (scaled, rho)
        if not low < b < high or a >= 1:
            break
        derivative = canary_trials * slope * (a - q) / (a * (1 - a)) + baseline_trials * (b - q) / (b * (1 - b))
        low, high = (b, high) if derivative < 0 else (low, b)
    b = low if low > 0 else high
    # A margin next to 1 leaves no room for a sum below 1, and a rate of 1 has no logarithm of what is left.
    return min(max(b + delta, rho * b), _HIGHEST), b


def log_increment(past: Table, table: Table, delta: float, rho: float) -> float:
    """Return the log of the block's factor; 0 when an arm has no trials."""
    if not table.compares:
        return 0.0
    q = pooled_rate(past)
    a, b = nearest_null(q, table.canary_trials, table.baseline_trials, delta, rho)
    return _log_ratio(table.canary_events, table.canary_trials, q, a) + _log_ratio(
        table.baseline_events, table.baseline_trials, q, b
    )


def log_odds_increment(table: Table, odds: float) -> float:
    """Return the log of the block's factor where the margin is an odds ratio; 0 where the block cannot tell."""
    events = table.canary_events + table.baseline_events
    others = table.canary_trials + table.baseline_trials - events
    if not table.compares or not events or not others:
        return 0.0
    log_odds = log(odds)
    means = log_mean(np.array([others, events], dtype=np.float64), table.canary_trials, np.array([[0.0, log_odds]]))
    return float(means[0]) - table.canary_events * log_odds


def _log_ratio(events: int, trials: int, q: float, p: float) -> float:
    return events * log(q / p) + (trials - events) * (log1p(-q) - log1p(-p))
