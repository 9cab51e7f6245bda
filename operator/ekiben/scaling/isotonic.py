"""Isotonic regression: the rising steps nearest to noisy points."""

from __future__ import annotations

from collections.abc import Sequence


def rising(points: Sequence[tuple[float, float]]) -> list[float]:
    """Return the values, never falling, nearest to (value, weight above 0) in weighted squares, one for each point.

    Pool adjacent violators (Ayer, Brunk, Ewing, Reid, Silverman, 1955): what falls is averaged with what it fell from.
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in points:
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            before, heavy, many = pools.pop()
            total = heavy + pool[1]
            pool = ((before * heavy + pool[0] * pool[1]) / total, total, many + pool[2])
        pools.append(pool)
    return [value for value, _, many in pools for _ in range(many)]
