"""Which of a block's answers are the canary's: chance alone decides that, while both arms answer alike.

Given the pooled histogram of a block, every choice of n_c of its answers is then equally likely to be the canary's.
The mean over all choices of a product of ratios r, one factor an answer, is a coefficient of a generating function,

    mean = [z^n_c] prod_j (1 + r_j z)^m_j / C(N, n_c),

and that coefficient is, tilted so that n_c is its mean, a probability of a sum of independent Bernoulli variables. It
is had from their characteristic function, by a sum over so few points that the effort does not grow with the traffic.

Source: W. Hoeffding, On the distribution of the number of successes in independent trials (1956), for such sums; the
inversion is the discrete Fourier transform's.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, combinations_with_replacement
from math import acos, ceil, comb, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from .hypergeometric import Vector

Matrix = NDArray[np.float64]
_NEWTON = 6
_EXPONENT = 40.0
"""What is below exp(-40) of the largest term is left out."""
_TINY = 1e-290
_MOST_ANSWERS = 100_000
"""In all outcomes of a block that are looked at one by one."""


def log_mean(counts: Vector, chosen: int, log_ratios: Matrix) -> Vector:
    """Return the log of the mean, over all choices of `chosen` answers, of the product of their ratios, (G,).

    Args:
        counts: answers in each bucket, of both arms, (J,).
        chosen: how many of them are the canary's; not 0 and not all.
        log_ratios: log r of each alternative and bucket, (G, J).
    """
    met = counts > 0
    m = counts[met]
    # The first row, of ratios 1, counts the choices themselves.
    rows = np.vstack([np.zeros(m.size), log_ratios[:, met]])
    tilt = _tilt(m, chosen, rows)
    p = 1 / (1 + np.exp(-(rows + tilt[:, None])))
    log_sums = np.log1p(np.exp(rows + tilt[:, None])) @ m - chosen * tilt + np.log(_hits(m, chosen, p))
    return np.asarray(log_sums[1:] - log_sums[0])


def _tilt(m: Vector, chosen: int, rows: Matrix) -> Vector:
    """Return log z with which about `chosen` answers are expected, by Newton's method; any z gives the same mean."""
    total = float(m.sum())
    even = log(chosen / (total - chosen))
    low, high = even - rows.max(axis=1), even - rows.min(axis=1)
    tilt = np.clip(even - rows @ m / total, low, high)
    for _ in range(_NEWTON):
        p = 1 / (1 + np.exp(-(rows + tilt[:, None])))
        tilt = np.clip(tilt - (p @ m - chosen) / ((p * (1 - p)) @ m), low, high)
    return tilt


def _hits(m: Vector, chosen: int, p: Matrix) -> Vector:
    """Return P(S = chosen), S a sum of m_j Bernoulli(p_j) for each j, for each row of p."""
    variances = (p * (1 - p)) @ m
    # So many points that what is counted once too often (S off by a multiple of them) is next to impossible.
    points = min(int(m.sum()) + 1, ceil(32 + 9.5 * sqrt(float(variances.max()))))
    # |phi(t)| <= exp(-variance (1 - cos t)): beyond some angle nothing is left.
    reach = 1 - _EXPONENT / float(variances.min())
    last = points // 2 if reach <= -1 else min(points // 2, ceil(acos(reach) * points / (2 * pi)))
    angles = 2 * pi * np.arange(last + 1) / points
    turns = np.exp(1j * angles) - 1
    logs = np.log1p(p[:, None, :] * turns[None, :, None]) @ m - 1j * angles * chosen
    twice = np.full(last + 1, 2.0)
    twice[0] = 1.0
    if 2 * last == points:
        twice[-1] = 1.0
    return np.asarray(np.exp(logs).real @ twice / points)


def outcomes(counts: tuple[int, ...], chosen: int, most: int) -> tuple[Matrix, Vector] | None:
    """Return every histogram that the canary may have, (K, J), and its probability, (K,).

    None where there may be more than `most`, or where they have too many answers altogether.
    """
    met = [index for index, count in enumerate(counts) if count]
    ways = comb(len(met) + chosen - 1, chosen)
    # Of few buckets there are few ways, each with many answers.
    if ways > most or ways * chosen > _MOST_ANSWERS:
        return None
    every = _compositions(len(met), chosen)
    m = np.array([counts[index] for index in met])
    possible = every[(every <= m).all(axis=1)]
    logs = _log_choose(m, possible).sum(axis=1)
    probabilities = np.exp(logs - logs.max())
    # What is next to impossible would make 0/0 of its e-value.
    likely = probabilities > _TINY
    histograms = np.zeros((int(likely.sum()), len(counts)))
    histograms[:, met] = possible[likely]
    return histograms, probabilities[likely] / probabilities[likely].sum()


def _log_choose(m: NDArray[np.int64], x: NDArray[np.int64]) -> Matrix:
    """Return log C(m, x) for few x."""
    logs = np.zeros(x.shape)
    for step in range(int(x.max(initial=0))):
        taken = step < x
        logs += np.where(taken, np.log(np.where(taken, m - step, 1) / (step + 1)), 0.0)
    return logs


@lru_cache(maxsize=32)
def _compositions(parts: int, total: int) -> NDArray[np.int64]:
    """Return every way to share out `total` among `parts`, (K, parts)."""
    ways = comb(parts + total - 1, total)
    picked = np.fromiter(
        chain.from_iterable(combinations_with_replacement(range(parts), total)), np.int64, count=ways * total
    )
    rows = np.repeat(np.arange(ways) * parts, total)
    return np.bincount(rows + picked, minlength=ways * parts).reshape(ways, parts)
