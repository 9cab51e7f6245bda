"""The operator's image, built from the sources that are running: what `ekiben demo` installs on the local cluster."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

DEFAULT_BASE = "docker.io/library/python:3.11-slim"
_LABEL = "dev.ekiben.source"
# What the Containerfile copies; a change anywhere in here makes a new image.
_CONTEXT = (
    "operator/Containerfile",
    "operator/build-requirements.txt",
    "requirements/operator.txt",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "operator/ekiben",
)
_IGNORED = ("__pycache__", "*.pyc")
_TOOLS = ("buildah", "podman", "docker")
_TIMEOUT_SECONDS = 900


class ImageBuildError(Exception):
    """The image cannot be built; the message carries the tool's own last lines and what to do."""


def build_operator_image(
    source_root: Path,
    tag: str,
    ca_bundle: Path | None,
    progress: Callable[[str], None],
    base: str = DEFAULT_BASE,
    pip_conf: Path | None = None,
) -> str:
    """Build the operator's image under `tag` unless it is there and made of the same sources; returns `tag`.

    Args:
        source_root: folder of pyproject.toml.
        ca_bundle, pip_conf: for reaching a package index; neither stays in the image.
        progress: called with a line of text about what happens.

    Raises:
        ImageBuildError: no tool is installed, a source is missing, or the build failed.
    """
    tool = next((name for name in _TOOLS if shutil.which(name)), None)
    if tool is None:
        raise ImageBuildError("buildah, podman or docker is needed to build an image: install one of them")
    source = _digest(source_root, base)
    if _label_of(tool, tag) == source:
        progress(f"{tag} is up to date")
        return tag
    progress(f"Building {tag} with {tool}")
    options = ["--build-arg", f"BASE={base}", "--label", f"{_LABEL}={source}", "--tag", tag]
    if tool == "buildah":
        options.append("--layers")  # the dependencies are installed again only when their lock has changed
    for name, path in (("ca.pem", ca_bundle), ("pip.conf", pip_conf)):
        if path is not None:
            options += ["--secret", f"id={name},src={path}"]
    with tempfile.TemporaryDirectory(prefix="ekiben-operator-") as folder:
        context = Path(folder)
        _copy_context(source_root, context)
        command = [tool, "build", *options, "--file", str(context / "operator/Containerfile"), str(context)]
        _run(command, _environment(tool), progress)
    return tag


def _environment(tool: str) -> dict[str, str]:
    # Within a container, and as root without a user namespace, only chroot isolation works; it needs no daemon.
    extra = {"BUILDAH_ISOLATION": os.environ.get("BUILDAH_ISOLATION", "chroot")} if tool == "buildah" else {}
    return {**os.environ, "DOCKER_BUILDKIT": "1", **extra}


def _run(command: list[str], environment: dict[str, str], progress: Callable[[str], None]) -> None:
    tail: list[str] = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            tail = [*tail, line.rstrip()][-20:]
            if line.startswith(("STEP", "[")):
                progress(line.strip()[:120])
        code = process.wait(_TIMEOUT_SECONDS)
    if code:
        raise ImageBuildError(f"`{command[0]} build` ended with exit code {code}. Its last lines:\n" + "\n".join(tail))


def _label_of(tool: str, tag: str) -> str | None:
    """Return the digest of the sources that an image was made of; None where there is no such image."""
    buildah = tool == "buildah"
    inspect = ["inspect", "--type", "image"] if buildah else ["image", "inspect", "--format", "{{json .}}"]
    path = ("OCIv1", "config", "Labels") if buildah else ("Config", "Labels")
    command = [tool, *inspect, tag]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        return None
    found = json.loads(result.stdout)
    for key in path:
        found = (found or {}).get(key)
    label = (found or {}).get(_LABEL)
    return str(label) if label else None


def _files(source_root: Path) -> Iterator[Path]:
    for name in _CONTEXT:
        path = source_root / name
        if path.is_dir():
            yield from sorted(
                file
                for file in path.rglob("*")
                if file.is_file() and not any(part == _IGNORED[0] for part in file.parts) and file.suffix != ".pyc"
            )
        elif path.is_file():
            yield path
        else:
            raise ImageBuildError(f"{path} is missing: build the image from a checkout of ekiben's repository")


def _digest(source_root: Path, base: str) -> str:
    total = hashlib.sha256(base.encode())
    for file in _files(source_root):
        total.update(f"{file.relative_to(source_root)}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _copy_context(source_root: Path, context: Path) -> None:
    for name in _CONTEXT:
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        if (source_root / name).is_dir():
            shutil.copytree(source_root / name, context / name, ignore=shutil.ignore_patterns(*_IGNORED))
        else:
            shutil.copy2(source_root / name, context / name)
