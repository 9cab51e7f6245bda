"""A revision's Deployment: made once, never rendered again; only its replicas change, through /scale."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from ekiben.api.base import seconds
from ekiben.api.model import Model
from ekiben.api.modeldeployment import ModelDeployment

from . import rendered
from .meta import metadata
from .names import MODEL_ANNOTATION, NUMBER_ANNOTATION, RENDERED_ANNOTATION, child_name, selector
from .pod import template


def render(
    resource: ModelDeployment, revision: str, number: int, model: Mapping[str, Any], replicas: int
) -> dict[str, Any]:
    """Return the Deployment of a revision, to be created.

    `model` is spec.model as it was written when the revision was made. It stays in an annotation, so that a lost status
    can be rebuilt and a rollback knows what it returns to.

    Raises:
        pydantic.ValidationError: the model does not fit this version's types.
    """
    name = resource.metadata.name
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": selector(name, revision)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "progressDeadlineSeconds": max(1, math.ceil(seconds(resource.spec.rollout.progress_deadline))),
        # A revision's template never changes: there is nothing to go back to within one Deployment.
        "revisionHistoryLimit": 0,
        "template": template(name, revision, Model.model_validate(model), resource.spec.traffic.timeout),
    }
    return _deployment(resource, revision, number, model, spec, rendered.pack(spec))


def as_rendered(
    resource: ModelDeployment, revision: str, number: int, model: Mapping[str, Any], live: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return a Deployment that exists as it was rendered then, to be applied where somebody has changed it.

    It has no `replicas`. None where it is not known how it was rendered.
    """
    spec = rendered.unpack(live)
    if spec is None:
        return None
    packed = live["metadata"]["annotations"][RENDERED_ANNOTATION]
    return _deployment(resource, revision, number or number_of(live), model or model_of(live), spec, packed)


def _deployment(
    resource: ModelDeployment, revision: str, number: int, model: Mapping[str, Any], spec: dict[str, Any], packed: str
) -> dict[str, Any]:
    annotations = {
        NUMBER_ANNOTATION: str(number),
        MODEL_ANNOTATION: json.dumps(model, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        RENDERED_ANNOTATION: packed,
    }
    name = child_name(resource.metadata.name, revision)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(resource, name, revision, annotations),
        "spec": spec,
    }


def model_of(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return spec.model of a revision, as its Deployment keeps it; empty where the annotation is missing or broken."""
    text = (deployment.get("metadata", {}).get("annotations") or {}).get(MODEL_ANNOTATION, "")
    try:
        model = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return model if isinstance(model, dict) else {}


def number_of(deployment: Mapping[str, Any]) -> int:
    """Return the ordinal of a revision, as its Deployment keeps it; 0 where the annotation is missing or broken."""
    text = (deployment.get("metadata", {}).get("annotations") or {}).get(NUMBER_ANNOTATION, "")
    return int(text) if text.isdecimal() else 0
