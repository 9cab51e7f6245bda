"""How the native cluster is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ekiben.localcluster import build
from ekiben.localcluster.native import cgroups
from ekiben.localcluster.native.components import components
from ekiben.localcluster.native.health import Api, available, condition, healthy
from ekiben.localcluster.native.layout import NODE, Layout
from ekiben.localcluster.native.manifests import ENVOY_GATEWAY_NAMESPACE
from ekiben.localcluster.processes import command_of, resident_bytes, running
from ekiben.localcluster.settings import GATEWAY, GATEWAY_NAMESPACE, Settings

_SHIM = "containerd-shim-runc-v2"


@dataclass(frozen=True)
class Part:
    """One line of the table. `memory` is resident bytes; `pid` is 0 for what is not one process."""

    name: str
    running: bool
    healthy: bool
    pid: int = 0
    memory: int = 0
    message: str = ""


@dataclass(frozen=True)
class Status:
    """A cluster's parts; `healthy` when every one is."""

    provider: str
    parts: list[Part] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether there is a cluster and all of it works."""
        return bool(self.parts) and all(part.healthy for part in self.parts)

    @property
    def memory(self) -> int:
        """Resident bytes of everything."""
        return sum(part.memory for part in self.parts)


def status(settings: Settings) -> Status:
    """Look at processes, node and gateway. A cluster that is down has no parts."""
    layout = Layout(settings.state)
    if not layout.info.exists():
        return Status("native")
    parts = build.locate(settings.cache)
    bin_folder = parts.bin if parts else settings.cache / "parts" / build.key() / "bin"
    found = []
    for component in components(layout, bin_folder):
        identity = running(layout.pid(component.name))
        pid = identity.pid if identity else 0
        works = identity is not None and healthy(component)
        found.append(Part(component.name, identity is not None, works, pid, resident_bytes(pid) if pid else 0))
    return Status("native", [*found, *_inside(layout)])


def _inside(layout: Layout) -> list[Part]:
    api = Api(layout) if (layout.pki / "complete").exists() else None

    def get(path: str) -> dict[str, Any] | None:
        return api.get(path) if api else None

    node = condition(get(f"/api/v1/nodes/{NODE}"), "Ready")
    shims, pods = _pods_memory()
    result = [
        Part("pod shims", running=True, healthy=True, memory=shims),
        Part("node", node, node, message="Ready" if node else "not Ready"),
    ]
    deployments = "/apis/apps/v1/namespaces"
    for name, namespace in (
        ("coredns", "kube-system"),
        ("metrics-server", "kube-system"),
        ("envoy-gateway", ENVOY_GATEWAY_NAMESPACE),
    ):
        ready = available(get(f"{deployments}/{namespace}/deployments/{name}"))
        result.append(Part(name, ready, ready, memory=pods.pop(name, 0)))
    found = get(f"/apis/gateway.networking.k8s.io/v1/namespaces/{GATEWAY_NAMESPACE}/gateways/{GATEWAY}")
    programmed = condition(found, "Programmed")
    message = "Programmed" if programmed else "not Programmed"
    result.append(Part("gateway (envoy)", programmed, programmed, memory=pods.pop("envoy", 0), message=message))
    result.append(Part("other pods", running=True, healthy=True, memory=sum(pods.values())))
    return result


def _pods_memory() -> tuple[int, dict[str, int]]:
    """Return the resident bytes of the shims, and of the pods' processes by program."""
    shims = sum(resident_bytes(pid) for pid in _pids() if _program(pid) == _SHIM)
    pods: dict[str, int] = {}
    for pid in cgroups.members():
        name = _program(pid)
        if name != _SHIM:
            pods[name] = pods.get(name, 0) + resident_bytes(pid)
    return shims, pods


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _program(pid: int) -> str:
    command = command_of(pid)
    name = Path(command[0]).name if command else ""
    # The proxy's second container runs the controller's program.
    return "envoy" if name == "envoy-gateway" and command[1:2] == ["envoy"] else name
