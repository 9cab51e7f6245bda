"""Pods are not alike: how far that alone explains a difference between two revisions.

A pod's rate is multiplied by a frailty of its own, gamma-distributed with mean 1 and shape kappa. B(kappa) is the
likelihood of all pods' events with such frailties over the one without, the common rate integrated out. Under
frailties of shape kappa, wealth / B(kappa) is expected not to grow, as the wealth is where pods are alike: B is the
ratio of the two measures. So the wealth is divided by the largest of rho(kappa) B(kappa), and by 1. B is taken twice:
of the counts so far (frailties that last as long as their pods), and as a product over blocks (drawn anew in each).

Source: V. Vovk, R. Wang, E-values (2021), on changing measures; Clayton, Kaldor (1987): gamma frailties of counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import log
from zlib import crc32

import numpy as np

from .block import POOLED, Block, Counts
from .exchange import Matrix
from .hypergeometric import Vector

FEWEST_PODS = 3
"""Pods of the stable with which their differences can be told from the canary's."""
FEWEST_FOR_LATENCY = 2
"""The same for latency: pods rarely fail differently, but no two nodes are equally fast."""
_LASTING = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
DRAWN = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_BELIEF = {1.0: 0.01, 3.0: 0.03}
"""rho of frailties that last, where it is not the usual one: a sick pod is rare, and would hide a bad canary's."""
_BELIEF_DRAWN = {0.3: 0.03, 1.0: 0.03, 3.0: 0.05}
"""rho of those drawn anew: the bench's family with a correlation of 0.02 at 1 % errors has kappa 0.5."""
_USUAL = 0.1
"""rho: how readily noise of such a size is believed. The bound under it is falseRollback / rho."""
QUIET = log(_USUAL)
"""log(rho B) where nothing is known."""
_FOLLOWED = 16
_GROUPS = 8
_ROOM = 4000
"""Characters that all pods may take in a saved state, about; where they are used up, no further pod is followed."""
_RECENT = 9
"""Blocks from which it is told how many pods the stable has."""
_POINTS_LASTING = 48
_POINTS_DRAWN = 32
_DIGITS = 4
_KEYS = 16**6
_TABLED = 4096
_LOW, _HIGH = -7.0, 6.0


@dataclass(frozen=True)
class Pod:
    """What one pod, or a group of pods, has counted."""

    key: str
    seen: tuple[int, ...]
    """Events, channel by channel."""
    expected: tuple[float, ...]
    """What it would have had of all pods' events by its requests; the canary's as many times as is tolerated."""

    @cached_property
    def length(self) -> int:
        """Characters that it takes in a saved state, about."""
        return len(str(self.seen)) + len(str(self.expected)) - len(self.seen) * 2 + 16


