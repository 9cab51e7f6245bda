"""modeldeployment.yaml: written anew, or brought up to date around what its author wrote."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from ekiben.packaging.bentos import Bento
from ekiben.packaging.errors import PackagingError

API_VERSION = "ekiben.dev/v1alpha1"
KIND = "ModelDeployment"


def write(path: Path, name: str, image: str, bento: Bento) -> None:
    """Set `spec.model.image` in the file at `path`; make the file when there is none.

    What the bento states (resources, timeout, concurrency) is filled in where the file says nothing: a value that
    somebody wrote is theirs. Comments, order and other documents of the file stay.
    Raises PackagingError, and leaves the file as it was, when it is not YAML or holds no one place for the image.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # a digest must not be folded
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = path.read_text() if path.exists() else ""
    try:
        documents = [document for document in yaml.load_all(text) if document is not None]
    except YAMLError as error:
        raise PackagingError(f"{path} is not valid YAML, so the image was not written into it:\n{error}") from error
    if documents:
        target = _target(path, documents, name)
    else:
        target = CommentedMap(apiVersion=API_VERSION, kind=KIND, metadata=CommentedMap(name=name))
        documents = [target]
    model = _mapping(path, _mapping(path, target, "spec"), "model")
    model["image"] = image
    for keys, value in _stated(bento):
        _fill(path, target, keys, value)
    stream = io.StringIO()
    yaml.dump_all(documents, stream)
    _replace(path, stream.getvalue())


def _target(path: Path, documents: list[Any], name: str) -> CommentedMap:
    """The ModelDeployment of the file: the only one, or the one that is called `name`."""
    found = [one for one in documents if isinstance(one, CommentedMap) and one.get("kind") == KIND]
    named = [one for one in found if (one.get("metadata") or {}).get("name") == name]
    for candidates in (named, found):
        if len(candidates) == 1:
            return candidates[0]
    raise PackagingError(
        f"{path} holds {len(found)} {KIND}s, {len(named)} of them called {name!r}: there is no telling which one gets "
        "the image. Say with --name which one it is, or write to another file with --output."
    )


def _mapping(path: Path, parent: CommentedMap, key: str) -> CommentedMap:
    value = parent.get(key)
    if value is None:
        value = parent[key] = CommentedMap()
    if not isinstance(value, CommentedMap):
        raise PackagingError(f"{path}: {key!r} is {value!r}, where a mapping belongs. Correct it and push again.")
    return value


def _stated(bento: Bento) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(where, what) for everything that the bento states."""
    requests = {"cpu": bento.cpu, "memory": bento.memory}
    # Memory over the request, or a GPU beside it, is not to be had by waiting: these are limits too. CPU is.
    limits = {"memory": bento.memory, "nvidia.com/gpu": bento.gpu}
    resources = {
        kind: stated
        for kind, values in (("requests", requests), ("limits", limits))
        if (stated := {key: value for key, value in values.items() if value is not None})
    }
    if resources:
        yield ("spec", "model", "resources"), resources
    if bento.concurrency is not None:
        yield ("spec", "model", "concurrency"), bento.concurrency
    if bento.timeout_seconds is not None:
        yield ("spec", "traffic", "timeout"), duration(bento.timeout_seconds)


def _fill(path: Path, target: CommentedMap, keys: tuple[str, ...], value: Any) -> None:
    parent = target
    for key in keys[:-1]:
        parent = _mapping(path, parent, key)
    parent.setdefault(keys[-1], value)


def duration(seconds: float) -> str:
    """60 -> "60s", 0.5 -> "500ms"."""
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{max(1, round(seconds * 1000))}ms"


def _replace(path: Path, text: str) -> None:
    """All of it or nothing: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
