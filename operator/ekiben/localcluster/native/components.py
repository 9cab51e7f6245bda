"""The processes of the node: what each is started with, and how to tell that it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ekiben.localcluster.native.layout import (
    API_PORT,
    CONTAINERD_SOCKET,
    NETNS,
    NODE,
    NODE_IP,
    POD_CIDR,
    REGISTRY_LISTEN,
    SERVICE_CIDR,
    Layout,
)

_ETCD = "http://127.0.0.1:2379"


@dataclass(frozen=True)
class Component:
    """One process.

    `health` is a URL that answers 200, or the path of a socket that must accept connections.
    `after` are components that must be healthy before this one starts.
    """

    name: str
    command: tuple[str, ...]
    health: str
    after: tuple[str, ...] = ()

    def line(self) -> list[str]:
        """Return the command that starts it inside the cluster's network namespace."""
        # Not `ip netns exec`: that mounts /sys anew and hides the cgroups.
        return ["nsenter", f"--net={NETNS}", "--", *self.command]


def components(layout: Layout, bin_folder: Path) -> list[Component]:
    """Return the node's processes in the order of their start."""

    def program(name: str, *arguments: str) -> tuple[str, ...]:
        return str(bin_folder / name), *arguments

    api, node = ("kube-apiserver",), f"http://{NODE_IP}"
    config = layout.config
    kubelet = [
        f"--kubeconfig={config}/kubelet.kubeconfig",
        f"--config={config}/kubelet.yaml",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_IP}",
        f"--root-dir={layout.kubelet}",
        "--v=1",
    ]
    scheduler = [f"--kubeconfig={config}/scheduler.kubeconfig", "--leader-elect=false", f"--bind-address={NODE_IP}"]
    proxy = [f"--config={config}/proxy.yaml", f"--hostname-override={NODE}"]
    manager = program("kube-controller-manager", *_controller_manager(layout))
    server = program("kube-apiserver", *_apiserver(layout))
    return [
        Component("etcd", program("etcd", *_etcd(layout)), f"{node}:2381/health"),
        Component("containerd", program("containerd", "-c", f"{config}/containerd.toml"), str(CONTAINERD_SOCKET)),
        Component("registry", program("registry", "serve", f"{config}/registry.yaml"), f"{node}:{REGISTRY_LISTEN}/v2/"),
        Component("kube-apiserver", server, f"https://{NODE_IP}:{API_PORT}/readyz", ("etcd",)),
        Component("kube-controller-manager", manager, f"https://{NODE_IP}:10257/healthz", api),
        Component("kube-scheduler", program("kube-scheduler", *scheduler), f"https://{NODE_IP}:10259/healthz", api),
        Component("kubelet", program("kubelet", *kubelet), f"{node}:10248/healthz", ("containerd", *api)),
        Component("kube-proxy", program("kube-proxy", *proxy), f"{node}:10256/livez", api),
    ]


def _etcd(layout: Layout) -> Sequence[str]:
    # Without fsync: a cluster for trying things may lose its last writes with the machine's power.
    return (
        f"--data-dir={layout.data}/etcd",
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        f"--listen-metrics-urls=http://{NODE_IP}:2381",
        "--unsafe-no-fsync",
        "--log-level=warn",
        "--auto-compaction-retention=10m",
    )


def _apiserver(layout: Layout) -> Sequence[str]:
    pki = layout.pki
    return (
        f"--etcd-servers={_ETCD}",
        f"--advertise-address={NODE_IP}",
        f"--bind-address={NODE_IP}",
        f"--secure-port={API_PORT}",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--authorization-mode=Node,RBAC",
        "--anonymous-auth=true",
        "--enable-admission-plugins=NodeRestriction",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front-proxy.crt",
        f"--proxy-client-key-file={pki}/front-proxy.key",
        "--enable-aggregator-routing=true",
        "--shutdown-delay-duration=0s",
    )


def _controller_manager(layout: Layout) -> Sequence[str]:
    pki = layout.pki
    return (
        f"--kubeconfig={layout.config}/controller-manager.kubeconfig",
        "--leader-elect=false",
        f"--bind-address={NODE_IP}",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--flex-volume-plugin-dir={layout.data}/volume-plugins",
        f"--cluster-cidr={POD_CIDR}",
        "--allocate-node-cidrs",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--horizontal-pod-autoscaler-cpu-initialization-period=30s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=10s",
    )
