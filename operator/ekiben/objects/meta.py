"""Metadata of everything that ekiben makes: labels for finding it, an owner so that it goes with the resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekiben.api.base import API_VERSION, KIND
from ekiben.api.modeldeployment import ModelDeployment

from .names import labels


def metadata(
    resource: ModelDeployment, name: str, revision: str | None = None, annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the metadata of an object in the resource's namespace, owned by the resource."""
    meta: dict[str, Any] = {
        "name": name,
        "namespace": resource.metadata.namespace,
        "labels": labels(resource.metadata.name, revision),
    }
    if annotations:
        meta["annotations"] = dict(annotations)
    meta["ownerReferences"] = [
        {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": resource.metadata.name,
            "uid": resource.metadata.uid,
            "controller": True,
            # True would need the right to update the resource's finalizers.
            "blockOwnerDeletion": False,
        }
    ]
    return meta


def is_owned(live: Mapping[str, Any], resource: ModelDeployment) -> bool:
    """Whether an object that exists is the resource's own."""
    owners = live.get("metadata", {}).get("ownerReferences") or []
    return any(owner.get("uid") == resource.metadata.uid and owner.get("controller") for owner in owners)


def foreign(live: Mapping[str, Any], resource: ModelDeployment) -> str | None:
    """Say why an object that exists must not be written; None where it is the resource's own.

    A server-side apply would take over an object of the same name that somebody else made: look first.
    """
    if is_owned(live, resource):
        return None
    kind, name = live.get("kind", "object"), live.get("metadata", {}).get("name", "")
    return (
        f"a {kind} named {name} exists in {resource.metadata.namespace} and does not belong to this "
        f"{KIND}: delete or rename it, or give the {KIND} another name"
    )
