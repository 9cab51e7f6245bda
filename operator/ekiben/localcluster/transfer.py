"""Bring an image of this machine into the cluster."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from ekiben.localcluster import external
from ekiben.localcluster.commands import run
from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.native import naming
from ekiben.localcluster.progress import Progress, step
from ekiben.localcluster.settings import ClusterInfo

_TOOLS = ("buildah", "podman", "docker")
_TIMEOUT = 600.0


def into_cluster(image: str, info: ClusterInfo, progress: Progress) -> str:
    """Copy an image into the cluster; returns the reference to write into resources, with its digest where possible.

    Args:
        image: a name in the storage of buildah, podman or docker, or the path of an OCI archive.

    Raises:
        ClusterError: no tool knows the image, or copying failed.
    """
    if info.provider == "context":
        problem = "images cannot be loaded into a cluster of your own"
        raise ClusterError("load", problem, advice="Push it to a registry that this cluster pulls from: ekiben push")
    if Path(image).is_file():
        tool, name = _from_archive(Path(image))
    else:
        tool, name = _holder(image), image
    with step(progress, f"Load {image}"):
        if info.registry:
            reference = _push(tool, name, f"{info.registry}/{repository(name)}")
            if info.provider == "native":
                naming.keep(info, reference, name)
            return reference
        with tempfile.TemporaryDirectory(prefix="ekiben-load-") as folder:
            archive = Path(folder) / "image.tar"
            save = (
                [tool, "push", name, f"docker-archive:{archive}:{name}"]
                if tool == "buildah"
                else [tool, "save", "-o", archive, name]
            )
            run(tool, save, timeout=_TIMEOUT)
            external.load(info.provider, archive)
        return name


def repository(reference: str) -> str:
    """Return `path:tag` of an image reference: without registry, without digest, `latest` where no tag is given."""
    name = reference.split("@")[0]
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        name = rest
    name = name.removeprefix("library/")
    return name if ":" in name else f"{name}:latest"


def _holder(image: str) -> str:
    installed = [tool for tool in _TOOLS if shutil.which(tool)]
    for tool in installed:
        inspect = [tool, "inspect", "--type", "image", image]
        if run(tool, inspect, check=False, timeout=30).returncode == 0:
            return tool
    where = ", ".join(installed) or "none of buildah, podman, docker is installed"
    raise ClusterError(
        "load",
        f"there is no image {image!r} (looked in: {where})",
        advice="Build it first, or give the path of an OCI archive.",
    )


def _from_archive(archive: Path) -> tuple[str, str]:
    if shutil.which("buildah"):
        printed = run(
            "buildah", ["buildah", "pull", "--quiet", f"oci-archive:{archive}"], extra=_ISOLATION, timeout=_TIMEOUT
        ).stdout
        identifier = printed.split()[-1]
        names = run("buildah", ["buildah", "images", "--no-trunc", "--format", "{{.ID}} {{.Name}}:{{.Tag}}"]).stdout
        for line in names.splitlines():
            found, name = line.split()  # columns, padded with spaces
            if found.removeprefix("sha256:") == identifier and "<none>" not in name:
                return "buildah", name
        return "buildah", identifier
    for tool in ("podman", "docker"):
        if shutil.which(tool):
            printed = run(tool, [tool, "load", "--input", archive], timeout=_TIMEOUT).stdout
            if match := re.search(r"Loaded image(?:\(s\))?: (\S+)", printed):
                return tool, match.group(1)
    raise ClusterError(
        "load", f"{archive} cannot be read: buildah, podman or docker is needed", advice="Install one of them."
    )


def _push(tool: str, name: str, target: str) -> str:
    if tool == "docker":
        run(tool, [tool, "tag", name, target])
        printed = run(tool, [tool, "push", target], timeout=_TIMEOUT).stdout
        match = re.search(r"digest: (sha256:[0-9a-f]{64})", printed)
        digest = match.group(1) if match else ""
    else:
        with tempfile.TemporaryDirectory(prefix="ekiben-load-") as folder:
            file = Path(folder) / "digest"
            options = ["--quiet", "--tls-verify=false", "--digestfile", file]
            run(tool, [tool, "push", *options, name, f"docker://{target}"], extra=_ISOLATION, timeout=_TIMEOUT)
            digest = file.read_text().strip()
    return f"{target.rpartition(':')[0]}@{digest}" if digest else target


_ISOLATION = {"BUILDAH_ISOLATION": os.environ.get("BUILDAH_ISOLATION", "chroot")}
