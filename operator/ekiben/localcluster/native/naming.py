"""An image under the name that its user knows, in the node's own store."""

from __future__ import annotations

from pathlib import Path

from ekiben.localcluster.commands import run
from ekiben.localcluster.native.layout import CONTAINERD_SOCKET, Layout
from ekiben.localcluster.settings import ClusterInfo

_TIMEOUT = 300.0


def keep(info: ClusterInfo, reference: str, name: str) -> None:
    """Pull `reference` from the cluster's registry into the node and give it `name` as well.

    A manifest that names the image as its author does (`ekiben-operator:0.1.0`) then starts without asking a registry
    that cannot be reached, as it would after `kind load`.
    """
    layout = Layout(info.kubeconfig.parent)
    ctr = [info.kubectl.parent / "ctr", "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io", "images"]
    hosts = layout.config / "registries"
    run("containerd", [*ctr, "pull", "--local", "--hosts-dir", hosts, reference], timeout=_TIMEOUT)
    run("containerd", [*ctr, "tag", "--force", reference, canonical(name)])


def canonical(name: str) -> str:
    """Return an image's name as containerd stores it: with registry, and with `latest` where there is no tag."""
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}"
    return name if ":" in Path(name).name else f"{name}:latest"
