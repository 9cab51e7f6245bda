"""A sequential test of "the canary is not slower than the tolerated stable", on whole latency histograms.

The tolerated stable: each answer of the stable takes latencyTolerance times longer. The canary is not slower where, at
every latency, no larger share of its answers takes longer (stochastic order). For ratios r that never fall with the
latency, and that were fixed before the block,

    e = prod over the canary's answers of r / mean over all choices of as many of the block's answers of that product

rises with each latency of the canary and falls with each of the stable. So its expectation is largest where both arms
answer alike, and there it is 1: e is an e-variable for the whole of the statement, not for its edge alone.

Sources: Ramdas, Grünwald, Vovk, Shafer, Game-theoretic statistics and safe anytime-valid inference (e-processes);
R. A. Fisher, The Design of Experiments (1935): permutation; Barlow, Bartholomew, Bremner, Brunk, Statistical Inference
under Order Restrictions (1972): the projection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, log
from zlib import crc32

import numpy as np

from .exchange import Matrix, log_mean, outcomes
from .histogram import Histogram, slowed
from .hypergeometric import Vector
from .normal import probability, probit
from .wealth import DONE, FAR, Wealth, boost, released

_SHIFTS = ((0.2, 1.2), (0.4, 1.2), (0.8, 1.2), (1.3, 1.2), (2.2, 0.6))
"""All answers slower: probits of the distribution, shifted; and the prior's weight."""
_TAILS = ((0.01, 0.7), (0.05, 0.7), (0.15, 0.4))
"""So large a share of the answers goes to the slowest tenth."""
_MODES = ((0.3, 2.0, 1.6), (0.1, 2.0, 0.9), (0.03, 3.0, 0.4))
"""The slowest 30, 10, 3 % take so many times longer: one mode of several that gets slower."""
_LEARNED = 0.1
"""Prior share of what the canary's answers so far look like."""
_LEARNING = 10
"""Answers that the stable's distribution counts for in it."""
_TOP = 0.9
_SMOOTHING = 0.05
_SMALLEST = 1e-3
_MOST = 400
"""So many outcomes of a block are looked at one by one: about as costly as their mean without looking at each."""
_NEAR, _MOST_NEAR = 2.5, 5000
"""So many where the goal is so near, in logs, that one block may well reach it: there boosting gains most."""
_WEIGHTS = np.array([weight for *_, weight in (*_SHIFTS, *_TAILS, *_MODES)])
_PRIOR = np.append((1 - _LEARNED) * _WEIGHTS / _WEIGHTS.sum(), _LEARNED)


@dataclass(frozen=True)
class Answers:
    """Successful answers so far."""

    baseline: Histogram
    canary: tuple[int, ...]
    """In the same buckets."""

    def plus(self, baseline: tuple[int, ...], canary: tuple[int, ...]) -> Answers:
        """Return the sum with further answers."""
        return Answers(self.baseline.plus(baseline), tuple(a + b for a, b in zip(self.canary, canary, strict=True)))

    def on(self, bounds: tuple[float, ...]) -> Answers:
        """Return them in fewer buckets."""
        return Answers(self.baseline.on(bounds), Histogram(self.baseline.bounds, self.canary).on(bounds).counts)


def log_ratios(expected: Vector, answers: Answers) -> Matrix:
    """Return log r of each alternative and bucket, (G, J), never falling.

    Args:
        expected: what the tolerated stable's answers are distributed like, (J,), none of it 0.
        answers: of earlier blocks.
    """
    upto = np.cumsum(expected)[:-1]
    probits = probit(upto)
    made = [_masses(probability(probits - shift)) for shift, _ in _SHIFTS]
    top = np.append(upto, 1.0) > _TOP
    made += [(1 - share) * expected + share * top / top.sum() for share, _ in _TAILS]
    made += [_slow_mode(expected, upto, slow, slowed(answers.baseline, times)) for slow, times, _ in _MODES]
    learned = np.array(answers.canary) + _LEARNING * expected
    made.append(learned / learned.sum())
    return np.log(np.maximum(_rising(np.array(made), expected), _SMALLEST))


def _masses(upto: Vector) -> Vector:
    return np.diff(upto, prepend=0.0, append=1.0)


def _slow_mode(expected: Vector, upto: Vector, slow: float, moved: Matrix) -> Vector:
    """Return where the answers go when the slowest of them, about so large a share, are moved on."""
    longer = np.clip(1 - upto, 1e-6, 1 - 1e-6)
    where = int(np.argmin(np.abs(np.log(longer / (1 - longer)) - log(slow / (1 - slow)))))
    slowest = np.where(np.arange(expected.size) > where, expected, 0.0)
    return np.asarray(expected - slowest + slowest @ moved)


