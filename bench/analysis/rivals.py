"""The rules of Argo Rollouts, Flagger and Kayenta, each as its documentation has it, with what it leaves to the user.

Each rule gets counters that are exact and never late: no delay of a metrics server is held against it. A span without
requests of the canary counts for nobody. The numbers are the ones in the documentation's examples; where it gives
several, the one that decides sooner. A rule returns for each stream the look after which it goes back, or `NEVER`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from .families import CANARY_PODS, MINUTE, Floats, Ints, Streams
from .latencies import BOUNDS

NEVER = inf
_KAYENTA_LOOK = 10
_Z = 2.3263478740408408
"""The normal quantile of a two-sided confidence interval of 98 %."""


def argo(streams: Streams) -> Floats:
    """Argo Rollouts, "Analysis & Progressive Delivery": success rate >= 95 %, each minute, failureLimit 3.

    `failureLimit` is how many measurements may fail: the fourth convicts. The documentation's first example measures
    every 5 minutes, another one every 60 s; this is the quicker one. No example is about latency.
    """
    errors, n, _ = _minutes(streams)
    failed = (n > 0) & (errors > 0.05 * n)
    return _nth(failed, 4)


def flagger(streams: Streams) -> Floats:
    """Flagger, "How it works", "Metrics Analysis": success >= 99 % and P99 <= 500 ms, each minute, threshold 5.

    A check that fails is counted, whatever comes after it; the fifth convicts (10 in another example). P99 is
    Prometheus' histogram_quantile: linear inside a bucket.
    """
    errors, n, hist = _minutes(streams)
    failed = (n > 0) & (errors > 0.01 * n)
    if hist is not None:
        failed |= _quantile(hist, 0.99) > 0.5
    return _nth(failed, 5)


def kayenta(streams: Streams) -> Floats:
    """Kayenta's judge (NetflixACAJudge-v1.0): Mann-Whitney on one value a minute, fails when "High"; each ten minutes.

    High: the lower end of the 98 % confidence interval of the difference lies above 0.25 times the Hodges-Lehmann
    estimate of it (tolerance 0.25, effect size at least 1); with one metric a failure scores 0, below any threshold.
    Values: the share of errors, or P99. All values since the start are used. Spinnaker's "Best practices" ask for 50
    values and an interval of an hour; a look every ten minutes is in the rule's favour where time counts.
    """
    errors, n, hist = _minutes(streams)
    stable_errors, stable_n, stable_hist = _minutes(streams, stable=True)
    if hist is not None and stable_hist is not None:
        ours, theirs = _quantile(hist, 0.99), _quantile(stable_hist, 0.99)
    else:
        with np.errstate(invalid="ignore", divide="ignore"):
            ours, theirs = errors / n, stable_errors / stable_n
    found = np.full(len(n), NEVER)
    for minute in range(_KAYENTA_LOOK, n.shape[1] + 1, _KAYENTA_LOOK):
        for stream in np.flatnonzero(found == NEVER):
            x, y = ours[stream, :minute], theirs[stream, :minute]
            if _high(x[np.isfinite(x)], y[np.isfinite(y)]):
                found[stream] = minute * MINUTE
    return found


@dataclass(frozen=True)
class Rule:
    """A rule, and its settings in a few words."""

    name: str
    settings: str
    judge: Callable[[Streams], Floats]
    latency: bool = True
    """Its documentation has a rule for latency."""


RULES = (
    Rule("Argo", "success >= 95 % each minute, failureLimit 3", argo, latency=False),
    Rule("Flagger", "success >= 99 %, P99 <= 500 ms each minute, threshold 5", flagger),
    Rule("Kayenta", "Mann-Whitney 98 %, tolerance 0.25, on minutes, a look every 10 min", kayenta),
)


def _minutes(streams: Streams, *, stable: bool = False) -> tuple[Ints, Ints, Ints | None]:
    """Return errors, requests and answers by bucket of one revision in each whole minute, (B, minutes[, J])."""
    arm = slice(CANARY_PODS, None) if stable else slice(None, CANARY_PODS)
    minutes = streams.n.shape[1] // MINUTE

    def summed(counts: Ints) -> Ints:
        whole = counts[:, : minutes * MINUTE, arm].sum(2)
        return np.asarray(whole.reshape(len(whole), minutes, MINUTE, *whole.shape[2:]).sum(2))

    return summed(streams.errors), summed(streams.n), None if streams.hist is None else summed(streams.hist)


def _nth(failed: NDArray[np.bool_], nth: int) -> Floats:
    """Return the look after the minute of the nth failure."""
    count = failed.cumsum(1) >= nth
    return np.where(count.any(1), (count.argmax(1) + 1.0) * MINUTE, NEVER)


def _quantile(hist: Ints, fraction: float) -> Floats:
    """Return a quantile as Prometheus' histogram_quantile does; nan without answers."""
    upto = hist.cumsum(-1)
    total = upto[..., -1]
    goal = fraction * total
    index = np.minimum((upto < goal[..., None]).sum(-1), len(BOUNDS) - 1)
    below = np.where(index > 0, np.take_along_axis(upto, np.maximum(index - 1, 0)[..., None], -1)[..., 0], 0)
    inside = np.take_along_axis(hist, index[..., None], -1)[..., 0]
    edges = np.array([0.0, *BOUNDS])
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.clip((goal - below) / inside, 0, 1)
    return np.where(total > 0, edges[index] + (edges[index + 1] - edges[index]) * part, np.nan)


def _high(x: Floats, y: Floats) -> bool:
    """Whether the interval of x - y lies above a quarter of its estimate: the statistic falls as the shift rises."""
    if not len(x) or not len(y) or np.unique(np.append(x, y)).size == 1:
        return False
    differences = x[:, None] - y[None, :]
    shift = 0.25 * abs(float(np.median(differences)))
    above = (differences > shift).sum() + 0.5 * (differences == shift).sum() - differences.size / 2
    _, ties = np.unique(np.append(x - shift, y), return_counts=True)
    total = len(x) + len(y)
    spread = differences.size / 12 * (total + 1 - (ties.astype(float) ** 3 - ties).sum() / (total * (total - 1)))
    higher_mean = float(x.mean()) >= float(y.mean())
    return bool(spread > 0 and higher_mean and (above - 0.5) / spread**0.5 > _Z)
