"""The test of latencies, told how long the canary's answers take: what it costs not to know that is what ours adds."""

from __future__ import annotations

from math import exp, log

import numpy as np

from ekiben.analysis.exchange import log_mean, outcomes
from ekiben.analysis.wealth import DONE, boost

from .families import CANARY_PODS, Floats, Streams
from .latencies import Latency, ordered_parts
from .rivals import NEVER

_MOST = 5000
"""Outcomes of a block that are looked at one by one."""


def ordered(streams: Streams, latency: Latency, weight: float, alpha: float) -> Floats:
    """Return the block after which it convicts, or NEVER, (B,).

    The product of the best ratios that never fall over its mean over all choices, boosted as the product's is, with one
    alternative and no reserve.
    """
    part = ordered_parts(latency, weight)
    ratios = np.log(part / (1 - part))
    assert streams.hist is not None
    canary, stable = streams.hist[:, :, :CANARY_PODS].sum(2), streams.hist[:, :, CANARY_PODS:].sum(2)
    return np.array([_one(c, b, ratios, log(1 / alpha)) for c, b in zip(canary, stable, strict=True)])


def _one(canary: np.ndarray, stable: np.ndarray, ratios: Floats, goal: float) -> float:
    room = goal
    for number, (mine, other) in enumerate(zip(canary, stable, strict=True), 1):
        pooled = tuple(int(count) for count in mine + other)
        if mine.any() and other.any() and np.count_nonzero(pooled) > 1:
            room -= min(room, _gained(pooled, mine, ratios, room))
        if room <= DONE:
            return number
    return NEVER


def _gained(pooled: tuple[int, ...], canary: np.ndarray, ratios: Floats, room: float) -> float:
    every = outcomes(pooled, int(canary.sum()), _MOST)
    if every is None:
        return float(ratios @ canary - log_mean(np.array(pooled, float), int(canary.sum()), ratios[None])[0])
    histograms, null = every
    logs = histograms @ ratios
    mixed = null * np.exp(logs - logs.max())
    log_norm = float(logs.max() + log(mixed.sum()))
    mixed /= mixed.sum()
    order = np.argsort(mixed / null, kind="stable")
    return log(boost(null[order], mixed[order], exp(room))) + float(ratios @ canary) - log_norm
