"""The pod template of a revision: always within Pod Security "restricted", whatever the resource says."""

from __future__ import annotations

import math
from typing import Any

from ekiben.api.base import seconds
from ekiben.api.model import LocalRef, Model, Volume
from ekiben.api.pods import PodOverrides, is_reserved

from . import drain
from .container import PRE_STOP_SECONDS, TMP_VOLUME, container, has_own_tmp
from .names import labels, selector
from .runtime import ModelServer, server_of

# After its last request the server still closes its workers.
_SHUTDOWN_SECONDS = 5


def template(name: str, revision: str, model: Model, request_timeout: str) -> dict[str, Any]:
    """Return the pod template of a revision of the resource `name`."""
    server = server_of(model)
    overrides = model.pod_overrides or PodOverrides()
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": PRE_STOP_SECONDS + math.ceil(seconds(request_timeout)) + _SHUTDOWN_SECONDS,
        "securityContext": _security_context(server),
        "topologySpreadConstraints": _spread(name, revision, overrides),
        "containers": [container(model)],
        "volumes": _volumes(model, server),
        **_placement(overrides),
    }
    if model.image_pull_secrets:
        spec["imagePullSecrets"] = [_reference(secret) for secret in model.image_pull_secrets]
    return {
        "metadata": {
            "labels": _allowed(overrides.labels) | labels(name, revision),
            "annotations": _allowed(overrides.annotations)
            | _scraping(server)
            | (drain.pod_annotations() if server.tells_callers else {}),
        },
        "spec": spec,
    }


def _security_context(server: ModelServer) -> dict[str, Any]:
    return {
        "runAsNonRoot": True,
        "runAsUser": server.user,
        "runAsGroup": server.user,
        "fsGroup": server.user,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _scraping(server: ModelServer) -> dict[str, str]:
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(server.scraped_port),
        "prometheus.io/path": server.metrics_path,
    }


def _allowed(pairs: dict[str, str] | None) -> dict[str, str]:
    # Validation refuses these keys; a resource that was stored before it did must not weaken its pods either.
    return {key: value for key, value in (pairs or {}).items() if not is_reserved(key)}


def _placement(overrides: PodOverrides) -> dict[str, Any]:
    fields = {
        "nodeSelector": overrides.node_selector,
        "tolerations": overrides.tolerations,
        "affinity": overrides.affinity,
        "priorityClassName": overrides.priority_class_name,
        "runtimeClassName": overrides.runtime_class_name,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _spread(name: str, revision: str, overrides: PodOverrides) -> list[dict[str, Any]]:
    own = {"matchLabels": selector(name, revision)}
    if overrides.topology_spread_constraints is not None:
        return [{"labelSelector": own} | constraint for constraint in overrides.topology_spread_constraints]
    return [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": own,
        }
    ]


def _volumes(model: Model, server: ModelServer) -> list[dict[str, Any]]:
    own: list[dict[str, Any]] = [] if has_own_tmp(model) else [{"name": TMP_VOLUME, "emptyDir": {}}]
    if server.tells_callers:
        own += drain.volumes()
    return own + [_volume(volume) for volume in model.volumes or ()]


def _volume(volume: Volume) -> dict[str, Any]:
    if volume.persistent_volume_claim is not None:
        claim: dict[str, Any] = {"claimName": volume.persistent_volume_claim}
        source: dict[str, Any] = {"persistentVolumeClaim": claim | ({"readOnly": True} if volume.read_only else {})}
    elif volume.config_map is not None:
        source = {"configMap": {"name": volume.config_map}}
    elif volume.secret is not None:
        source = {"secret": {"secretName": volume.secret}}
    else:
        source = {"emptyDir": {"sizeLimit": volume.empty_dir_size}}
    return {"name": volume.name} | source


def _reference(secret: LocalRef) -> dict[str, str]:
    return {"name": secret.name}
