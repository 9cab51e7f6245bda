"""Simulated hours of traffic, judged by the analysis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log
from zlib import crc32

import numpy as np

from ekiben.analysis import Block, Config, Counts, Histogram, initial, step
from ekiben.analysis.block import Table
from ekiben.analysis.regression import Wealth, advance

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 180.0)
"""The buckets of a bentoml server."""


@dataclass(frozen=True)
class Traffic:
    """One family of streams."""

    requests: float
    """Requests a second, of both arms together."""
    stable: float = 0.01
    """Rate of errors of the stable."""
    canary: float = 0.01
    slower: float = 1.0
    """How many times longer the canary's answers take."""
    weight: float = 0.1
    look: float = 5.0
    """Seconds between two looks."""
    duration: float = 3600.0


def generator(traffic: Traffic, seed: int) -> np.random.Generator:
    """Return the source of chance of one stream; families share none of it."""
    return np.random.default_rng([crc32(repr(traffic).encode()), seed])


def one_metric(traffic: Traffic, seed: int, alpha: float) -> float:
    """Return the second of the conviction by errors alone, the whole of alpha on them and nothing tolerated; or inf."""
    rng = generator(traffic, seed)
    wealth, goal = Wealth(), log(1 / alpha)
    for look in range(1, int(traffic.duration / traffic.look) + 1):
        n = rng.poisson(traffic.requests * traffic.look)
        canary = int(rng.binomial(n, traffic.weight))
        baseline = int(n - canary)
        table = Table(
            int(rng.binomial(canary, traffic.canary)), canary, int(rng.binomial(baseline, traffic.stable)), baseline
        )
        wealth = advance(wealth, table, log_w0=0.0, log_goal=goal)
        if wealth.log_wealth >= goal - 1e-9:
            return look * traffic.look
    return inf


def whole_procedure(traffic: Traffic, seed: int, config: Config) -> tuple[str, float]:
    """Return the first verdict and its second, of the procedure as it stands; ("Unknown", inf) without one."""
    rng = generator(traffic, seed)
    before = _arm(rng, 5000, traffic.stable, 1.0)
    state = initial(config, Histogram(BOUNDS, before.hist))
    passed = inf
    for look in range(1, int(traffic.duration / traffic.look) + 1):
        n = rng.poisson(traffic.requests * traffic.look)
        share = int(rng.binomial(n, traffic.weight))
        canary = _arm(rng, share, traffic.canary, traffic.slower)
        baseline = _arm(rng, int(n - share), traffic.stable, 1.0)
        state, said = step(state, Block(str(look), look, {"c": canary}, {"b": baseline}, BOUNDS))
        if said.kind == "Regressed":
            return said.kind, look * traffic.look
        if said.kind == "NotWorse":
            passed = min(passed, look * traffic.look)
            break
    return ("NotWorse" if passed < inf else "Unknown"), passed


def faster_looks(traffic: Traffic) -> Traffic:
    """Return the same traffic, looked at each second, as the operator does."""
    return replace(traffic, look=1.0)


def _arm(rng: np.random.Generator, n: int, rate: float, slower: float) -> Counts:
    errors = int(rng.binomial(n, rate))
    took = slower * np.exp(rng.normal(log(0.08), 0.6, n - errors))
    hist = np.histogram(took, [0.0, *BOUNDS, np.inf])[0]
    return Counts(n, errors, tuple(int(count) for count in hist))
