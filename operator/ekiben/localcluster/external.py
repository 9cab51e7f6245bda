"""Clusters that other tools make: kind, k3d, or one that the user already has. Thin on purpose.

kind and k3d download images, so they work only where a container registry can be reached.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from ekiben.localcluster import kubeconfig
from ekiben.localcluster.commands import run
from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.processes import write_atomically
from ekiben.localcluster.progress import Progress, step
from ekiben.localcluster.settings import GATEWAY, GATEWAY_NAMESPACE, NAME, ClusterInfo, Settings

_NODE_PORT = 30080
_GATEWAY_CHART = "oci://docker.io/envoyproxy/gateway-helm"
_GATEWAY_VERSION = "v1.9.1"
_MINUTES = 60.0


def use_context(settings: Settings) -> ClusterInfo:
    """Return how to reach the cluster of a context that the user has; nothing is changed in it.

    Raises:
        ClusterError: there is no such context, or its API server does not answer.
    """
    context = settings.context or ""
    kubectl = _tool("kubectl")
    base = [kubectl, f"--kubeconfig={settings.kubeconfig}"]
    names = run("kubectl", [*base, "config", "get-contexts", "--output=name"], direct=False).stdout.split()
    if context not in names:
        known = ", ".join(names) or "none"
        raise ClusterError(
            "kubeconfig", f"{settings.kubeconfig} has no context {context!r}", advice=f"It has: {known}."
        )
    run("kubectl", [*base, f"--context={context}", "version"], direct=False, advice="Is that cluster up?")
    return ClusterInfo(
        "context", settings.kubeconfig, context, "", "", Path(kubectl), Path(shutil.which("helm") or "helm")
    )


def up(tool: str, settings: Settings, progress: Progress) -> ClusterInfo:
    """Make a cluster with kind or k3d unless it is there, and put a gateway into it.

    Raises:
        ClusterError: a tool is missing or failed; with what it printed.
    """
    private = settings.state / "kubeconfig"
    kubectl, helm = _tool("kubectl"), _tool("helm")
    if not exists(tool):
        with step(progress, f"Create a cluster with {tool}"):
            _create(tool, settings)
    get = {"kind": ["kind", "get", "kubeconfig", "--name", NAME], "k3d": ["k3d", "kubeconfig", "get", NAME]}[tool]
    document: dict[str, Any] = yaml.safe_load(run(tool, get).stdout)
    for kind, entry in (("clusters", "cluster"), ("users", "user"), ("contexts", "context")):
        document[kind] = [{"name": NAME, entry: document[kind][0][entry]}]
    document["contexts"][0]["context"] |= {"cluster": NAME, "user": NAME}
    document["current-context"] = NAME
    write_atomically(private, yaml.safe_dump(document))
    kubeconfig.merge_into(settings.kubeconfig, document)
    with step(progress, "Install the gateway"):
        chart = ["upgrade", "--install", "eg", _GATEWAY_CHART, "--version", _GATEWAY_VERSION, "--wait"]
        target = ["--namespace", "envoy-gateway-system", "--create-namespace", f"--kubeconfig={private}"]
        run("helm", [helm, *chart, *target], direct=False, timeout=10 * _MINUTES)
        apply = [kubectl, f"--kubeconfig={private}", "apply", "--server-side", "--filename", "-"]
        run("kubectl", apply, text=json.dumps({"apiVersion": "v1", "kind": "List", "items": _gateway()}))
    url = f"http://127.0.0.1:{settings.gateway_port}"
    info = ClusterInfo(tool, private, NAME, url, "", Path(kubectl), Path(helm))
    write_atomically(
        settings.state / "cluster.json", json.dumps({"provider": tool, "kubeconfig": str(settings.kubeconfig)})
    )
    return info


def down(tool: str, settings: Settings) -> None:
    """Delete the cluster that `up` made."""
    command = {"kind": ["kind", "delete", "cluster", "--name", NAME], "k3d": ["k3d", "cluster", "delete", NAME]}[tool]
    run(tool, command, timeout=2 * _MINUTES)
    kubeconfig.remove_from(settings.kubeconfig)
    shutil.rmtree(settings.state, ignore_errors=True)


def load(tool: str, archive: Path) -> None:
    """Put an image archive into the cluster's nodes."""
    command = {
        "kind": ["kind", "load", "image-archive", archive, "--name", NAME],
        "k3d": ["k3d", "image", "import", archive, "--cluster", NAME],
    }[tool]
    run(tool, command, timeout=5 * _MINUTES)


def exists(tool: str) -> bool:
    """Whether the tool has a cluster of our name."""
    listing = {"kind": ["kind", "get", "clusters"], "k3d": ["k3d", "cluster", "list", "--no-headers"]}[tool]
    return any(line.split()[:1] == [NAME] for line in run(tool, listing).stdout.splitlines())


def _create(tool: str, settings: Settings) -> None:
    if tool == "kind":
        mapping = {"containerPort": _NODE_PORT, "hostPort": settings.gateway_port, "listenAddress": "127.0.0.1"}
        nodes = [{"role": "control-plane", "extraPortMappings": [mapping]}]
        config = yaml.safe_dump({"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes})
        create = ["kind", "create", "cluster", "--name", NAME, "--config", "-", "--wait", "120s"]
        run(tool, create, text=config, direct=False, timeout=10 * _MINUTES)
    else:
        port = f"127.0.0.1:{settings.gateway_port}:{_NODE_PORT}@server:0"
        create = ["k3d", "cluster", "create", NAME, "--port", port, "--k3s-arg", "--disable=traefik@server:0", "--wait"]
        run(tool, create, direct=False, timeout=10 * _MINUTES)


def _gateway() -> list[dict[str, Any]]:
    patch = {"type": "StrategicMerge", "value": {"spec": {"ports": [{"port": 80, "nodePort": _NODE_PORT}]}}}
    service = {"type": "NodePort", "patch": patch}
    gateway_class = "ekiben"
    proxy = {"name": f"{GATEWAY}-proxy", "namespace": GATEWAY_NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GATEWAY_NAMESPACE}},
        {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": gateway_class},
            "spec": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
        },
        {
            "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyProxy", "metadata": proxy,
            "spec": {"provider": {"type": "Kubernetes", "kubernetes": {"envoyService": service}}},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": GATEWAY, "namespace": GATEWAY_NAMESPACE},
            "spec": {
                "gatewayClassName": gateway_class,
                "listeners": [
                    {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
                ],
                "infrastructure": {
                    "parametersRef": {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": proxy["name"]}
                },
            },
        },
    ]  # fmt: skip


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ClusterError(
            name, "is not installed", advice=f"Install {name}, or use the native cluster: --provider native."
        )
    return path