def _rising(masses: Matrix, expected: Vector) -> Matrix:
    """Return the ratios masses/expected, projected on those that never fall (least squares weighted by expected)."""
    size = expected.size
    inside = np.triu(np.ones((size, size), dtype=bool))
    starts = np.concatenate([np.zeros((len(masses), 1)), np.cumsum(masses, axis=1)[:, :-1]], axis=1)
    base = np.cumsum(expected)
    spans = np.where(inside, base[None, :] - np.append(0.0, base[:-1])[:, None], 1.0)
    means = np.where(inside, (np.cumsum(masses, axis=1)[:, None, :] - starts[:, :, None]) / spans, inf)
    least = np.minimum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]
    return np.asarray(np.where(inside, least, -inf).max(axis=1))


def tolerated(block_id: str, baseline: tuple[int, ...], past: Histogram, slowdown: float) -> tuple[int, ...]:
    """Return the stable's answers as if each took `slowdown` times longer.

    Where in its bucket an answer lies is drawn, as the stable's answers of earlier blocks (`past`) let expect. So each
    of a block's answers is moved by what was fixed before the block, and by a draw that depends on the block's id
    alone, so that a replay is exact.
    """
    if slowdown == 1:
        return baseline
    # No chance enters: the same block is always moved alike.
    moved = np.random.default_rng(crc32(block_id.encode())).multinomial(baseline, slowed(past, slowdown))
    return tuple(int(count) for count in moved.sum(axis=0))


def expectation(baseline: Histogram, slowdown: float) -> Vector:
    """Return the distribution of the tolerated stable, smoothed by 0.05 answers a bucket, (J,)."""
    smoothed = np.array(baseline.counts, dtype=np.float64) @ slowed(baseline, slowdown) + _SMOOTHING
    return np.asarray(smoothed / smoothed.sum())


def advance(
    wealth: Wealth,
    answers: Answers,
    canary: tuple[int, ...],
    baseline: tuple[int, ...],
    *,
    slowdown: float,
    goal: float,
) -> Wealth:
    """Return the wealth after one block.

    Args:
        wealth: before it.
        answers: of earlier blocks: the alternatives are made of them.
        canary: the block's answers of the canary, by bucket.
        baseline: those of the stable, as they are tolerated.
        slowdown: the tolerance.
        goal: log of the wealth that convicts; infinite where wealth beyond is of use.
    """
    pooled = tuple(a + b for a, b in zip(canary, baseline, strict=True))
    chosen, room = sum(canary), goal - wealth.log_wealth
    if room <= DONE or not chosen or chosen == sum(pooled) or sum(count > 0 for count in pooled) < 2:
        return wealth
    reserve, shares = released(wealth, _PRIOR)
    ratios = log_ratios(expectation(answers.baseline, slowdown), answers)
    norms, factor = _norms(pooled, chosen, ratios, reserve, shares, room)
    each = ratios @ np.array(canary, dtype=np.float64) - norms
    log_e = float(np.logaddexp.reduce(np.append(np.log(shares) + each, log(reserve))))
    return replace(
        wealth,
        log_wealth=wealth.log_wealth + min(log(factor) + log_e, room),
        t=wealth.t + 1,
        reserve=exp(log(reserve) - log_e),
        shares=tuple(float(share) for share in np.exp(np.log(shares) + each - log_e)),
    )


def _norms(
    pooled: tuple[int, ...], chosen: int, ratios: Matrix, reserve: float, shares: Vector, room: float
) -> tuple[Vector, float]:
    """Return log mean of each alternative's product, and the factor that may be gained by boosting."""
    every = outcomes(pooled, chosen, _MOST_NEAR if room < _NEAR else _MOST) if room < FAR else None
    if every is None:
        return log_mean(np.array(pooled, dtype=np.float64), chosen, ratios), 1.0
    histograms, null = every
    products = histograms @ ratios.T
    peaks = products.max(axis=0)
    tilted = np.exp(products - peaks) * null[:, None]
    sums = tilted.sum(axis=0)
    mixed = reserve * null + tilted @ (shares / sums)
    order = np.argsort(mixed / null, kind="stable")
    return peaks + np.log(sums), boost(null[order], mixed[order], exp(room))
