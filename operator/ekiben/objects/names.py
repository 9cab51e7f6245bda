"""Names, labels and selectors: one place, so that what is written is what is looked for."""

from __future__ import annotations

import hashlib
import json

from ekiben.api.base import GROUP
from ekiben.api.model import Model

RESOURCE_LABEL = f"{GROUP}/modeldeployment"
REVISION_LABEL = f"{GROUP}/revision"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
NAME_LABEL = "app.kubernetes.io/name"
MANAGER = "ekiben"
MANAGED_SELECTOR = f"{MANAGED_BY_LABEL}={MANAGER}"
"""Label selector of everything that ekiben makes, for server-side filtering of watches."""

NUMBER_ANNOTATION = f"{GROUP}/revision-number"
MODEL_ANNOTATION = f"{GROUP}/model"
RENDERED_ANNOTATION = f"{GROUP}/rendered"

# No vowels: a revision spells no word. 27^8, about 2.8e11 names.
_ALPHABET = "bcdfghjkmnpqrstvwxz23456789"
REVISION_LENGTH = 8


def canonical(model: Model) -> str:
    """Return what makes a revision, as JSON: what differs from the defaults, keys in order.

    The defaults of spec.model never change within an API version, so leaving them out makes "absent" and "written out
    as it is by default" the same revision, and a new version of ekiben that adds a field restarts nothing.
    """
    written = model.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
    return json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def revision_of(model: Model) -> str:
    """Return the name of a model's revision: 8 lower-case letters and digits, a hash of `canonical`."""
    number = int.from_bytes(hashlib.sha256(canonical(model).encode()).digest())
    digits = []
    for _ in range(REVISION_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)


def child_name(name: str, revision: str) -> str:
    """Return the name of a revision's Deployment, Service and autoscaler: at most 59 of 63 characters."""
    return f"{name}-{revision}"


def revision_from(name: str, child: str) -> str | None:
    """Return the revision in a child's name, or None where it is no child of `name`."""
    revision = child.removeprefix(f"{name}-")
    if child == revision or len(revision) != REVISION_LENGTH or not set(revision) <= set(_ALPHABET):
        return None
    return revision


def labels(name: str, revision: str | None = None) -> dict[str, str]:
    """Return the labels of an object of the resource; of one revision's where it is given."""
    common = {NAME_LABEL: name, MANAGED_BY_LABEL: MANAGER, RESOURCE_LABEL: name}
    return common if revision is None else common | {REVISION_LABEL: revision}


def selector(name: str, revision: str) -> dict[str, str]:
    """Return the labels that select a revision's pods; they never change."""
    return {RESOURCE_LABEL: name, REVISION_LABEL: revision}


def selector_text(name: str, revision: str) -> str:
    """Return `selector` as status.selector wants it."""
    return ",".join(f"{key}={value}" for key, value in selector(name, revision).items())


def wake_name(name: str) -> str:
    """Return the name of the Service that leads to the activators; no revision's, whose letters spell no word."""
    return f"{name}-wake"
