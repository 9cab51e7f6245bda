"""Requests as callers send them: the measurements of real flowers."""

from __future__ import annotations

from typing import Any

_FIELDS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def bodies() -> list[list[dict[str, Any]]]:
    """Return the 150 flowers of the iris data, in an order that mixes the species, each as a request to /predict."""
    from sklearn.datasets import load_iris

    rows = load_iris().data.tolist()
    mixed = [rows[(number * 67) % len(rows)] for number in range(len(rows))]
    return [[dict(zip(_FIELDS, row, strict=True))] for row in mixed]
