"""Streams of latencies in a bentoml server's buckets, and what no test can beat."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from statistics import NormalDist

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import xlogy

from .families import BEFORE, CANARY_PODS, LOOK, STABLE_PODS, Floats, Streams, seed

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 180.0)
"""The buckets of a bentoml server."""
_ANSWERS_BEFORE = 3000


@dataclass(frozen=True)
class Latency:
    """How long answers take: a share of the buckets for each revision."""

    name: str
    stable: Floats
    canary: Floats
    goal: float
    """How many times the bound detection may take, at most."""

    @property
    def worse(self) -> bool:
        """The canary is slower."""
        return not np.array_equal(self.stable, self.canary)


def lognormal(median: float, sigma: float) -> Floats:
    """Return the probability of each bucket."""
    normal = NormalDist()
    upto = np.array([normal.cdf(log(bound / median) / sigma) for bound in BOUNDS])
    return np.diff(upto, prepend=0.0, append=1.0)


def _mixed(share: float, of: Floats, other: Floats) -> Floats:
    return share * of + (1 - share) * other


_USUAL = lognormal(0.08, 0.6)
_QUICK = lognormal(0.02, 0.3)
_BIMODAL = _mixed(0.3, lognormal(0.4, 0.3), _QUICK)

EQUAL = (
    Latency("equal, lognormal", _USUAL, _USUAL, 0),
    Latency("equal, bimodal", _BIMODAL, _BIMODAL, 0),
)
SLOWER = (
    Latency("1.2 times slower", _USUAL, lognormal(0.096, 0.6), 1.5),
    Latency("1.5 times slower", _USUAL, lognormal(0.12, 0.6), 1.5),
    Latency("2 times slower", _USUAL, lognormal(0.16, 0.6), 1.5),
    Latency("3 % of requests 10 times slower", _USUAL, _mixed(0.03, lognormal(0.8, 0.6), _USUAL), 2.0),
    Latency("bimodal, its slow mode 2 times", _BIMODAL, _mixed(0.3, lognormal(0.8, 0.3), _QUICK), 2.0),
)


def draw(latency: Latency, rps: float, streams: int, looks: int, weight: float = 0.1, look: float = LOOK) -> Streams:
    """Return streams without errors; arguments as for errors."""
    rng = seed(latency.name, rps, streams, looks, weight, look)
    shares = np.repeat([weight / CANARY_PODS, (1 - weight) / STABLE_PODS], [CANARY_PODS, STABLE_PODS])
    n = rng.poisson(rps * look * shares, (streams, looks, CANARY_PODS + STABLE_PODS))
    hist = np.concatenate(
        [
            rng.multinomial(n[:, :, :CANARY_PODS], latency.canary),
            rng.multinomial(n[:, :, CANARY_PODS:], latency.stable),
        ],
        2,
    )
    nothing = np.zeros((streams, BEFORE, STABLE_PODS), np.int64)
    return Streams(
        n=n,
        errors=np.zeros_like(n),
        rates=np.zeros((streams, looks)),
        weights=np.full(looks, weight),
        late=np.ones(looks, bool),
        settled=np.ones(looks, bool),
        before=(nothing, nothing),
        hist=hist,
        history=rng.multinomial(_ANSWERS_BEFORE, latency.stable),
    )


def bound(latency: Latency, weight: float, alpha: float) -> float:
    """Return the canary's requests that any test of level alpha needs on average, about.

    ln(1/alpha) / (KL(canary, q) + r KL(stable, q)), r stable requests for one of the canary's, q their mixture.
    Source: A. Wald, Sequential Analysis (1947); the two-sample form by the nearest point of the null.
    """
    r = (1 - weight) / weight
    q = (latency.canary + r * latency.stable) / (1 + r)
    return log(1 / alpha) / (_divergence(latency.canary, q) + r * _divergence(latency.stable, q))


def ordered_bound(latency: Latency, weight: float, alpha: float) -> float:
    """Return the same where a canary that is not slower (stochastic order) is never to be convicted.

    What convicts this canary must not convict one that is merely different: the evidence may never fall as an answer
    takes longer. So the gain is that of `ordered_parts`, for each request of the canary.
    """
    part = ordered_parts(latency, weight)
    gain = xlogy(weight * latency.canary, part / weight)
    gain += xlogy((1 - weight) * latency.stable, (1 - part) / (1 - weight))
    return log(1 / alpha) * weight / float(gain.sum())


def ordered_parts(latency: Latency, weight: float) -> Floats:
    """Return the canary's part of the answers in each bucket, projected on those that never fall.

    Source: Robertson, Wright, Dykstra, Order Restricted Statistical Inference (1988), 1.5: weighted by all answers,
    this projection has the largest likelihood.
    """
    both = weight * latency.canary + (1 - weight) * latency.stable
    # Where neither answers nothing is known, and nothing matters.
    seen = np.maximum(both, 1e-12)
    part = isotonic_regression(weight * latency.canary / seen, weights=seen).x
    return np.clip(part, 1e-9, 1 - 1e-9)


def _divergence(p: Floats, q: Floats) -> float:
    some = p > 0
    return float((p[some] * np.log(p[some] / q[some])).sum())
