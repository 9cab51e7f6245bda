"""Server-side apply: who owns which field, and how an applied object is merged into the live one.

Fields are paths of the elements that managedFields has: "f:name" of a map, 'k:{"port":80}' of a list with keys,
"v:..." of a set. The rules are those of the schema: see schema.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .schema import ATOMIC, SET, Keyed

Json = dict[str, Any]
Path = tuple[str, ...]
Owner = tuple[str, str]
"""(field manager, Apply or Update)"""
Owners = dict[Owner, frozenset[Path]]

_ITEM = object()
# Nobody owns what says which object it is, nor what the server itself writes.
_NOBODYS = {("f:apiVersion",), ("f:kind",)} | {
    ("f:metadata", f"f:{field}")
    for field in (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "deletionTimestamp",
    )
}


class FieldConflictError(Exception):
    """Other managers own fields that an apply would change."""

    def __init__(self, owners: Mapping[str, list[str]]) -> None:
        super().__init__(
            "; ".join(f'conflict with "{manager}": {", ".join(paths)}' for manager, paths in sorted(owners.items()))
        )


def fields(body: Json, rules: object, *, status: bool = False) -> dict[Path, Any]:
    """Return path -> value of every leaf that somebody may own; the status only where it is asked for."""
    found: dict[Path, Any] = {}
    for key, value in body.items():
        if key != "status" or status:
            _walk(value, _below(rules, key), (f"f:{key}",), found)
    return {path: value for path, value in found.items() if path[:2] not in _NOBODYS and path not in _NOBODYS}


def apply(live: Json, config: Json, rules: object, owners: Owners, manager: str, *, force: bool) -> tuple[Json, Owners]:
    """Return the live object with `config` applied by a manager, and who owns what afterwards.

    Raises:
        FieldConflictError: another manager owns a field that would change, and it is not forced.
    """
    me = (manager, "Apply")
    wanted, present = fields(config, rules), fields(live, rules)
    changed = {path for path, value in wanted.items() if path not in present or present[path] != value}
    lost = {owner: paths & changed for owner, paths in owners.items() if owner != me and paths & changed}
    if lost and not force:
        raise FieldConflictError({owner[0]: sorted(_dotted(path) for path in paths) for owner, paths in lost.items()})
    after = {owner: paths - lost.get(owner, frozenset()) for owner, paths in owners.items()}
    given_up = after.get(me, frozenset()) - wanted.keys()
    after[me] = frozenset(wanted)
    merged = _merged(live, {key: value for key, value in config.items() if key != "status"}, rules)
    others = set().union(*after.values())
    for path in sorted(given_up, key=len, reverse=True):
        if not any(other[: len(path)] == path for other in others):
            _remove(merged, path)
    return merged, {owner: paths for owner, paths in after.items() if paths}


def update(before: Json, after: Json, rules: object, owners: Owners, manager: str) -> Owners:
    """Return who owns what after a manager has written the object as a whole, or patched it."""
    old, new = fields(before, rules), fields(after, rules)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    gone = old.keys() - new.keys()
    if not changed and not gone:
        return owners
    me = (manager, "Update")
    result = {owner: paths - gone - (changed if owner != me else set()) for owner, paths in owners.items()}
    result[me] = frozenset(result.get(me, frozenset()) | changed)
    return {owner: paths for owner, paths in result.items() if paths}


def managed_fields(owners: Owners, api_version: str) -> list[Json]:
    """Return metadata.managedFields."""
    return [
        {
            "manager": manager,
            "operation": operation,
            "apiVersion": api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": _trie(paths),
        }
        for (manager, operation), paths in owners.items()
    ]


@lru_cache(maxsize=4096)
def _trie(paths: frozenset[Path]) -> Json:
    root: Json = {}
    ends = []
    for path in sorted(paths):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        ends.append(node)
    for node in ends:
        if node:
            node["."] = {}
    return root


def _below(rules: object, key: str) -> object:
    return rules.get(key) if isinstance(rules, Mapping) else None


def _walk(value: Any, rules: object, path: Path, found: dict[Path, Any]) -> None:
    if isinstance(value, dict) and value and rules != ATOMIC:
        for key, inner in value.items():
            _walk(inner, _below(rules, key), (*path, f"f:{key}"), found)
    elif isinstance(value, list) and isinstance(rules, Keyed):
        for item in value:
            inner = (*path, _key(item, rules))
            if rules.items == ATOMIC:
                found[inner] = item
            else:
                found[inner] = _ITEM
                _walk(item, rules.items, inner, found)
    elif isinstance(value, list) and rules == SET:
        for item in value:
            found[*path, f"v:{json.dumps(item)}"] = item
    elif value is not None:
        found[path] = value


def _key(item: Json, rules: Keyed) -> str:
    keys = {key: item.get(key, rules.absent.get(key)) for key in sorted(rules.keys)}
    return "k:" + json.dumps(keys, separators=(",", ":"))


def _merged(live: Any, config: Any, rules: object) -> Any:
    if isinstance(live, dict) and isinstance(config, dict) and rules != ATOMIC:
        result = dict(live)
        for key, value in config.items():
            if value is not None:
                result[key] = _merged(live.get(key), value, _below(rules, key))
        return result
    if isinstance(config, list) and isinstance(rules, Keyed):
        return _merged_items(live or [], config, rules)
    if isinstance(config, list) and rules == SET:
        return [*(live or []), *(item for item in config if item not in (live or []))]
    if isinstance(config, dict) and rules != ATOMIC:
        return {key: _merged(None, value, _below(rules, key)) for key, value in config.items() if value is not None}
    return config


def _merged_items(live: list[Json], config: list[Json], rules: Keyed) -> list[Json]:
    present = {_key(item, rules): item for item in live}
    wanted = {_key(item, rules): item for item in config}
    inner = rules.items
    kept = [_merged(item, wanted[key], inner) if key in wanted else item for key, item in present.items()]
    return kept + [_merged(None, item, inner) for key, item in wanted.items() if key not in present]


def _remove(body: Json, path: Path) -> None:
    """Take a field out, and the maps and lists that it leaves empty."""
    trail: list[tuple[Any, Any]] = []
    node: Any = body
    for element in path:
        key = _locate(node, element)
        if key is None:
            return
        trail.append((node, key))
        node = node[key]
    holder, key = trail.pop()
    del holder[key]
    while trail and not holder:
        holder, key = trail.pop()
        del holder[key]


def _locate(node: Any, element: str) -> Any:
    kind, _, text = element.partition(":")
    if kind == "f":
        return text if isinstance(node, dict) and text in node else None
    for index, item in enumerate(node if isinstance(node, list) else ()):
        if kind == "v" and item == json.loads(text):
            return index
        if kind == "k" and all(item.get(key, value) == value for key, value in json.loads(text).items()):
            return index
    return None


def _dotted(path: Path) -> str:
    return "".join(f".{part[2:]}" if part.startswith("f:") else f"[{part[2:]}]" for part in path)
