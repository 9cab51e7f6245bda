"""Programs that come as Debian packages: installed where that is possible, else named exactly."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ekiben.localcluster.commands import environment, run
from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.progress import Progress, step

# package -> a file or program that shows it is there
NODE = {
    "runc": "runc",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "nftables": "nft",
    "iproute2": "ip",
    "conntrack": "conntrack",
    "openssl": "openssl",
    "util-linux": "nsenter",
}
IMAGES = {"buildah": "buildah", "debootstrap": "debootstrap", "ca-certificates": "/etc/ssl/certs/ca-certificates.crt"}


def program(name: str) -> str:
    """Return the path of an installed program.

    Raises:
        ClusterError: it is not installed.
    """
    path = _find(name)
    if path is None:
        raise ClusterError("machine", f"{name} is not installed", advice=f"Install it with: apt-get install {name}")
    return path


def missing(packages: dict[str, str]) -> list[str]:
    """Return the packages whose programs are not there."""
    return [package for package, proof in packages.items() if _find(proof) is None]


def ensure(packages: dict[str, str], progress: Progress) -> None:
    """Install what is missing.

    Raises:
        ClusterError: something is missing and cannot be installed from here; the message is the command to type.
    """
    wanted = missing(packages)
    if not wanted:
        return
    command = "apt-get install --yes " + " ".join(wanted)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ClusterError("machine", f"not installed: {', '.join(wanted)}", advice=f"Install with: sudo {command}")
    with step(progress, f"Debian packages {' '.join(wanted)}"):
        _apt(["update", "--quiet"])
        _apt(["install", "--quiet", "--yes", "--no-install-recommends", *wanted])
    if still := missing(packages):
        raise ClusterError("machine", f"still missing after apt-get: {', '.join(still)}", advice=f"Try: {command}")


def _apt(arguments: Iterable[str]) -> None:
    # Another apt may be running, as on a machine that has just booted: wait for its lock.
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments]
    run("apt-get", command, extra={"DEBIAN_FRONTEND": "noninteractive"}, direct=False, timeout=900)


def _find(proof: str) -> str | None:
    if proof.startswith("/"):
        return proof if Path(proof).exists() else None
    return shutil.which(proof, path=environment()["PATH"])
