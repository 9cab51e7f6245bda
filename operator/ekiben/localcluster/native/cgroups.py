"""The control groups below which the pods live, on version 1 (several trees), version 2, or both."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.native.layout import CGROUP

_MOUNTS = Path("/proc/self/mountinfo")


def trees() -> list[Path]:
    """Return where control groups are mounted."""
    return mounted(_MOUNTS.read_text())


def mounted(mountinfo: str) -> list[Path]:
    """Return the mount points of type cgroup and cgroup2 in the text of a mountinfo file."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ")[0] in {"cgroup", "cgroup2"}:
            found.append(Path(before.split(" ")[4]))
    return found


def ensure() -> None:
    """Make our group in every tree; the kubelet wants to find it.

    Raises:
        ClusterError: the trees cannot be written.
    """
    for tree in trees():
        ours = tree / CGROUP.lstrip("/")
        try:
            ours.mkdir(exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):  # version 1: empty at first, and nothing could run there
                if (ours / name).exists() and not (ours / name).read_text().strip() and (tree / name).exists():
                    (ours / name).write_text((tree / name).read_text())
            if (tree / "cgroup.subtree_control").exists():
                _delegate(tree, ours)
        except OSError as error:
            raise ClusterError(
                "cgroups", f"{ours} cannot be made: {error}", advice="Control groups must be writable."
            ) from error


def _delegate(tree: Path, ours: Path) -> None:
    wanted = {"cpu", "cpuset", "memory", "pids", "hugetlb", "io"}
    for group in (tree, ours):
        for name in (group / "cgroup.controllers").read_text().split():
            if name in wanted:
                (group / "cgroup.subtree_control").write_text(f"+{name}")


def members() -> set[int]:
    """Return the processes of all pods."""
    found: set[int] = set()
    for group in _groups():
        try:
            found.update(int(pid) for pid in (group / "cgroup.procs").read_text().split())
        except OSError:
            continue
    return found


def remove(seconds: float = 10) -> list[Path]:
    """Kill what is inside and remove the groups, the deepest first; returns those that could not be removed."""
    deadline = time.monotonic() + seconds
    while True:
        for pid in members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for group in _groups():
            try:
                group.rmdir()
            except OSError:
                continue
        left = _groups()
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def _groups() -> list[Path]:
    found = []
    for tree in trees():
        top = tree / CGROUP.lstrip("/")
        for folder, _, _ in os.walk(top, topdown=False):
            found.append(Path(folder))
    return found
