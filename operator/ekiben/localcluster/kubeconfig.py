"""One context in the user's kubeconfig file, put in and taken out without touching the rest."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.processes import write_atomically
from ekiben.localcluster.settings import NAME

_LISTS = ("clusters", "users", "contexts")


def document(server: str, ca: bytes, certificate: bytes, key: bytes, name: str = NAME) -> dict[str, Any]:
    """Return a kubeconfig with one cluster, user and context of the same name; PEM in, base64 inside."""
    cluster = {"server": server, "certificate-authority-data": _encode(ca)}
    user = {"client-certificate-data": _encode(certificate), "client-key-data": _encode(key)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def merged(existing: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Return the user's document with our entries in it; the current context is set only where there was none."""
    result = {"apiVersion": "v1", "kind": "Config", **existing}
    for kind in _LISTS:
        names = {entry["name"] for entry in ours[kind]}
        result[kind] = [entry for entry in existing.get(kind) or [] if entry.get("name") not in names] + ours[kind]
    if not existing.get("current-context"):
        result["current-context"] = ours["current-context"]
    return result


def without(existing: dict[str, Any], name: str = NAME) -> dict[str, Any]:
    """Return the user's document without our entries."""
    result = dict(existing)
    for kind in _LISTS:
        if kind in result:
            result[kind] = [entry for entry in result[kind] or [] if entry.get("name") != name]
    if result.get("current-context") == name:
        result["current-context"] = ""
    return result


def merge_into(path: Path, ours: dict[str, Any]) -> None:
    """Write our entries into the file; a file that already says the same is not written.

    Raises:
        ClusterError: the file is there and is not a kubeconfig.
    """
    existing = _load(path)
    result = merged(existing, ours)
    if result != existing:
        write_atomically(path.resolve(), yaml.safe_dump(result, sort_keys=False))


def remove_from(path: Path, name: str = NAME) -> None:
    """Take our entries out of the file; one that holds nothing else is deleted."""
    if not path.exists():
        return
    existing = _load(path)
    result = without(existing, name)
    if not any(result.get(kind) for kind in _LISTS):
        path.resolve().unlink()
    elif result != existing:
        write_atomically(path.resolve(), yaml.safe_dump(result, sort_keys=False))


def _load(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text()) if path.exists() else {}
    except (OSError, yaml.YAMLError) as error:
        raise ClusterError(
            "kubeconfig", f"{path} cannot be read: {error}", advice="Repair or move the file."
        ) from error
    if not isinstance(data, dict | None):
        raise ClusterError("kubeconfig", f"{path} is not a kubeconfig file", advice="Repair or move the file.")
    return data or {}


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
