"""Streams of counts: what may happen to both revisions alike, with a canary that is no worse and with one that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ekiben.analysis import Histogram, quantile, settle_seconds

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LOOK = 5.0
"""Seconds of a block."""
BEFORE = 24
"""Looks at the stable alone, while the canary's pods start."""
MINUTE = 12
"""Looks in a minute."""
CANARY_PODS = 2
STABLE_PODS = 6
TIMEOUT = 60.0
"""Seconds that a request may take, a resource's default."""
_DELAYS = (0.0, 0.0, 0.1, 0.3, 0.3, 0.2, 0.1)
"""Of slow successes: the share that takes so many blocks, 0 and more."""


def _steady(rng: np.random.Generator, streams: int, looks: int, p0: float) -> Floats:
    return np.full((streams, looks), p0)


@dataclass(frozen=True)
class Family:
    """What happens to both revisions, whatever the canary is like."""

    name: str
    rate: Callable[[np.random.Generator, int, int, float], Floats] = _steady
    """(generator, streams, looks, p0) -> the stable's rate of errors in each block, (streams, looks)."""
    weights: tuple[float, ...] = (0.1,)
    """The canary's shares of the requests, one after the other, equally long."""
    onset: float = 0.0
    """The canary is worse from this part of the stream on."""
    gaps: bool = False
    """Whole minutes without any reading, and others in which the canary gets nothing."""
    slow: bool = False
    """Successes take 10 to 30 s, errors nothing: what completes first after a change of weight are errors."""
    skew: float = 0.0
    """The canary is read later than the stable by this part of a block."""
    correlation: float = 0.0
    """Of two requests to the same pod, in whether they fail."""
    redrawn: bool = True
    """What is peculiar to a pod is drawn anew in each block, or else once for its life."""
    rps: float = 50.0
    """Requests a second, of both revisions."""
    claimed: bool = True
    """alpha is claimed here."""


@dataclass(frozen=True)
class Streams:
    """B streams of T blocks from K pods, the canary's first."""

    n: Ints
    """Requests, (B, T, K)."""
    errors: Ints
    rates: Floats
    """The stable's rate of errors, (B, T), known to an oracle alone."""
    weights: Floats
    """The canary's share of the requests, (T,)."""
    late: NDArray[np.bool_]
    """From which block on the canary may be worse, (T,)."""
    settled: NDArray[np.bool_]
    """Blocks that are counted, (T,): others follow too soon after a change of weight."""
    before: tuple[Ints, Ints]
    """Requests and errors of the stable's pods while the canary's start, (B, BEFORE, K - canary pods)."""
    hist: Ints | None = None
    """Successful answers by latency bucket, (B, T, K, J)."""
    history: Ints | None = None
    """The stable's answers before the canary, (J,)."""


def worse(p0: float | Floats, odds: float) -> float | Floats:
    """Return the rate whose odds are `odds` times those of p0."""
    return odds * p0 / (1 - p0 + odds * p0)


def seed(*parts: object) -> np.random.Generator:
    """Return a source of chance; two families share none of it, and a second run has the same."""
    return np.random.default_rng(crc32(repr(parts).encode()))


