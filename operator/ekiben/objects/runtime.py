"""What a model server needs to run: its port, probes, user and environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ekiben.api.model import Runtime


@dataclass(frozen=True)
class ModelServer:
    """How the container of one runtime is run and asked."""

    port: int
    """Port of the model's HTTP API."""
    live_path: str
    ready_path: str
    metrics_path: str
    private_paths: tuple[str, ...]
    """Paths of the server itself, which callers from outside never reach."""
    user: int
    """Numeric user that the image is made for: `runAsNonRoot` cannot judge a user's name."""
    env: Mapping[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()
    """Arguments for the image's entry point."""


MODEL_SERVERS: Mapping[Runtime, ModelServer] = {
    Runtime.BENTOML: ModelServer(
        port=3000,
        live_path="/livez",
        ready_path="/readyz",
        metrics_path="/metrics",
        private_paths=("/metrics", "/livez", "/readyz", "/healthz"),
        user=1034,
        # BentoML closes a connection that was idle for 5 s. A proxy that sends a request on it in that moment gets no
        # answer, and its caller a 503: the proxy has to be the one that closes (Envoy does so after an hour).
        args=("--timeout-keep-alive", "3900"),
        env={
            # The root file system is read-only: what the server writes at start (counters of its workers, caches)
            # goes to /tmp. The bento itself is found by BENTO_PATH, which the image sets.
            "HOME": "/tmp",  # noqa: S108  an emptyDir of the pod's own
            "BENTOML_HOME": "/tmp/bentoml",  # noqa: S108
            "BENTOML_DO_NOT_TRACK": "True",
        },
    ),
}
