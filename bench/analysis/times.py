"""How long a verdict takes with the defaults: the table of docs/analysis.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ekiben.analysis import Block, Config, Counts, Histogram, initial, step

from .families import Floats, seed
from .latencies import BOUNDS, lognormal

WEIGHT = 0.1
STABLE_PODS = 2
_LONGEST = 3600.0
_ANSWERS_BEFORE = 3000
_MEDIAN, _SIGMA = 0.08, 0.6
_FEWEST = 5.0
"""Requests of the canary in a block, on average: the operator makes its blocks so long."""


@dataclass(frozen=True)
class Case:
    """A canary, and the traffic of both revisions together."""

    name: str
    rps: float
    stable: float = 0.01
    """Rate of errors."""
    canary: float = 0.01
    slower: float = 1.0
    verdict: str = "Regressed"


CASES = (
    Case("0 -> 50 % errors, 50 requests/s", 50, 0.0, 0.5),
    Case("1 -> 5 % errors, 100 requests/s", 100, canary=0.05),
    Case("1 -> 5 % errors, 10 requests/s", 10, canary=0.05),
    Case("3 times slower, 100 requests/s", 100, slower=3.0),
    Case("1.5 times slower, 100 requests/s", 100, slower=1.5),
    Case("1.5 times slower, 10 requests/s", 10, slower=1.5),
    Case("1.2 times slower, 100 requests/s", 100, slower=1.2),
    Case("healthy, 100 requests/s", 100, verdict="NotWorse"),
    Case("healthy, 10 requests/s", 10, verdict="NotWorse"),
)


def measure(job: tuple[Case, int]) -> tuple[Case, Floats]:
    """Return the seconds until the verdict in each of so many streams; inf where an hour is not enough."""
    case, streams = job
    rng = seed("times", case)
    return case, np.array([_seconds(case, rng) for _ in range(streams)])


def _seconds(case: Case, rng: np.random.Generator) -> float:
    length = max(1.0, _FEWEST / (case.rps * WEIGHT))
    stable, canary = lognormal(_MEDIAN, _SIGMA), lognormal(_MEDIAN * case.slower, _SIGMA)
    history = rng.multinomial(_ANSWERS_BEFORE, stable)
    state = initial(Config(), Histogram(BOUNDS, tuple(history.tolist())))
    share = case.rps * length * (1 - WEIGHT) / STABLE_PODS
    for number in range(int(_LONGEST / length)):
        block = Block(
            str(number),
            number * length,
            {"c0": _pod(rng, case.rps * length * WEIGHT, case.canary, canary)},
            {f"s{pod}": _pod(rng, share, case.stable, stable) for pod in range(STABLE_PODS)},
            BOUNDS,
            WEIGHT,
        )
        state, said = step(state, block)
        if said.kind == case.verdict:
            return (number + 1) * length
        if said.kind == "Regressed":
            break
    return np.inf


def _pod(rng: np.random.Generator, requests: float, rate: float, latencies: Floats) -> Counts:
    n = int(rng.poisson(requests))
    errors = int(rng.binomial(n, rate))
    return Counts(n, errors, tuple(rng.multinomial(n - errors, latencies).tolist()))
