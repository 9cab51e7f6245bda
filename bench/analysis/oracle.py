"""Tests that know what nobody can know: the rates, or the odds ratio that the canary has."""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from .families import CANARY_PODS, Floats, Ints, Streams, worse
from .rivals import NEVER


def two_rates(streams: Streams, odds: float, alpha: float) -> Floats:
    """Return the look after which a two-arm SPRT convicts that knows both rates in each block, or NEVER.

    Since when the canary is worse it knows as well.

    The likelihood of the true rates over that of one rate for both, their mean weighted with the requests; it convicts
    at 1/alpha. Source: A. Wald, Sequential Analysis (1947). Of pods' peculiarities it knows nothing.
    """
    shown = streams.settled
    n, errors = streams.n[:, shown], streams.errors[:, shown]
    canary, stable = slice(None, CANARY_PODS), slice(CANARY_PODS, None)
    n_c, n_b = n[:, :, canary].sum(2), n[:, :, stable].sum(2)
    p_b = np.maximum(streams.rates[:, shown], 1e-9)
    p_c = np.asarray(worse(p_b, odds))
    q = (n_c * p_c + n_b * p_b) / np.maximum(n_c + n_b, 1)
    both = (n_c > 0) & (n_b > 0) & streams.late[shown]
    q = np.where(both, q, 0.5)
    gain = _ratio(errors[:, :, canary].sum(2), n_c, p_c, q) + _ratio(errors[:, :, stable].sum(2), n_b, p_b, q)
    reached = np.cumsum(np.where(both, gain, 0.0), 1) >= log(1 / alpha)
    looks = np.flatnonzero(shown) + 1.0
    return np.where(reached.any(1), looks[reached.argmax(1)], NEVER)


def conditional(n_c: Ints, n_b: Ints, x_c: Ints, x_b: Ints, odds: float, alpha: float) -> Floats:
    """Return the block after which the conditional boosted test convicts that is given the true odds ratio, or NEVER.

    The same test as the product's, with one alternative and no reserve; arrays (B, T). Margins that leave nothing to
    learn change nothing.
    """
    streams, blocks = n_c.shape
    log_wealth, goal = np.zeros(streams), log(1 / alpha)
    found = np.full(streams, NEVER)
    for block in range(blocks):
        m = x_c[:, block] + x_b[:, block]
        a, b = n_c[:, block], n_b[:, block]
        on = np.flatnonzero((found == NEVER) & (a > 0) & (b > 0) & (m > 0) & (m < a + b))
        if not on.size:
            continue
        null, e = _one_alternative(a[on], b[on], m[on], odds)
        room = goal - log_wealth[on]
        factor = _boost(null, e, np.exp(room))
        at = x_c[on, block] - np.maximum(0, m[on] - b[on])
        gained = np.log(factor * np.take_along_axis(e, at[:, None], 1)[:, 0])
        log_wealth[on] += np.minimum(gained, room)
        found[on[log_wealth[on] >= goal - 1e-9]] = block + 1
    return found


def _ratio(events: Ints, trials: Ints, p: Floats, q: Floats) -> Floats:
    return np.asarray(events * np.log(p / q) + (trials - events) * (np.log1p(-p) - np.log1p(-q)))


def _one_alternative(n_c: Ints, n_b: Ints, m: Ints, odds: float) -> tuple[Floats, Floats]:
    """Return f0 and e over the support from its lower end on, (B, W); both 0 beyond the upper end."""
    low, high = np.maximum(0, m - n_b), np.minimum(m, n_c)
    x = low[:, None] + np.arange(int((high - low).max()) + 1)
    inside = x <= high[:, None]
    kept = np.minimum(x, high[:, None])
    parts = (kept, n_c[:, None] - kept, m[:, None] - kept, n_b[:, None] - m[:, None] + kept)
    logs = np.where(inside, -sum(gammaln(part + 1.0) for part in parts), -np.inf)
    null = np.exp(logs - logs.max(1, keepdims=True))
    null /= null.sum(1, keepdims=True)
    tilt = np.exp((x - low[:, None]) * log(odds))
    return null, np.where(inside, tilt / (null * tilt).sum(1, keepdims=True), 0.0)


def _boost(null: Floats, e: Floats, cap: Floats) -> Floats:
    """Return b >= 1 with sum f0 min(b e, cap) = 1 for each row: the largest x are capped while b e exceeds the cap."""
    mixed = null * e
    tail: NDArray[np.float64] = np.cumsum(null[:, ::-1], 1)[:, ::-1] - null
    candidates = (1 - cap[:, None] * tail) / np.maximum(np.cumsum(mixed, 1), 1e-300)
    fits = (candidates * e <= cap[:, None] * (1 + 1e-12)) & (null > 0) & (candidates > 0)
    last = null.shape[1] - 1 - fits[:, ::-1].argmax(1)
    chosen = np.take_along_axis(candidates, last[:, None], 1)[:, 0]
    return np.where(fits.any(1), np.maximum(1.0, chosen), 1.0)
