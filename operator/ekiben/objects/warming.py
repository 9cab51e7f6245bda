"""How a replica is warmed up: its startup probe asks what callers will ask, and no caller comes before that."""

from __future__ import annotations

import math
from importlib.resources import files
from typing import Any

from ekiben.api.base import seconds
from ekiben.api.server import WarmUp

from .runtime import ModelServer

_SCRIPT = files("ekiben.hook").joinpath("warm_up.py").read_text("utf-8")
# BentoML's images have their Python in a virtual environment, which not every image puts on PATH.
_RUN = 'PATH="/app/.venv/bin:$PATH" exec python3 -c "$0" "$@"'


def startup_probe(warm_up: WarmUp, server: ModelServer, period: int, failures: int) -> dict[str, Any]:
    """Return the startup probe: loaded, and then each of the requests answered. Times are whole seconds, rounded up.

    The request is an argument of the command, never a part of it.
    """
    timeout = max(1, math.ceil(seconds(warm_up.timeout)))
    arguments = [str(server.port), server.ready_path, warm_up.path, str(warm_up.times), str(timeout), warm_up.body]
    return {
        "exec": {"command": ["/bin/sh", "-c", _RUN, _SCRIPT, *arguments]},
        "periodSeconds": period,
        # Of all requests together, and of the interpreter's start.
        "timeoutSeconds": timeout * (warm_up.times + 1) + 5,
        "failureThreshold": failures,
    }
