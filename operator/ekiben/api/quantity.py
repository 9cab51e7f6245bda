"""Kubernetes quantities, compared by value: "1000m" is "1", "1Gi" is "1024Mi"."""

from __future__ import annotations

import re
from fractions import Fraction

_QUANTITY = re.compile(r"([+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,3}))?")
_SUFFIX = {"": Fraction(1), "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000)}
_SUFFIX |= {letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", start=1)}
_SUFFIX |= {f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", start=1)}


def value(quantity: str | int | float) -> Fraction:
    """Return a quantity as an exact number: cores, bytes or pieces.

    Raises:
        ValueError: the text is not a quantity.
    """
    match = _QUANTITY.fullmatch(str(quantity).strip())
    if not match:
        raise ValueError(f"{quantity!r} is not a quantity: write a number with a unit, such as 500m, 2, 512Mi or 1Gi")
    amount, suffix, exponent = match.groups()
    return Fraction(amount) * (Fraction(10) ** int(exponent) if exponent else _SUFFIX[suffix or ""])


def less_or_equal(a: str | int, b: str | int) -> bool:
    """Whether quantity a is at most quantity b.

    Raises:
        ValueError: one of them is not a quantity.
    """
    return value(a) <= value(b)
