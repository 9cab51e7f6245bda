"""What a model server needs to run: its ports, probes, user and environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ekiben.api.model import Model, Runtime

_SCRATCH = "/tmp"  # noqa: S108  an emptyDir of the pod's own
_MODEL_NAME = "{MODEL_NAME}"


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
    metrics_port: int = 0
    """Port of the metrics; 0 where it is the API's."""
    env: Mapping[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()
    """Arguments for the image's entry point."""
    tells_callers: bool = False
    """The image starts through bash and answers by uvicorn: `drain` can have it say that a pod is going."""

    @property
    def scraped_port(self) -> int:
        """The port at which the metrics are read."""
        return self.metrics_port or self.port


# The root file system is read-only: what a server writes at start (counters of its workers, caches, logs) goes to /tmp.
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
        tells_callers=True,
        # The bento itself is found by BENTO_PATH, which the image sets.
        env={"HOME": _SCRATCH, "BENTOML_HOME": f"{_SCRATCH}/bentoml", "BENTOML_DO_NOT_TRACK": "True"},
    ),
    Runtime.MLSERVER: ModelServer(
        port=8080,
        metrics_port=8082,
        live_path="/v2/health/live",
        ready_path="/v2/health/ready",
        metrics_path="/metrics",
        private_paths=("/v2/health", "/v2/repository", "/metrics"),
        user=1000,
        env={
            "HOME": _SCRATCH,
            "MLSERVER_METRICS_DIR": f"{_SCRATCH}/metrics",
            "MLSERVER_ENVIRONMENTS_DIR": f"{_SCRATCH}/environments",
        },
    ),
    Runtime.TRITON: ModelServer(
        port=8000,
        metrics_port=8002,
        live_path="/v2/health/live",
        ready_path="/v2/health/ready",
        metrics_path="/metrics",
        private_paths=("/v2/health", "/v2/repository", "/v2/logging", "/v2/trace", "/v2/systemsharedmemory",
                       "/v2/cudasharedmemory", "/metrics"),
        user=1000,
        env={"HOME": _SCRATCH},
    ),
    Runtime.TORCHSERVE: ModelServer(
        port=8080,
        metrics_port=8082,
        live_path="/ping",
        ready_path="/ping",
        metrics_path="/metrics",
        private_paths=("/ping", "/metrics"),
        user=1000,
        env={
            "HOME": _SCRATCH,
            "TEMP": _SCRATCH,
            "LOG_LOCATION": f"{_SCRATCH}/logs",
            "METRICS_LOCATION": f"{_SCRATCH}/logs",
            "TS_METRICS_MODE": "prometheus",
        },
    ),
    Runtime.TENSORFLOW_SERVING: ModelServer(
        port=8501,
        live_path=f"/v1/models/{_MODEL_NAME}",
        ready_path=f"/v1/models/{_MODEL_NAME}",
        metrics_path="/monitoring/prometheus/metrics",
        private_paths=("/monitoring",),
        user=1000,
        env={"HOME": _SCRATCH},
    ),
    Runtime.HTTP: ModelServer(
        port=8080,
        live_path="/livez",
        ready_path="/readyz",
        metrics_path="/metrics",
        private_paths=("/metrics", "/livez", "/readyz"),
        user=1000,
        env={"HOME": _SCRATCH},
    ),
}  # fmt: skip


def server_of(model: Model) -> ModelServer:
    """Return how a model's server is run and asked; what spec.model.server says goes before the runtime's own."""
    known = MODEL_SERVERS[model.runtime]
    if model.runtime is Runtime.TENSORFLOW_SERVING:
        # Its image serves one model, under the name that this variable gives.
        name = next((one.value for one in model.env or () if one.name == "MODEL_NAME" and one.value), "model")
        known = replace(known, live_path=_named(known.live_path, name), ready_path=_named(known.ready_path, name))
    own = model.server
    if own is None:
        return known
    paths = (
        own.metrics_path or known.metrics_path,
        own.live_path or known.live_path,
        own.ready_path or known.ready_path,
    )
    return replace(
        known,
        port=own.port or known.port,
        metrics_port=own.metrics_port or 0,
        metrics_path=paths[0],
        live_path=paths[1],
        ready_path=paths[2],
        private_paths=tuple(dict.fromkeys(paths)),
        user=own.user or known.user,
    )


def _named(path: str, name: str) -> str:
    return path.replace(_MODEL_NAME, name)
