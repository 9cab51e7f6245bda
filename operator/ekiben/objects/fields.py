"""Fields of live objects by path, and who set them: what metadata.managedFields tells.

A path is a tuple of the elements that managedFields has: "f:NAME" of a map, 'k:{"name":"model"}' of a list whose items
have keys, "v:..." of a set. The list that a path leads to, and everything below a map or list that is only written as a
whole, ends a path.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

Path = tuple[str, ...]
Json = dict[str, Any]

_ITSELF = "."
_MISSING = object()
# The lists whose items server-side apply tells apart, among those that ekiben writes.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "ownerReferences": ("uid",),
}
_PORT_KEYS = (("containerPort", "protocol"), ("port", "protocol"))


def keys_of(name: str, items: list[Any]) -> tuple[str, ...] | None:
    """Return the keys by which the items of a list are told apart; None where it is only written as a whole."""
    candidates = _PORT_KEYS if name == "ports" else (_KEYS.get(name, ()),)
    for keys in candidates:
        if keys and all(isinstance(item, dict) and all(key in item for key in keys) for item in items):
            return keys
    return None


def key_element(item: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """Return the element of a path that leads to an item of a list."""
    return _element(tuple(sorted((key, item[key]) for key in keys)))


@lru_cache(maxsize=4096)
def _element(pairs: tuple[tuple[str, Any], ...]) -> str:
    return "k:" + json.dumps(dict(pairs), separators=(",", ":"))


def words(path: Path) -> str:
    """Return a path as people write it, such as spec.template.spec.containers[model].env[DEBUG]."""
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "k":
            text += f"[{','.join(str(value) for value in json.loads(rest).values())}]"
        elif kind == "v" or "." in rest or "/" in rest:
            text += f"[{rest}]"
        else:
            text += f".{rest}" if text else rest
    return text


def owners(live: Json, path: Path) -> set[str]:
    """Return the field managers that set a field, or the whole that it is a part of."""
    return {manager for manager, tree in trees(live) if _covers(tree, path)}


def trees(live: Json) -> Iterator[tuple[str, Json]]:
    """Yield the managers and the tree of fields that each has set; /status and /scale are not told."""
    for entry in live.get("metadata", {}).get("managedFields") or ():
        if not entry.get("subresource"):
            yield str(entry.get("manager") or "somebody"), entry.get("fieldsV1") or {}


def foreign(tree: Json, desired: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the fields of a manager's tree that `desired` lacks; of a block that the manager made, the block alone."""
    for element, inner in tree.items():
        if element == _ITSELF:
            continue
        found = _step(desired, element)
        if found is _MISSING and (not inner or _ITSELF in inner):
            yield (*path, element)
        elif inner:
            yield from foreign(inner, found, (*path, element))


def _covers(tree: Json, path: Path) -> bool:
    for element in path:
        if element not in tree:
            return False
        tree = tree[element]
        if not tree:
            return True
    return _ITSELF in tree


def _step(value: Any, element: str) -> Any:
    kind, _, rest = element.partition(":")
    if kind == "f":
        return value.get(rest, _MISSING) if isinstance(value, Mapping) else _MISSING
    items = value if isinstance(value, list) else []
    wanted = json.loads(rest)
    if kind == "k":
        return next((item for item in items if all(item.get(key) == part for key, part in wanted.items())), _MISSING)
    return wanted if wanted in items else _MISSING
