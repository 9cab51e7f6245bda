"""Take the native cluster away: processes, pods, mounts, control groups, network, files. In that order.

Everything is killed, nothing is asked to save: all of it is about to be deleted. The kubelet goes first, or it
would start again what is being ended; the shims go before containerd's folders, or they would hold the mounts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ekiben.localcluster import kubeconfig
from ekiben.localcluster.commands import run
from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.native import cgroups, network
from ekiben.localcluster.native.checks import foreign
from ekiben.localcluster.native.layout import API_PORT, CNI_NETWORK, NETNS, NODE_IP, RUN, Layout
from ekiben.localcluster.processes import Identity, running, stop
from ekiben.localcluster.progress import Progress, step
from ekiben.localcluster.settings import Settings

_STARTERS = ("kubelet", "kube-controller-manager", "kube-scheduler")
_CNI_RESULTS = Path("/var/lib/cni/results")
_SHIM_SOCKETS = Path("/run/containerd/s")
_CONTAINER_LOGS = Path("/var/log/containers")
_DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
_MOUNTS = Path("/proc/self/mountinfo")


def down(settings: Settings, progress: Progress) -> None:
    """Take it away; the caller holds the lock. What is not there is no error.

    Raises:
        ClusterError: something could not be removed; the message says what.
    """
    layout = Layout(settings.state)
    with step(progress, "Stop the node's processes"):
        _stop_named(layout, _STARTERS)
        cgroups.remove(seconds=0)  # kills the pods; the groups themselves go below
        _stop_named(layout, [file.stem for file in layout.pids.glob("*.json")])
        _stop_inside()
    with step(progress, "Remove pods, mounts and control groups"):
        left = cgroups.remove()
        sockets = list(_shim_sockets())
        unmount_below([layout.root, RUN])
    with step(progress, "Remove network and files"):
        network.remove()
        _remove_files(settings, layout, sockets)
    if found := [*map(str, left), *leftovers(layout)]:
        advice = "Look for what holds them (fuser -v, lsof), then run `ekiben cluster down` again."
        raise ClusterError("down", "could not be removed: " + ", ".join(found), advice=advice)


def leftovers(layout: Layout) -> list[str]:
    """Return what is still there of a cluster, in words: an empty list after `down`."""
    found = network.leftovers()
    found += [str(path) for path in (layout.root, layout.removing, RUN) if path.exists()]
    found += [f"mount {path}" for path in mounts_below(_MOUNTS.read_text(), [layout.root, RUN])]
    found += [str(tree / "ekiben") for tree in cgroups.trees() if (tree / "ekiben").exists()]
    return found


def mounts_below(mountinfo: str, folders: Iterable[Path]) -> list[Path]:
    """Return the mount points at or below the folders in the text of a mountinfo file, the newest first."""
    tops = tuple(folders)
    found = []
    for line in mountinfo.splitlines():
        # Spaces and the like are written in octal.
        path = Path(line.split(" ")[4].encode().decode("unicode_escape"))
        if any(path.is_relative_to(top) for top in tops):
            found.append(path)
    return found[::-1]


def unmount_below(folders: Iterable[Path]) -> None:
    """Unmount everything at or below the folders, the newest first."""
    tops = list(folders)
    for _ in range(3):  # mounts may lie over mounts
        points = mounts_below(_MOUNTS.read_text(), tops)
        if not points:
            return
        run("mounts", ["umount", "--lazy", *points], check=False)


def _stop_named(layout: Layout, names: Iterable[str]) -> None:
    stop([found for name in names if (found := running(layout.pid(name)))], grace_seconds=0)


def _stop_inside() -> None:
    """End what else runs in our namespace: the shims, which containerd left, and strays of an interrupted `up`."""
    stop([found for pid in network.processes_inside() if (found := Identity.of(pid))], grace_seconds=0)


def _shim_sockets() -> Iterator[Path]:
    """Yield the sockets that our shims listened on; containerd puts them outside of every configured folder."""
    for file in (RUN / "containerd" / "io.containerd.runtime.v2.task").glob("*/*/bootstrap.json"):
        try:
            address = str(json.loads(file.read_text()).get("address", ""))
        except (OSError, ValueError):
            continue
        path = Path(address.removeprefix("unix://"))
        if path.parent == _SHIM_SOCKETS:
            yield path


def _remove_files(settings: Settings, layout: Layout, sockets: Iterable[Path]) -> None:
    used = settings.kubeconfig
    with suppress(OSError, ValueError, KeyError):  # an `up` that ended early wrote none: the file as it is found now
        used = Path(json.loads(layout.info.read_text())["kubeconfig"])
    for path in {used, settings.kubeconfig}:
        kubeconfig.remove_from(path)
    _remove_scattered(layout, sockets)
    shutil.rmtree(Path.home() / ".kube/cache/discovery" / f"{NODE_IP}_{API_PORT}", ignore_errors=True)
    if mounts_below(_MOUNTS.read_text(), [layout.root, RUN]):
        return  # never delete through a mount that would not go; `leftovers` tells
    shutil.rmtree(RUN, ignore_errors=True)
    remove_state(layout)


def remove_state(layout: Layout) -> None:
    """Delete the state folder, and what an earlier removal that was interrupted left of one.

    An `up` must never find half of it: images whose layers are gone look whole to containerd, and no pod starts.
    """
    shutil.rmtree(layout.removing, ignore_errors=True)
    if layout.root.exists():
        layout.root.rename(layout.removing)
        shutil.rmtree(layout.removing, ignore_errors=True)


def _remove_scattered(layout: Layout, sockets: Iterable[Path]) -> None:
    """Remove what components write to places that cannot be chosen, and those folders where nothing else is in them."""
    ours = list(sockets)
    for result in _CNI_RESULTS.glob(f"{CNI_NETWORK}-*"):
        sandbox = result.name.split("-")[1]
        ours += [result, result.parent / f"cni-loopback-{sandbox}-lo"]
    for link in _CONTAINER_LOGS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(layout.data):
            ours.append(link)
    if not foreign(None):
        ours += [_DEVICE_PLUGINS / name for name in ("kubelet.sock", "kubelet_internal_checkpoint")]
    for file in ours:
        file.unlink(missing_ok=True)
    nested = (_DEVICE_PLUGINS, _SHIM_SOCKETS, _CNI_RESULTS)
    for folder in (*nested, *(folder.parent for folder in nested), _CONTAINER_LOGS, NETNS.parent):
        with suppress(OSError):  # somebody else's files are in it, or it is not there
            folder.rmdir()
