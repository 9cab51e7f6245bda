"""What latencyTolerance tolerates, where latencies are narrow or wide: in a server's buckets, and in evidence."""

from math import inf, log

import numpy as np
import pytest
from scipy.stats import lognorm

from ekiben.analysis.histogram import Histogram, slowed
from ekiben.analysis.slowness import Answers, advance, tolerated
from ekiben.analysis.wealth import Wealth

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 180.0)
TOLERANCE = 1.1
ALPHA = 0.01
SHARE = 0.4
NARROW_AND_WIDE = [(0.24, 0.1), (0.15, 0.1), (0.09, 0.15), (0.22, 0.2), (0.08, 0.3), (0.08, 0.6)]
"""Medians and spreads; most medians lie near a bound, where all answers cross it at once."""


def below(median: float, sigma: float) -> np.ndarray:
    return np.asarray(lognorm.cdf(BOUNDS, sigma, scale=median))


def masses(median: float, sigma: float) -> np.ndarray:
    return np.diff(below(median, sigma), prepend=0.0, append=1.0)


def histogram(total: int, p: np.ndarray) -> Histogram:
    return Histogram(BOUNDS, tuple(round(total * share) for share in p))


@pytest.mark.parametrize("sigma", [0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.9])
@pytest.mark.parametrize("total", [1_000, 20_000, 10_000_000])
def test_no_less_is_tolerated_than_was_asked_for(sigma, total):
    for median in np.exp(np.linspace(log(0.03), log(0.9), 40)):
        past = histogram(total, masses(median, sigma))
        shares = np.array(past.counts) / past.total
        found = np.cumsum(shares @ slowed(past, TOLERANCE))[:-1]
        # Smoothing, and what rounded counts say of a tail, are the rest.
        assert (found <= below(median * TOLERANCE, sigma) + 0.001 + 20 / total).all()


@pytest.mark.parametrize("share", [0.0005, 0.0015])
def test_a_few_quick_answers_do_not_tell_where_the_others_begin(share):
    past = histogram(100_000, (1 - share) * masses(0.24, 0.1) + share * masses(0.02, 0.3))
    found = np.cumsum(np.array(past.counts) / past.total @ slowed(past, TOLERANCE))[:-1]
    true = (1 - share) * below(0.24 * TOLERANCE, 0.1) + share * below(0.02 * TOLERANCE, 0.3)
    assert (found <= true + 0.001).all()


def convicted(median: float, sigma: float, slower: float, seed: int, blocks: int) -> float:
    """Return the block after which latency alone convicts: 50 requests a second, blocks of 20 s, 10 % weight."""
    rng = np.random.default_rng([seed, int(1000 * median), int(1000 * sigma)])
    stable, canary = masses(median, sigma), masses(median * slower, sigma)
    answers = Answers(Histogram(BOUNDS, tuple(rng.multinomial(2000, stable).tolist())), (0,) * len(stable))
    wealth, goal = Wealth(), log(1 / (ALPHA * SHARE))
    for block in range(blocks):
        mine, theirs = tuple(rng.multinomial(100, canary).tolist()), tuple(rng.multinomial(900, stable).tolist())
        moved = tolerated(f"{seed}-{block}", theirs, answers.baseline, TOLERANCE)
        wealth = advance(wealth, answers, mine, moved, slowdown=TOLERANCE, goal=goal)
        answers = answers.plus(theirs, mine)
        if wealth.log_wealth >= goal - 1e-9:
            return block + 1
    return inf


@pytest.mark.parametrize(("median", "sigma"), NARROW_AND_WIDE)
def test_a_canary_that_is_slower_by_the_tolerance_is_not_convicted(median, sigma):
    found = [convicted(median, sigma, TOLERANCE, seed, 60) for seed in range(12)]
    # Two of 12 come up once in 170 times where the bound is just kept.
    assert sum(at < inf for at in found) <= 1


@pytest.mark.parametrize(("median", "sigma"), [one for one in NARROW_AND_WIDE if one != (0.15, 0.1)])
def test_a_canary_that_is_half_as_slow_again_is_found_soon(median, sigma):
    assert max(convicted(median, sigma, 1.5, seed, 10) for seed in range(4)) <= 6
