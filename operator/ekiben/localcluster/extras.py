"""Programs that only tests need, built from pinned Go modules like the parts of the cluster, when one asks for them."""

from __future__ import annotations

import hashlib
import platform
import tempfile
from pathlib import Path

from .build import Module, compile_module, toolchain
from .lock import exclusive
from .progress import Progress, step

EXTRAS = Path(__file__).parent / "extras"
_BUILDER = "1"  # raise it when a change of this file changes what is built
# A metrics store that finds its targets in files or in Kubernetes; the clients of two dozen clouds are left out.
_MODULES = {"prometheus": Module("prometheus", ["tool"], ["Prometheus"], "remove_all_sd,enable_kubernetes_sd")}


def key(name: str) -> str:
    """Return what tells one build from another: a digest of its locks, options and the machine."""
    total = hashlib.sha256(f"{_BUILDER} {_MODULES[name]} {platform.machine()}".encode())
    for file in sorted((EXTRAS / name).iterdir()):
        total.update(f"{file.name}\0".encode())
        total.update(file.read_bytes())
    return total.hexdigest()[:16]


def ensure(name: str, cache: Path, progress: Progress) -> Path:
    """Return the program `name`, built unless it is in the cache (1 to 4 minutes).

    Raises:
        ClusterError: it cannot be downloaded or does not compile.
    """
    folder = cache / "extras" / f"{name}-{key(name)}"
    if (folder / name).is_file():
        return folder / name
    with exclusive(folder.parent / f".{name}.lock", progress):
        return _build(name, folder, cache, progress)


def _build(name: str, folder: Path, cache: Path, progress: Progress) -> Path:
    if (folder / name).is_file():  # by another command, meanwhile
        return folder / name
    with step(progress, "Go toolchain"):
        go = toolchain(cache)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=folder.parent) as temporary:
        built = Path(temporary) / "bin"
        built.mkdir()
        compile_module(go, _MODULES[name], EXTRAS / name, built, cache, progress)
        for former in folder.parent.glob(f"{name}-*"):
            _remove(former)
        built.rename(folder)
    return folder / name


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
