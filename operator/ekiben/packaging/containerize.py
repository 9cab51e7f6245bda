"""A bento becomes an image: BentoML's containerize, with the builder that works here."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ekiben.packaging import containerize_worker
from ekiben.packaging.bentos import Bento, bentoml_environment, bentoml_python
from ekiben.packaging.builders import Builder
from ekiben.packaging.commands import Progress, last_lines, run
from ekiben.packaging.errors import PackagingError, ToolError
from ekiben.packaging.trust import Trust

# What is said where a container cannot be started, as opposed to what fails inside one.
_ISOLATION_FAILED = re.compile(
    r"(?i)\brunc\b|\bcrun\b|cgroup|oci runtime|creating container|uid_map|unshare|netavark|\bcni\b|"
    r"mount.*operation not permitted"
)


@dataclass(frozen=True, slots=True)
class ImageOrder:
    """What is to be built, and with what."""

    bento: Bento
    image: str
    builder: Builder
    trust: Trust
    base_image: str | None = None


def containerize(order: ImageOrder, progress: Progress) -> None:
    """Build the image under its name in the builder's own storage.

    Raises ToolError with the builder's last lines, PackagingError where the builder cannot do what was asked.
    """
    environment = order.builder.environment()
    try:
        _run(order, environment, progress)
    except ToolError as error:
        if (
            order.builder.name != "buildah"
            or "BUILDAH_ISOLATION" in {**os.environ, **environment}
            or _ISOLATION_FAILED.search(error.output) is None
        ):
            raise
        progress("buildah could not start a container here; trying again with chroot isolation")
        _run(order, {**environment, "BUILDAH_ISOLATION": "chroot"}, progress)


def _arguments(order: ImageOrder) -> Iterator[str]:
    yield from ("--tag", order.image)
    if order.builder.mounts_at_build:
        # The host's network reaches what this machine reaches: an index behind a VPN, a proxy on loopback.
        yield from ("--network", "host")
        for here, inside in order.trust.mounts:
            yield from ("--volume", f"{here}:{inside}:ro")
        if order.base_image:
            yield from ("--from", order.base_image)
        return
    if order.trust.environment:
        raise PackagingError(
            "docker shows no files to a build without putting them into the image, so --ca-bundle and --index-url "
            "need buildah or podman. With docker, give a --base-image that has your certificates and your pip.conf."
        )
    if order.base_image:
        yield from ("--build-context", f"{order.bento.base_image}=docker-image://{order.base_image}")


def _run(order: ImageOrder, environment: dict[str, str], progress: Progress) -> None:
    bento, builder = order.bento, order.builder
    what = f"Building the image of {bento.tag} with {builder.name}"
    advice = (
        "The first line above that is an error says why. Where your network asks for it, give --ca-bundle, "
        f"--base-image or --index-url. `bentoml containerize {bento.tag} --backend {builder.name}` shows the whole."
    )
    with tempfile.TemporaryDirectory(prefix="ekiben-image-") as folder:
        identity = Path(folder) / "image-id"
        passed = {
            "bento": bento.tag,
            "name": builder.name,
            "executable": builder.executable,
            "buildkit": not builder.mounts_at_build,
            "arguments": [*_arguments(order), "--iidfile", str(identity)],
        }
        said = run(
            [bentoml_python(), containerize_worker.__file__, json.dumps(passed)],
            what=what,
            advice=advice,
            environment={**bentoml_environment(), **environment},
            progress=progress,
            tool=builder.name,
        )
        # BentoML logs a failed build and may still end well: the image's own identity is the proof.
        if not identity.is_file() or not identity.read_text().strip():
            raise ToolError(what, builder.name, last_lines(said.splitlines()), advice)
