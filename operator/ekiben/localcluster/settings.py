"""Where a local cluster lives and how it is reached."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

NAME = "ekiben"
DOMAIN = "ekiben.localhost"
GATEWAY_NAMESPACE = "ekiben-gateway"
GATEWAY = "ekiben"
DEFAULT_GATEWAY_PORT, DEFAULT_REGISTRY_PORT = 8080, 5000


def state_folder() -> Path:
    """Folder of what belongs to a running cluster; `down` removes it."""
    return _base("XDG_STATE_HOME", ".local/state") / "ekiben" / "cluster"


def cache_folder() -> Path:
    """Folder of what is expensive to make again; only `down --purge` removes it."""
    return _base("XDG_CACHE_HOME", ".cache") / "ekiben"


def user_kubeconfig() -> Path:
    """Return the file that kubectl would write: the first of $KUBECONFIG, else ~/.kube/config."""
    first = next((part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part), None)
    return Path(first) if first else Path.home() / ".kube" / "config"


def _base(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if Path(value).is_absolute() else Path.home() / default


@dataclass(frozen=True)
class Settings:
    """What a caller may choose.

    Ports are of 127.0.0.1; 0 keeps those of the cluster that is there, else 8080 and 5000. `context` names a context
    of the user's kubeconfig to use instead of making a cluster; `provider` forces one of `native`, `kind`, `k3d`.
    """

    gateway_port: int = 0
    registry_port: int = 0
    context: str | None = None
    provider: str | None = None
    state: Path = field(default_factory=state_folder)
    cache: Path = field(default_factory=cache_folder)
    kubeconfig: Path = field(default_factory=user_kubeconfig)


@dataclass(frozen=True)
class ClusterInfo:
    """How to reach a cluster.

    `kubeconfig` is a file whose current context is `context`. `registry` is the prefix of image references that can
    be pushed to from this machine and pulled by the cluster, empty where there is none (then images are loaded).
    `kubectl` and `helm` are the programs to use.
    """

    provider: str
    kubeconfig: Path
    context: str
    gateway_url: str
    registry: str
    kubectl: Path
    helm: Path
    domain: str = DOMAIN
    gateway_namespace: str = GATEWAY_NAMESPACE
    gateway_name: str = GATEWAY

    @property
    def bin(self) -> Path:
        """Folder to put on PATH for kubectl and helm."""
        return self.kubectl.parent
