"""Fisher's noncentral hypergeometric distribution: a 2x2 table given its margins.

Source: R. A. Fisher, The logic of inductive inference, J. R. Stat. Soc. 98 (1935).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def support(canary_trials: int, baseline_trials: int, events: int) -> tuple[int, int]:
    """Return the least and the greatest number of the canary's events that the margins allow."""
    return max(0, events - baseline_trials), min(events, canary_trials)


def log_pmf(canary_trials: int, baseline_trials: int, events: int, log_odds_ratio: float) -> Vector:
    """Return log P(canary's events = x), x over the support, given all margins: C(n_c,x) C(n_b,m-x) w^x, normalised.

    Built from the ratio of neighbours, so that no factorial is needed: O(length of the support).
    """
    low, high = support(canary_trials, baseline_trials, events)
    x = np.arange(low, high, dtype=np.float64)
    up = (events - x) * (canary_trials - x)
    down = (x + 1) * (baseline_trials - events + x + 1)
    logs = np.empty(high - low + 1)
    logs[0] = 0.0
    np.cumsum(np.log(up / down) + log_odds_ratio, out=logs[1:])
    logs -= logs.max()
    logs -= np.log(np.exp(logs).sum())
    return logs
