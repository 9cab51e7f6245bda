"""What others have set on the objects of a resource, and ekiben does not: left as it is, and told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .fields import Path, foreign, trees, words
from .names import MANAGER
from .rendered import is_ours

_MOST = 50
_LONGEST = 200
# Autoscalers and people scale; `kubectl rollout restart` is a way to restart pods, not to change them.
_EXPECTED: frozenset[Path] = frozenset(
    {
        ("f:spec", "f:replicas"),
        ("f:spec", "f:template", "f:metadata", "f:annotations", "f:kubectl.kubernetes.io/restartedAt"),
    }
)


def drift(objects: Iterable[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> tuple[str, ...]:
    """Return what others set on the given (live, rendered) objects, in plain English, in order.

    Only `spec` counts: labels and annotations that tools hang on objects change nothing that runs. Where `rendered` is
    None it is not known what ekiben has set, and everything of others is told.
    """
    told = {text for live, rendered in objects for text in _of(live, rendered)}
    return tuple(sorted(told)[:_MOST])


def _of(live: Mapping[str, Any], rendered: Mapping[str, Any] | None) -> Iterable[str]:
    name = f"{live.get('kind', 'object')} {live['metadata']['name']}"
    if not is_ours(live):
        yield f"{name}: somebody has written the annotation that ekiben puts changes right by; they stay from now on"
    desired = {"spec": (rendered or {}).get("spec", {})}
    for manager, tree in trees(dict(live)):
        if manager == MANAGER:
            continue
        for path in foreign({"f:spec": tree.get("f:spec", {})}, desired):
            if not any(path[: len(expected)] == expected for expected in _EXPECTED):
                yield f"{name}: {manager[:64]} set {words(path)}"[:_LONGEST]
