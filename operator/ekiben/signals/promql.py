"""Selectors of Prometheus, put together so that no value can become a part of the query.

Only two forms are made: `{matchers}[range]`, which brings raw samples with their timestamps, and nothing else: `rate()`
and `increase()` extrapolate, and what they add was never counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True)
class Matcher:
    """One condition on a label."""

    label: str
    value: str
    """The text, or a regular expression of RE2."""
    operator: Literal["=", "=~", "!="] = "="

    def __str__(self) -> str:
        if not _LABEL.fullmatch(self.label):
            raise ValueError(f"{self.label!r} is not the name of a label")
        return f"{self.label}{self.operator}{quoted(self.value)}"


def quoted(text: str) -> str:
    """Return a string literal of PromQL.

    Raises:
        ValueError: it holds a control character, or half of a surrogate pair, which no label can.
    """
    out = []
    for letter in text:
        if letter in _ESCAPES:
            out.append(_ESCAPES[letter])
        elif ord(letter) < 0x20 or ord(letter) == 0x7F or 0xD800 <= ord(letter) < 0xE000:
            raise ValueError(f"{text[:80]!r} holds a control character")
        else:
            out.append(letter)
    return '"' + "".join(out) + '"'


def one_of(label: str, values: Iterable[str]) -> Matcher:
    """Return the condition that a label is one of these texts."""
    return Matcher(label, "|".join(literal(value) for value in values), "=~")


def literal(text: str) -> str:
    """Return the regular expression of RE2 that matches this text alone; Prometheus anchors it."""
    return re.sub(r"[^a-zA-Z0-9_:\-]", lambda found: "\\" + found[0] if found[0].isascii() else found[0], text)


def is_metric(name: str) -> bool:
    """Whether this can be the name of a metric."""
    return _METRIC.fullmatch(name) is not None


def is_label(name: str) -> bool:
    """Whether this can be the name of a label."""
    return _LABEL.fullmatch(name) is not None


def raw(matchers: Iterable[Matcher], seconds: float) -> str:
    """Return the selector of the raw samples of the last seconds, a whole number of milliseconds.

    Raises:
        ValueError: a label or a value cannot be written.
    """
    return f"{{{','.join(str(one) for one in matchers)}}}[{max(1, round(seconds * 1000))}ms]"
