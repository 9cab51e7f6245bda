"""A seeded guard of what is promised: false rollbacks, and how fast a regression is found."""

from collections.abc import Callable, Iterator
from math import inf, sin
from statistics import median

import numpy as np
import pytest

from ekiben.analysis import Block, Config, Counts, Histogram, initial, step

BOUNDS = (0.1, 1.0)
HISTORY = Histogram(BOUNDS, (9000, 900, 100))
Rates = Callable[[int, np.random.Generator], tuple[float, float]]
"""Tick -> rate of errors of both arms, and the canary's weight."""


def constant(_tick: int, _rng: np.random.Generator) -> tuple[float, float]:
    return 0.02, 0.1


def drifting(tick: int, _rng: np.random.Generator) -> tuple[float, float]:
    return 0.03 + 0.028 * sin(tick / 30), 0.1


def bursting(_tick: int, rng: np.random.Generator) -> tuple[float, float]:
    return (0.4 if rng.random() < 0.05 else 0.005), 0.1


def reweighted(tick: int, _rng: np.random.Generator) -> tuple[float, float]:
    return 0.02 + 0.0002 * tick, (0.05, 0.2, 0.5)[min(tick // 60, 2)]


def stream(rates: Rates, seed: int, ticks: int, odds: float = 1.0, requests: float = 60) -> Iterator[Block]:
    """Both arms behave alike at odds 1; slow answers come with the errors, so that the metrics depend on each other."""
    rng = np.random.default_rng([seed, ticks])
    for tick in range(ticks):
        rate, weight = rates(tick, rng)
        worse = odds * rate / (1 - rate + odds * rate)
        arms = []
        for share, p in ((weight, worse), (1 - weight, rate)):
            n = int(rng.poisson(requests * share))
            errors = int(rng.binomial(n, p))
            slow = int(rng.binomial(n - errors, min(1.0, 3 * rate)))
            arms.append(Counts(n, errors, (n - errors - slow, slow, 0)))
        yield Block(str(tick), tick, {"c": arms[0]}, {"b": arms[1]}, BOUNDS)


def convicted_at(blocks: Iterator[Block], config: Config) -> float:
    state = initial(config, HISTORY)
    for block in blocks:
        state, said = step(state, block)
        if said.kind == "Regressed":
            return block.t + 1
    return inf


@pytest.mark.parametrize("rates", [constant, drifting, bursting, reweighted])
def test_false_rollbacks_stay_within_the_bound(rates):
    # Tolerances of 1 put the truth on the edge of the null, where the bound is hardest to keep.
    config = Config(alpha=0.1, error_tolerance=1, latency_tolerance=1)
    streams = 80
    convicted = sum(convicted_at(stream(rates, seed, 100), config) < inf for seed in range(streams))
    # The bound, and three standard deviations of a simulation of this size.
    assert convicted <= 0.1 * streams + 3 * (0.1 * 0.9 * streams) ** 0.5


def test_a_regression_is_found_about_as_fast_as_specified():
    # 1 -> 5 % at 200 requests/s and 10 % weight: 11.5 s with the whole of alpha on one metric; here it has half.
    def one_per_cent(_tick: int, _rng: np.random.Generator) -> tuple[float, float]:
        return 0.01, 0.1

    times = [convicted_at(stream(one_per_cent, seed, 120, odds=5.21, requests=200), Config()) for seed in range(25)]
    assert median(times) <= 18
