"""Label and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Labels = Mapping[str, str]

_SET = re.compile(r"^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$")
_PART = re.compile(r",(?![^(]*\))")


def matches_labels(labels: Labels, selector: str) -> bool:
    """Return whether labels match a selector such as `a=b,!c,d in (e,f)`."""
    return all(holds(labels) for holds in _requirements(selector))


def matches_fields(body: Mapping[str, Any], selector: str) -> bool:
    """Return whether an object matches a field selector such as `metadata.name=iris`."""
    for part in selector.split(","):
        path, _, value = part.partition("=")
        node: Any = body
        for field in path.split("."):
            node = node.get(field) if isinstance(node, dict) else None
        if str(node) != value.lstrip("="):
            return False
    return True


@lru_cache(maxsize=1024)
def _requirements(selector: str) -> tuple[Callable[[Labels], bool], ...]:
    return tuple(_requirement(part.strip()) for part in _PART.split(selector) if part.strip())


def _requirement(part: str) -> Callable[[Labels], bool]:
    found = _SET.match(part)
    if found:
        key, values = found[1], {value.strip() for value in found[3].split(",")}
        if found[2] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    for operator in ("!=", "==", "="):
        if operator in part:
            key, _, value = part.partition(operator)
            if operator == "!=":
                return lambda labels: labels.get(key) != value
            return lambda labels: labels.get(key) == value
    if part.startswith("!"):
        return lambda labels: part[1:] not in labels
    return lambda labels: part in labels
