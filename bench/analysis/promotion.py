"""How long a healthy canary takes to be called "not worse"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ekiben.analysis import Config

from . import ours
from .families import FAMILIES, LOOK, Floats, draw

_HOUR = int(3600 / LOOK)


@dataclass(frozen=True)
class Case:
    """Traffic of a healthy canary with 10 % of the requests, and a margin. Errors alone are judged."""

    name: str
    p0: float
    rps: float
    delta: float = 0.01


CASES = (
    Case("10 requests/s, 1 % errors, delta 0.01", 0.01, 10),
    Case("50 requests/s, 1 % errors, delta 0.01", 0.01, 50),
    Case("50 requests/s, no errors, delta 0.01", 0.0, 50),
    Case("50 requests/s, 5 % errors, delta 0.01, rho 1.5", 0.05, 50),
)


def promote(job: tuple[Case, int]) -> tuple[str, Floats]:
    """Return the seconds until "not worse" in each of so many streams; inf where an hour is not enough."""
    case, streams = job
    drawn = draw(FAMILIES[0], case.p0, 1.0, case.rps, streams, _HOUR)
    config = Config(delta=case.delta)
    found = [ours.judge(drawn, stream, config, until="NotWorse") for stream in range(streams)]
    return case.name, np.array([LOOK * one.look if one.kind == "NotWorse" else np.inf for one in found])
