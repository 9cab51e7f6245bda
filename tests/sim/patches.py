"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902), as the API server takes them."""

from __future__ import annotations

from typing import Any


class PatchError(Exception):
    """The patch does not fit the object, or a test of it failed."""


def merge(target: Any, patch: Any) -> Any:
    """Return the target with a JSON merge patch applied."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def json_patch(target: Any, operations: list[dict[str, Any]]) -> Any:
    """Return the target with a JSON patch applied; the target itself is changed as well.

    Raises:
        PatchError: a path does not exist, or a test failed.
    """
    for operation in operations:
        holder, key = _find(target, operation["path"])
        match operation["op"]:
            case "test":
                if _read(holder, key) != operation["value"]:
                    raise PatchError(f"testing value {operation['path']} failed")
            case "replace":
                _read(holder, key)
                holder[key] = operation["value"]
            case "remove":
                _read(holder, key)
                del holder[key]
            case "add":
                if isinstance(holder, list):
                    holder.insert(len(holder) if key == "-" else key, operation["value"])
                else:
                    holder[key] = operation["value"]
            case other:
                raise PatchError(f"Unexpected kind: {other}")
    return target


def _find(target: Any, path: str) -> tuple[Any, Any]:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    node = target
    for part in parts[:-1]:
        node = _read(node, _key(node, part))
    return node, _key(node, parts[-1])


def _key(node: Any, part: str) -> Any:
    return int(part) if isinstance(node, list) and part.isdecimal() else part


def _read(node: Any, key: Any) -> Any:
    try:
        return node[key]
    except (KeyError, IndexError, TypeError) as error:
        raise PatchError(f"the path {key} does not exist") from error
