"""Configuration files of the components. Pure: text from addresses and folders."""

from __future__ import annotations

import json
from typing import Any

import yaml

from ekiben.localcluster import kubeconfig
from ekiben.localcluster.native.layout import (
    BRIDGE,
    CGROUP,
    CNI_NETWORK,
    CONTAINERD_SOCKET,
    DNS_IP,
    NODE_IP,
    POD_CIDR,
    POD_SUBNET,
    REGISTRY_LISTEN,
    RUN,
    SERVER,
    Layout,
)

PAUSE = "localhost/ekiben/pause:1"


def containerd(layout: Layout, runc: str) -> str:
    """Return containerd's configuration.

    `restrict_oom_score_adj`: without CAP_SYS_RESOURCE a sandbox cannot lower its score and would not start.
    """
    quoted = json.dumps
    return f"""version = 3
root = {quoted(str(layout.data / "containerd"))}
state = {quoted(str(RUN / "containerd"))}
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
[grpc]
  address = {quoted(str(CONTAINERD_SOCKET))}
[ttrpc]
  address = {quoted(f"{CONTAINERD_SOCKET}.ttrpc")}
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  max_concurrent_downloads = 4
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = {quoted(PAUSE)}
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = {quoted(str(layout.config / "registries"))}
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = {quoted(str(layout.config / "cni"))}
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      BinaryName = {quoted(runc)}
      Root = {quoted(str(RUN / "runc"))}
      SystemdCgroup = false
"""


def registry_hosts() -> str:
    """Return what containerd does with `localhost:PORT/...`: ask the registry inside, whatever the port outside."""
    return f"""server = "http://{NODE_IP}:{REGISTRY_LISTEN}"
[host."http://{NODE_IP}:{REGISTRY_LISTEN}"]
  capabilities = ["pull", "resolve"]
"""


def registry(layout: Layout) -> dict[str, Any]:
    """Return the image registry's configuration."""
    return {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(layout.data / "registry")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"{NODE_IP}:{REGISTRY_LISTEN}"},
    }


def cni(layout: Layout) -> dict[str, Any]:
    """Return the pods' network: one bridge, addresses from one subnet, nothing translated on the way out."""
    ranges = [[{"subnet": POD_SUBNET}]]
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(layout.data / "cni"),
            "ranges": ranges,
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return {"cniVersion": "1.0.0", "name": CNI_NETWORK, "plugins": [bridge]}


def kubelet(layout: Layout) -> dict[str, Any]:
    """Return the kubelet's configuration: works on cgroup v1 and v2, with swap, on a full disk and a small machine."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_IP,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True, "cacheTTL": "2m"},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(layout.pki / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(layout.pki / "kubelet-server.key"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "healthzBindAddress": NODE_IP,
        "cgroupDriver": "cgroupfs",
        # A tree of its own: another kubelet's pods, and ours after a crash, cannot be taken for each other's.
        "cgroupRoot": CGROUP,
        "podLogsDir": str(layout.data / "pod-logs"),
        "volumePluginDir": str(layout.data / "volume-plugins"),
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "clusterDNS": [DNS_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": str(layout.config / "resolv.conf"),
        "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
        "imageMinimumGCAge": "24h",
        # Whoever runs the cluster may start any image that is here: there is one user.
        "imagePullCredentialsVerificationPolicy": "NeverVerify",
        "maxPods": 250,
        "serializeImagePulls": False,
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
        "volumeStatsAggPeriod": "-1s",
        "shutdownGracePeriod": "0s",
    }


def proxy(layout: Layout) -> dict[str, Any]:
    """Return kube-proxy's configuration; limits of connection tracking are the machine's and stay as they are."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(layout.config / "proxy.kubeconfig")},
        "clusterCIDR": POD_CIDR,
        "mode": "nftables",
        "nftables": {"minSyncPeriod": "0s", "syncPeriod": "30s"},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "healthzBindAddress": f"{NODE_IP}:10256",
        "metricsBindAddress": "127.0.0.1:10249",
    }


def component_kubeconfig(layout: Layout, certificate: str) -> dict[str, Any]:
    """Return a kubeconfig with the certificate of that name."""
    ca, own, key = (layout.pki / name for name in ("ca.crt", f"{certificate}.crt", f"{certificate}.key"))
    return kubeconfig.document(SERVER, ca.read_bytes(), own.read_bytes(), key.read_bytes())


def files(layout: Layout, runc: str, registry_port: int) -> dict[str, str]:
    """Return every configuration file: path below the config folder -> text."""
    kubeconfigs = {
        f"{name}.kubeconfig": yaml.safe_dump(component_kubeconfig(layout, name))
        for name in ("controller-manager", "scheduler", "proxy", "kubelet")
    }
    # Pods that use the node's own resolver ask CoreDNS too; a public server could not be reached.
    resolver = f"nameserver {DNS_IP}\n"
    hosts = {f"registries/{name}:{registry_port}/hosts.toml": registry_hosts() for name in ("localhost", "127.0.0.1")}
    return {
        "containerd.toml": containerd(layout, runc),
        "registry.yaml": yaml.safe_dump(registry(layout)),
        "cni/10-pods.conflist": json.dumps(cni(layout), indent=2),
        "kubelet.yaml": yaml.safe_dump(kubelet(layout)),
        "proxy.yaml": yaml.safe_dump(proxy(layout)),
        "resolv.conf": resolver,
        **hosts,
        **kubeconfigs,
    }
