"""Histograms of many bounds on fewer of them, so that what is remembered stays small."""

from __future__ import annotations

from collections.abc import Collection

from .histogram import Histogram


def coarser(histogram: Histogram, most: int, kept: Collection[float | None]) -> Histogram:
    """Return the same answers on at most `most` bounds, `kept` among them.

    Of the others those go first that part the fewest answers.
    """
    bounds, counts = list(histogram.bounds), list(histogram.counts)
    while len(bounds) > most:
        loose = [index for index, bound in enumerate(bounds) if bound not in kept]
        if not loose:
            break
        # The narrower of two that part as many: among equals the one whose neighbours are nearest, by ratio.
        gone = min(loose, key=lambda index: (counts[index] + counts[index + 1], _ratio(bounds, index)))
        counts[gone : gone + 2] = [counts[gone] + counts[gone + 1]]
        del bounds[gone]
    return Histogram(tuple(bounds), tuple(counts))


def _ratio(bounds: list[float], index: int) -> float:
    low = bounds[index - 1] if index else bounds[index] / 2
    high = bounds[index + 1] if index + 1 < len(bounds) else bounds[index] * 2
    return high / low
