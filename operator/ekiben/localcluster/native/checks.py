"""What must be true of the machine before anything is changed."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.native.layout import Layout
from ekiben.localcluster.processes import Identity, read

_ARCHITECTURES = ("x86_64", "aarch64")
_FOREIGN = {"kubelet": "a kubelet", "k3s-server": "k3s", "k0s": "k0s", "rke2": "RKE2"}
_OTHER_WAY = "Install kind or k3d, or give a cluster of your own with --context NAME."


def supported() -> None:
    """Check what the native provider needs.

    Raises:
        ClusterError: this is not Linux, not root, or a processor it was not made for.
    """
    if platform.system() != "Linux":
        raise ClusterError("machine", f"the native cluster needs Linux, this is {platform.system()}", advice=_OTHER_WAY)
    if platform.machine() not in _ARCHITECTURES:
        needs = " or ".join(_ARCHITECTURES)
        raise ClusterError(
            "machine", f"the native cluster needs {needs}, this is {platform.machine()}", advice=_OTHER_WAY
        )
    if os.geteuid() != 0:
        raise ClusterError("machine", "the native cluster needs root", advice=f"Use sudo. Or: {_OTHER_WAY}")


def alone(layout: Layout) -> None:
    """Refuse where somebody else's kubelet runs: two kubelets take each other's pods for leftovers and kill them.

    Raises:
        ClusterError: there is one; its process is named.
    """
    ours = read(layout.pid("kubelet"))
    for pid, name in foreign(ours):
        problem = f"{_FOREIGN[name]} runs already (process {pid}), and two on one machine destroy each other's pods"
        raise ClusterError("machine", problem, advice="Stop it, or use its cluster with --context NAME.")


def foreign(ours: Identity | None, proc: Path = Path("/proc")) -> list[tuple[int, str]]:
    """Return (pid, name) of node agents in this process's own control-group namespace that are not `ours`."""
    found = []
    for entry in proc.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            name = (entry / "comm").read_text().strip()
            if name in _FOREIGN and (entry / "ns/cgroup").stat().st_ino == (proc / "self/ns/cgroup").stat().st_ino:
                identity = Identity.of(int(entry.name))
                if identity is not None and identity != ours:
                    found.append((identity.pid, name))
        except OSError:
            continue
    return found
