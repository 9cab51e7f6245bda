"""The container of a model: image, environment, resources, probes, mounts, and no privilege."""

from __future__ import annotations

import math
from typing import Any

from ekiben.api import quantity
from ekiben.api.base import Duration, seconds
from ekiben.api.model import EnvVar, Model, Resources

from . import drain, warming
from .runtime import ModelServer, server_of

CONTAINER = "model"
PORT_NAME = "http"
PRE_STOP_SECONDS = 10
"""How long a pod that is going still answers, so that every proxy has heard of it."""
TMP_VOLUME = "ekiben-tmp"
TMP_PATH = "/tmp"  # noqa: S108  an emptyDir of the pod's own

_DEFAULT_REQUESTS = {"cpu": "250m", "memory": "512Mi"}
_DEFAULT_LIMITS = {"memory": "1Gi"}
# Short, so that a replica that is ready early serves early.
_STARTUP_PERIOD = 2


def container(model: Model) -> dict[str, Any]:
    """Return the only container of a revision's pods."""
    server = server_of(model)
    result: dict[str, Any] = {
        "name": CONTAINER,
        "image": model.image,
        **({"args": list(server.args)} if server.args else {}),
        "ports": [{"name": PORT_NAME, "containerPort": server.port, "protocol": "TCP"}],
        "env": environment(model, server),
        "resources": resources(model.resources),
        "volumeMounts": mounts(model, server),
        "lifecycle": {"preStop": _pre_stop(server)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
        },
        **probes(model, server),
    }
    if model.env_from:
        result["envFrom"] = [_written(source) for source in model.env_from]
    return result


def environment(model: Model, server: ModelServer) -> list[dict[str, Any]]:
    """Return the variables: the runtime's own, then the user's, which win."""
    users = {variable.name for variable in model.env or ()}
    variables = {**server.env, **(drain.environment() if server.tells_callers else {})}
    own = [{"name": name, "value": value} for name, value in variables.items() if name not in users]
    return own + [_written(variable) for variable in model.env or ()]


def resources(wanted: Resources) -> dict[str, Any]:
    """Return requests and limits with the defaults filled in, never a request above its limit.

    A limit that the user wrote caps the default request, and a request lifts the default limit.
    """
    requests, limits = dict(wanted.requests or {}), dict(wanted.limits or {})
    for name, default in _DEFAULT_REQUESTS.items():
        if name not in requests:
            requests[name] = min(default, limits.get(name, default), key=quantity.value)
    for name, default in _DEFAULT_LIMITS.items():
        if name not in limits:
            limits[name] = max(default, requests.get(name, default), key=quantity.value)
    return {"requests": requests, "limits": limits}


def probes(model: Model, server: ModelServer) -> dict[str, Any]:
    """Return startup, readiness and liveness probes. Times are whole seconds, rounded up."""
    wanted = model.probes
    tries = max(1, math.ceil(seconds(wanted.startup_timeout) / _STARTUP_PERIOD))
    timeout, period = _whole(wanted.timeout), _whole(wanted.period)

    def ask(path: str, period: int, failures: int) -> dict[str, Any]:
        return {
            "httpGet": {"path": path, "port": PORT_NAME, "scheme": "HTTP"},
            "periodSeconds": period,
            "timeoutSeconds": timeout,
            "failureThreshold": failures,
        }

    return {
        "startupProbe": ask(server.ready_path, _STARTUP_PERIOD, tries)
        if model.warm_up is None
        else warming.startup_probe(model.warm_up, server, _STARTUP_PERIOD, tries),
        "readinessProbe": ask(server.ready_path, period, wanted.failures),
        # A replica that is only slow leaves the Service first; a restart would cost it the model.
        "livenessProbe": ask(server.live_path, period, 3 * wanted.failures),
    }


def mounts(model: Model, server: ModelServer) -> list[dict[str, Any]]:
    """Return the mounts: the user's volumes, and a /tmp that can be written unless the user has put something there."""
    # `readOnly: false` is left out, as the API server leaves it out.
    result = [
        {"name": volume.name, "mountPath": volume.mount_path}
        | ({"readOnly": True} if volume.read_only and volume.empty_dir_size is None else {})
        for volume in model.volumes or ()
    ]
    if server.tells_callers:
        result = [*drain.mounts(), *result]
    return result if has_own_tmp(model) else [{"name": TMP_VOLUME, "mountPath": TMP_PATH}, *result]


def _pre_stop(server: ModelServer) -> dict[str, Any]:
    return drain.pre_stop(PRE_STOP_SECONDS) if server.tells_callers else {"sleep": {"seconds": PRE_STOP_SECONDS}}


def has_own_tmp(model: Model) -> bool:
    """Whether one of the user's volumes is mounted at /tmp."""
    return any(volume.mount_path == TMP_PATH for volume in model.volumes or ())


def _written(block: EnvVar | Any) -> dict[str, Any]:
    written: dict[str, Any] = block.model_dump(mode="json", by_alias=True, exclude_none=True)
    return written


def _whole(duration: Duration) -> int:
    return max(1, math.ceil(seconds(duration)))
