"""Errors alone with the whole of alpha and nothing tolerated: what the test can do before anything is shared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import ours
from .families import FAMILIES, LOOK, Floats, draw
from .goals import whole_alpha

_HOUR = int(3600 / LOOK)


@dataclass(frozen=True)
class Figure:
    """A change of the rate of errors."""

    stable: float
    canary: float
    rps: float

    @property
    def name(self) -> str:
        """In words."""
        if self.stable == self.canary:
            return f"healthy, {self.stable:.0%}, {self.rps:g} requests/s"
        return f"{100 * self.stable:g} -> {self.canary:.0%}, {self.rps:g} requests/s"


FIGURES = (
    Figure(0.01, 0.01, 10),
    Figure(0.01, 0.01, 200),
    Figure(0.01, 0.02, 10),
    Figure(0.01, 0.05, 10),
    Figure(0.01, 0.10, 10),
    Figure(0.01, 0.05, 200),
)


def figure(job: tuple[Figure, int]) -> tuple[str, Floats]:
    """Return the seconds until the canary is gone back from in each of so many streams; inf where it never is."""
    one, streams = job
    odds = one.canary / (1 - one.canary) / (one.stable / (1 - one.stable))
    drawn = draw(FAMILIES[0], one.stable, odds, one.rps, streams, _HOUR)
    config = whole_alpha("errors", None, error_tolerance=1.0)
    found = [ours.judge(drawn, stream, config, pooled=True).look for stream in range(streams)]
    return one.name, LOOK * np.array(found)
