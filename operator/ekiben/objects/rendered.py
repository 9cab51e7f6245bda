"""What a revision's Deployment was rendered as, kept in an annotation of it for the revision's life.

A later version of ekiben would render it differently, and must not: what it puts right when somebody has changed the
Deployment is what stands here.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .fields import owners
from .names import MANAGER, RENDERED_ANNOTATION

_MOST = 1024 * 1024
_PATH = ("f:metadata", "f:annotations", f"f:{RENDERED_ANNOTATION}")


def pack(spec: Mapping[str, Any]) -> str:
    """Return the annotation for a Deployment's spec. The replicas are left out: they are not ekiben's alone.

    It is packed: with a long environment, the text beside that of spec.model would be more than annotations may hold.
    """
    kept = {key: value for key, value in spec.items() if key != "replicas"}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpack(deployment: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the spec that a Deployment was rendered with, without the replicas.

    None where it was made before this was kept, or where somebody else has written the annotation.
    """
    text = (deployment.get("metadata", {}).get("annotations") or {}).get(RENDERED_ANNOTATION, "")
    return _unpacked(text) if text and is_ours(deployment) else None


def is_ours(deployment: Mapping[str, Any]) -> bool:
    """Whether nobody but ekiben has written the annotation."""
    return owners(dict(deployment), _PATH) <= {MANAGER}


@lru_cache(maxsize=512)
def _unpacked(text: str) -> dict[str, Any] | None:
    try:
        # A few bytes may unpack to gigabytes, and whoever may edit a Deployment could have written them.
        content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), _MOST)
        spec = json.loads(content)
    except (ValueError, zlib.error, RecursionError):
        return None
    return spec if isinstance(spec, dict) else None
