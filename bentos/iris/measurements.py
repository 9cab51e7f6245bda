"""The four measurements of an iris: their names, their order and what can be done to them before a model sees them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FIELDS = ("sepal_length", "sepal_width", "petal_length", "petal_width")  # centimetres, in the data set's order
SEPALS = slice(0, 2)
SEPAL_LENGTH = 0


def only_sepals(flowers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n, 4) -> (n, 2): the two measurements of the sepal."""
    return flowers[:, SEPALS]


def log_of_sepal_length(flowers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n, 4) -> (n, 4): sepal length on a logarithmic scale, against its skew.

    Defined for values above -1, as every length in centimetres is. Standardised values are another matter.
    """
    transformed = flowers.copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        transformed[:, SEPAL_LENGTH] = np.log1p(flowers[:, SEPAL_LENGTH])
    return transformed
