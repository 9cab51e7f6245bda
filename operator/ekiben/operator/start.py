"""From flags and environment to a running operator."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from ekiben.cluster.connection import Source
from ekiben.cluster.errors import ClusterError
from ekiben.cluster.lease import LeaseLostError

from . import logs
from .run import StartError, run
from .settings import Settings, SettingsError


class OperatorError(Exception):
    """The operator could not start or go on; the message says why, and what to do."""


def start(kubeconfig: str | None, context: str | None, flags: dict[str, Any]) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Args:
        kubeconfig: file; None takes the pod's service account, or else the user's own.
        context: context in that file; None takes its current one.
        flags: settings by name that go before the environment; None and empty values are not given.

    Raises:
        OperatorError: it could not start or go on.
    """
    source = Source(kubeconfig, context)
    if not source.in_cluster and "EKIBEN_LOG_FORMAT" not in os.environ:
        flags = {**flags, "log_format": flags.get("log_format") or "text"}
    try:
        settings = Settings.load(os.environ, **flags)
        logs.configure(settings.log_format, settings.log_level)
        asyncio.run(run(settings, source))
    except (SettingsError, StartError, ClusterError, LeaseLostError) as error:
        raise OperatorError(str(error)) from error