@dataclass(frozen=True)
class Noise:
    """State: at most 16 pods of each arm one by one, the others in 8 groups."""

    channels: tuple[tuple[float, float], ...]
    """(latency boundary in seconds, tolerated odds); boundary 0 means errors, -1 rejected requests."""
    pods: tuple[Pod, ...] = ()
    drawn: tuple[tuple[float, ...], ...] = ()
    """For each channel, log B of each kappa, summed over blocks."""
    recent: tuple[int, ...] = ()
    """Pods of the stable in each of the last blocks."""

    @property
    def baseline_pods(self) -> int:
        """Pods that the stable has at one time: one that was replaced twice is not three."""
        if not self.recent:
            return sum(pod.key[0] == "b" for pod in self.pods)
        return sorted(self.recent)[len(self.recent) // 2]


ERRORS, REJECTED = 0.0, -1.0


def with_latency(noise: Noise, more: tuple[tuple[float, float], ...]) -> Noise:
    """Compare pods at these boundaries of latency as well; what is known of errors and rejected requests is kept."""
    kept = sum(boundary <= 0 for boundary, _ in noise.channels)
    none, nothing = (0,) * len(more), (0.0,) * len(more)
    pods = tuple(Pod(pod.key, pod.seen[:kept] + none, pod.expected[:kept] + nothing) for pod in noise.pods)
    drawn = (*noise.drawn[:kept], *(((0.0,) * len(DRAWN),) * len(more))) if noise.drawn else ()
    return replace(noise, channels=(*noise.channels[:kept], *more), pods=pods, drawn=drawn)


def observe(noise: Noise, block: Block) -> Noise:
    """Take in a block; one of whole arms says nothing about pods."""
    if POOLED in block.canary or POOLED in block.baseline:
        return noise
    known = {pod.key: pod for pod in noise.pods}
    rows = [*_rows("b", block.baseline, known), *_rows("c", block.canary, known)]
    keys = sorted({key for key, _ in rows})
    place = {key: index for index, key in enumerate(keys)}
    where = np.array([place[key] for key, _ in rows])
    of_canary = np.array([key[0] == "c" for key, _ in rows])
    arms = _Arms([counts for _, counts in rows], block.bounds)
    seen = np.zeros((len(noise.channels), len(keys)))
    trials = np.zeros_like(seen)
    for index, (boundary, tilt) in enumerate(noise.channels):
        events, among = arms.of(boundary)
        np.add.at(seen[index], where, events)
        np.add.at(trials[index], where, among * np.where(of_canary, tilt, 1.0))
    totals = seen.sum(axis=1, keepdims=True)
    expected = trials * totals / np.maximum(trials.sum(axis=1, keepdims=True), 1e-300)
    return replace(
        noise,
        pods=_within_room(_added(noise, known, keys, seen, expected)),
        drawn=_drawn(noise, seen, expected),
        recent=(*noise.recent, len(block.baseline))[-_RECENT:],
    )


def log_discount(noise: Noise, channels: Sequence[int], fewest: int = FEWEST_PODS) -> float:
    """Return the log of the largest rho B: what wealth is divided by, where it is above 0.

    Args:
        noise: what is known about pods.
        channels: of the metric.
        fewest: pods of the stable below which nothing is known.
    """
    if noise.baseline_pods < fewest or not channels:
        return QUIET
    seen = np.array([[pod.seen[channel] for pod in noise.pods] for channel in channels], dtype=np.float64)
    expected = np.array([[pod.expected[channel] for pod in noise.pods] for channel in channels])
    lasting = log_ratios(seen, expected, _LASTING, _POINTS_LASTING) + _log_belief(_LASTING, _BELIEF)
    found = float(lasting.max())
    if noise.drawn:
        drawn = np.array([noise.drawn[c] for c in channels]) + _log_belief(DRAWN, _BELIEF_DRAWN)
        found = max(found, float(drawn.max()))
    return found


def log_ratios(seen: Matrix, expected: Matrix, kappas: Sequence[float], points: int) -> Matrix:
    """Return log B of each row's pods, (rows, kappas); 0 for rows without events.

    Args:
        seen: events of each pod, (rows, pods).
        expected: what its requests let expect, (rows, pods).
        kappas: shapes of the frailties; their variance is 1/kappa.
        points: of the integral over the logarithm of the common rate, whose prior is flat.
    """
    found = np.zeros((len(seen), len(kappas)))
    some = np.flatnonzero(seen.sum(axis=1) > 0)
    if not some.size:
        return found
    x, mean, shapes = seen[some], np.maximum(expected[some], 1e-12), np.array(kappas)
    m, total = x.sum(axis=1), mean.sum(axis=1)
    deviation = np.sqrt(1 / m[:, None] + 1 / (shapes * x.shape[1]))
    log_rate = np.log(m / total)[:, None, None] + np.linspace(_LOW, _HIGH, points) * deviation[:, :, None]
    terms = np.log1p(mean[:, None, None, :] * (np.exp(log_rate) / shapes[:, None])[..., None])
    logs = m[:, None, None] * log_rate - np.einsum("rqpk,rqk->rqp", terms, shapes[:, None] + x[:, None, :])
    peak = logs.max(axis=2)
    mass = np.exp(logs - peak[..., None]).sum(axis=2) * deviation * (_HIGH - _LOW) / (points - 1)
    ways = np.stack([_log_rising(kappa, x).sum(axis=1) for kappa in kappas], axis=1) - m[:, None] * np.log(shapes)
    found[some] = ways + (m * np.log(total) - _log_gamma(m))[:, None] + peak + np.log(mass)
    return found


def _rows(arm: str, pods: Mapping[str, Counts], known: Mapping[str, Pod]) -> list[tuple[str, Counts]]:
    followed = sum(key[0] == arm and key[1] != "~" for key in known)
    room = _ROOM - _length(known.values())
    rows = []
    for uid, counts in sorted(pods.items()):
        digest = crc32(uid.encode())
        key = f"{arm}{digest % _KEYS:06x}"
        if key not in known:
            if followed >= _FOLLOWED or room < 0:
                key = _group(key)
            else:
                followed += 1
        rows.append((key, counts))
    return rows


def _group(key: str) -> str:
    return f"{key[0]}~{int(key[1:], 16) % _GROUPS}"


def _length(pods: Iterable[Pod]) -> int:
    """Return how many characters pods take in a saved state, about."""
    return sum(pod.length for pod in pods)


def _within_room(pods: tuple[Pod, ...]) -> tuple[Pod, ...]:
    """Count pods in their groups where counts have grown so long that not all can be followed any more."""
    kept = {pod.key: pod for pod in pods}
    followed = [key for key in kept if key[1] != "~"]
    while followed and _length(kept.values()) > _ROOM:
        # Of the arm that has more of them.
        arm = max("bc", key=lambda one: sum(key[0] == one for key in followed))
        last = next(key for key in reversed(followed) if key[0] == arm)
        followed.remove(last)
        one, group = kept.pop(last), _group(last)
        other = kept.get(group, Pod(group, (0,) * len(one.seen), (0.0,) * len(one.expected)))
        kept[group] = Pod(
            group,
            tuple(a + b for a, b in zip(one.seen, other.seen, strict=True)),
            tuple(round(a + b, _DIGITS) for a, b in zip(one.expected, other.expected, strict=True)),
        )
    return tuple(kept[key] for key in sorted(kept))


class _Arms:
    """The counts of all pods of a block, as vectors."""

    def __init__(self, pods: Sequence[Counts], bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        none = (0,) * (len(bounds) + 1)
        self._requests = np.array([pod.n for pod in pods], dtype=np.float64)
        self._errors = np.array([pod.errors for pod in pods], dtype=np.float64)
        self._rejected = np.array([pod.rejected for pod in pods], dtype=np.float64)
        self._answers = np.array([pod.hist or none for pod in pods], dtype=np.float64)

    def of(self, boundary: float) -> tuple[Vector, Vector]:
        """Return each pod's events of a channel, and among how many."""
        if boundary == ERRORS:
            return self._errors, self._requests
        if boundary == REJECTED:
            return self._rejected, self._requests
        if boundary not in self._bounds:
            return np.zeros_like(self._requests), np.zeros_like(self._requests)
        slower = self._answers[:, self._bounds.index(boundary) + 1 :]
        return slower.sum(axis=1), self._answers.sum(axis=1)


def _added(noise: Noise, known: Mapping[str, Pod], keys: list[str], seen: Matrix, expected: Matrix) -> tuple[Pod, ...]:
    pods = dict(known)
    none = Pod("", (0,) * len(noise.channels), (0.0,) * len(noise.channels))
    for index, key in enumerate(keys):
        before = pods.get(key, none)
        pods[key] = Pod(
            key,
            tuple(a + int(b) for a, b in zip(before.seen, seen[:, index], strict=True)),
            tuple(round(a + float(b), _DIGITS) for a, b in zip(before.expected, expected[:, index], strict=True)),
        )
    return tuple(pods[key] for key in sorted(pods))


def _drawn(noise: Noise, seen: Matrix, expected: Matrix) -> tuple[tuple[float, ...], ...]:
    before = np.array(noise.drawn) if noise.drawn else np.zeros((len(noise.channels), len(DRAWN)))
    # One event has no pod that it could be compared with.
    told = seen.sum(axis=1) >= 2
    if told.any():
        before[told] += log_ratios(seen[told], expected[told], DRAWN, _POINTS_DRAWN)
    return tuple(tuple(round(float(one), _DIGITS) for one in row) for row in before)


def _log_belief(kappas: Sequence[float], belief: Mapping[float, float]) -> Vector:
    return np.array([log(belief.get(kappa, _USUAL)) for kappa in kappas])


def _log_rising(kappa: float, x: Matrix) -> Matrix:
    """Return log(Gamma(kappa + x)/Gamma(kappa)) for whole x."""
    table = _rising_table(kappa)
    if x.max() < _TABLED:
        return np.asarray(table[x.astype(np.int64)])
    beyond = _log_gamma(kappa + np.maximum(x, _TABLED)) - _log_gamma(np.array([kappa + _TABLED])) + table[-1]
    return np.where(x < _TABLED, table[np.minimum(x, _TABLED).astype(np.int64)], beyond)


@lru_cache(maxsize=16)
def _rising_table(kappa: float) -> Vector:
    return np.append(0.0, np.cumsum(np.log(kappa + np.arange(_TABLED))))


def _log_gamma(z: Vector) -> Vector:
    """Return log Gamma by Stirling's series, eight steps further up, where its error is below 1e-10."""
    steps = np.ones_like(z)
    for step in range(8):
        steps = steps * (z + step)
    y = z + 8
    series = (y - 0.5) * np.log(y) - y + 0.5 * log(2 * np.pi) + 1 / (12 * y) - 1 / (360 * y**3) + 1 / (1260 * y**5)
    return np.asarray(series - np.log(steps))
