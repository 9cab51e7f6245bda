"""The normal distribution by a table: to six standard deviations, exact to about 1e-6, and quick for whole vectors."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from .hypergeometric import Vector

_PROBITS = np.linspace(-6, 6, 2401)
_PROBABILITIES = np.array([NormalDist().cdf(z) for z in _PROBITS])


def probability(probits: Vector) -> Vector:
    """Return the share of a standard normal distribution that lies below each value."""
    return np.asarray(np.interp(probits, _PROBITS, _PROBABILITIES))


def probit(probabilities: Vector) -> Vector:
    """Return the values below which such shares of a standard normal distribution lie; -6 and 6 at the ends."""
    return np.asarray(np.interp(probabilities, _PROBABILITIES, _PROBITS))
