"""Whether a live object still is what was rendered, so that a settled resource is not written again."""

from __future__ import annotations

from typing import Any

from ekiben.api import quantity

from .fields import Path, key_element, keys_of, words

# Maps that are only written as a whole: one label more in a selector selects something else.
_WHOLE = ("f:selector", "f:labelSelector", "f:nodeSelector")
_QUANTITIES = ("f:limits", "f:requests", "f:sizeLimit")


def differs(desired: Any, live: Any) -> list[str]:
    """Return `differences` as people write paths, such as spec.template.spec.containers[model].image."""
    return [words(path) or "." for path in differences(desired, live)]


def differences(desired: Any, live: Any, path: Path = ()) -> list[Path]:
    """Return the paths where a field of `desired` is not the same in `live`.

    Fields that only `live` has are the server's defaults or somebody else's and do not count, but in maps that are only
    written as a whole. Lists are compared element by element, those whose items have keys by these, whatever further
    items `live` has: an apply would not take them away. Quantities are compared by value ("1000m" is "1"), and an empty
    value is the same as none.
    """
    if path and path[-1] in _WHOLE:
        return [] if desired == live else [path]
    if isinstance(desired, dict) and isinstance(live, dict):
        # A pod's template has some 150 texts, and each look compares those of all revisions: no call for equal ones.
        return [
            difference
            for key, value in desired.items()
            if (other := live.get(key)) is not value and not (type(value) is str and value == other)
            for difference in differences(value, other, (*path, f"f:{key}"))
        ]
    if isinstance(desired, list) and isinstance(live, list):
        return _in_lists(desired, live, path)
    if type(desired) is type(live) and desired == live:
        return []
    if desired in (None, {}, []) and live in (None, {}, []):
        return []
    return [] if _same_quantity(desired, live, path) else [path]


def _in_lists(desired: list[Any], live: list[Any], path: Path) -> list[Path]:
    keys = keys_of(path[-1].removeprefix("f:"), desired + live) if path else None
    if keys is not None:
        present = {key_element(item, keys): item for item in live}
        return [
            difference
            for item in desired
            for element in (key_element(item, keys),)
            for difference in differences(item, present.get(element), (*path, element))
        ]
    same = len(desired) == len(live) and not any(map(differences, desired, live, [path] * len(live)))
    return [] if same else [path]


def _same_quantity(desired: Any, live: Any, path: Path) -> bool:
    if not any(part in _QUANTITIES for part in path):
        return False
    if not isinstance(desired, str | int) or not isinstance(live, str | int):
        return False
    try:
        return quantity.value(desired) == quantity.value(live)
    except ValueError:
        return False