def draw(family: Family, p0: float, odds: float, rps: float, streams: int, looks: int, part: int = 0) -> Streams:
    """Return streams of errors.

    Args:
        family: what happens to both.
        p0: the stable's usual rate of errors.
        odds: the canary's odds of an error over the stable's; 1 when it is no worse.
        rps: requests a second, of both revisions.
        streams: how many.
        looks: blocks of each.
        part: which of several draws that share no chance.
    """
    rng = seed(family.name, p0, odds, rps, streams, looks, *([part] if part else []))
    rates = family.rate(rng, streams, looks, p0)
    weights = np.repeat(family.weights, -(-looks // len(family.weights)))[:looks]
    shares = np.concatenate(
        [
            np.repeat(weights[:, None] / CANARY_PODS, CANARY_PODS, 1),
            np.repeat((1 - weights[:, None]) / STABLE_PODS, STABLE_PODS, 1),
        ],
        1,
    )
    n = rng.poisson(rps * LOOK * shares, (streams, looks, CANARY_PODS + STABLE_PODS))
    if family.gaps:
        _gap(rng, n)
    seen = np.concatenate([rates[:, 1:], rates[:, -1:]], 1) * family.skew + rates * (1 - family.skew)
    late = np.arange(looks) >= family.onset * looks
    canary = np.where(late, worse(seen, odds), seen)
    pods = np.concatenate(
        [np.repeat(canary[:, :, None], CANARY_PODS, 2), np.repeat(rates[:, :, None], STABLE_PODS, 2)], 2
    )
    quiet = np.full((streams, BEFORE, STABLE_PODS), p0)
    if family.correlation:
        pods, quiet = _peculiar(rng, family, pods, quiet)
    errors = rng.binomial(n, pods)
    n_before = rng.poisson(rps * LOOK / STABLE_PODS, quiet.shape)
    settled = np.ones(looks, bool)
    if len(family.weights) > 1:
        for begin in range(0, looks, -(-looks // len(family.weights))):
            settled[begin : begin + 2] = False
    if family.slow:
        n = _delayed(rng, n, errors)
        settled[: _settling()] = False
    return Streams(n, errors, rates, weights, late, settled, (n_before, rng.binomial(n_before, quiet)))


def _gap(rng: np.random.Generator, n: Ints) -> None:
    minutes = n.shape[1] // MINUTE
    nothing = np.repeat(rng.random((len(n), minutes)) < 0.15, MINUTE, 1)
    idle = np.repeat(rng.random((len(n), minutes)) < 0.15, MINUTE, 1)
    n[:, : minutes * MINUTE][nothing] = 0
    n[:, : minutes * MINUTE, :CANARY_PODS][idle] = 0


def _peculiar(rng: np.random.Generator, family: Family, pods: Floats, quiet: Floats) -> tuple[Floats, Floats]:
    """Return each pod's own rates: beta distributed around the common ones, with the family's correlation."""
    concentration = 1 / family.correlation - 1
    if family.redrawn:
        return _beta(rng, pods, concentration), _beta(rng, quiet, concentration)
    # For its life: one draw, as a factor of the odds.
    usual = quiet[:, :1, :1]
    own = _beta(rng, np.repeat(usual, pods.shape[2], 2), concentration)
    factor = np.maximum(own / (1 - own), 1e-12) / (usual / (1 - usual))
    return np.asarray(worse(pods, factor)), np.asarray(worse(quiet, factor[:, :, CANARY_PODS:]))


def _beta(rng: np.random.Generator, mean: Floats, concentration: float) -> Floats:
    return rng.beta(np.maximum(mean, 1e-9) * concentration, (1 - mean) * concentration)


def _settling() -> int:
    """Return the blocks that the operator throws away by the stable's 99th percentile, as its buckets have it."""
    upto = np.cumsum(_DELAYS)
    counts = [int(1000 * upto[1]), int(1000 * (upto[2] - upto[1])), int(1000 * (upto[-1] - upto[2])), 0]
    p99 = quantile(Histogram((LOOK, 10.0, 30.0), tuple(counts)), 0.99)
    return ceil(settle_seconds(LOOK, p99, TIMEOUT) / LOOK)


def _delayed(rng: np.random.Generator, n: Ints, errors: Ints) -> Ints:
    """Return completions: errors at once, successes 10 to 30 s later. The stable's began long before."""
    done = errors.copy()
    successes = n - errors
    for look in range(n.shape[1]):
        for delay, part in enumerate(np.moveaxis(rng.multinomial(successes[:, look], _DELAYS), -1, 0)):
            if look + delay < n.shape[1]:
                done[:, look + delay] += part
    for look in range(6):
        done[:, look, CANARY_PODS:] = n[:, look, CANARY_PODS:]
    return done


def _drift(rng: np.random.Generator, streams: int, looks: int, p0: float) -> Floats:
    return np.repeat(p0 * np.linspace(0.5, 2.5, looks)[None], streams, 0)


def _bursts(rng: np.random.Generator, streams: int, looks: int, p0: float) -> Floats:
    return np.where(rng.random((streams, looks)) < 0.05, 0.3, p0)


def _rise(rng: np.random.Generator, streams: int, looks: int, p0: float) -> Floats:
    return np.repeat(np.where(np.arange(looks) < looks / 2, p0, 3 * p0)[None], streams, 0)


FAMILIES = (
    Family("constant"),
    Family("drift, both 0.5 to 2.5 times", rate=_drift),
    Family("common bursts of 30 % errors", rate=_bursts),
    Family("changing weights 5, 20, 50 %", weights=(0.05, 0.2, 0.5)),
    Family("late onset, at half time", onset=0.5),
    Family("common rise at half time", rate=_rise),
    Family("gaps in traffic and readings", gaps=True),
    Family("slow success, fast error", slow=True),
    Family("scrape skew of 2 %, bursts", rate=_bursts, skew=0.02),
    Family("pod noise redrawn, 0.002", correlation=0.002, rps=200),
    Family("pod noise redrawn, 0.005", correlation=0.005, rps=200),
    Family("pod noise redrawn, 0.02", correlation=0.02, rps=200),
    Family("pod noise for life, 0.005", correlation=0.005, rps=200, redrawn=False, claimed=False),
)
