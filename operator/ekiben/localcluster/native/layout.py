"""Addresses, names and folders of the native cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NAMESPACE = "ekiben"
NETNS = Path("/run/netns") / NAMESPACE
HOST_LINK, NODE_LINK = "ek-host", "ek-node"
HOST_IP, NODE_IP = "172.30.0.1", "172.30.0.2"
PREFIX = 30
POD_CIDR, POD_SUBNET = "10.244.0.0/16", "10.244.0.0/24"
BRIDGE, BRIDGE_IP = "cni0", "10.244.0.1"
SERVICE_CIDR, API_IP, DNS_IP, GATEWAY_IP = "10.96.0.0/16", "10.96.0.1", "10.96.0.10", "10.96.0.80"
API_PORT = 6443
REGISTRY_LISTEN = 5000
TABLE = "ekiben"
NODE = "local"
CGROUP = "/ekiben"
CNI_NETWORK = "ekiben"
SERVER = f"https://{NODE_IP}:{API_PORT}"
# Short, because the path of a socket has 108 bytes at most.
RUN = Path("/run/ekiben")
CONTAINERD_SOCKET = RUN / "containerd.sock"


@dataclass(frozen=True)
class Layout:
    """The folders of one cluster below its state folder."""

    root: Path

    @property
    def removing(self) -> Path:
        """What `down` renames the root to before it deletes: a cluster is there as a whole, or not at all."""
        return self.root.with_name(f"{self.root.name}.removing")

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.root / "pki"

    @property
    def config(self) -> Path:
        """Configuration files of the components."""
        return self.root / "config"

    @property
    def logs(self) -> Path:
        """One log file a component."""
        return self.root / "logs"

    @property
    def pids(self) -> Path:
        """One pid file a component."""
        return self.root / "pids"

    @property
    def data(self) -> Path:
        """What components store."""
        return self.root / "data"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def info(self) -> Path:
        """What `up` wrote about the cluster for `current`."""
        return self.root / "cluster.json"

    @property
    def kubelet(self) -> Path:
        """The kubelet's root, under which it mounts volumes."""
        return self.data / "kubelet"

    def log(self, component: str) -> Path:
        """Return a component's log file."""
        return self.logs / f"{component}.log"

    def pid(self, component: str) -> Path:
        """Return a component's pid file."""
        return self.pids / f"{component}.json"
