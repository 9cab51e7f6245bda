"""Whether a live object still is what was rendered, so that a settled resource is not written again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekiben.api import quantity

_QUANTITIES = ("limits", "requests", "sizeLimit")


def differs(desired: Any, live: Any) -> list[str]:
    """Return the paths, such as spec.ports[0].port, where a field of `desired` is not the same in `live`.

    Fields that only `live` has are the server's defaults or somebody else's and do not count. Lists are compared
    element by element, quantities by value ("1000m" is "1"), and an empty value is the same as none.
    """
    return list(_differences(desired, live, ""))


def _differences(desired: Any, live: Any, path: str) -> list[str]:
    if desired in (None, {}, []) and live in (None, {}, []):
        return []
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        return [
            difference
            for key, value in desired.items()
            for difference in _differences(value, live.get(key), f"{path}.{key}" if path else str(key))
        ]
    if isinstance(desired, list) and isinstance(live, list) and len(desired) == len(live):
        return [
            difference
            for index, (mine, theirs) in enumerate(zip(desired, live, strict=True))
            for difference in _differences(mine, theirs, f"{path}[{index}]")
        ]
    if type(desired) is type(live) and desired == live:
        return []
    return [] if _same_quantity(desired, live, path) else [path or "."]


def _same_quantity(desired: Any, live: Any, path: str) -> bool:
    if not any(part in _QUANTITIES for part in path.split(".")):
        return False
    if not isinstance(desired, str | int) or not isinstance(live, str | int):
        return False
    try:
        return quantity.value(desired) == quantity.value(live)
    except ValueError:
        return False
