"""From the builder's storage to a registry, and back comes the digest."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ekiben.packaging.builders import Builder
from ekiben.packaging.commands import Progress, last_lines, run
from ekiben.packaging.errors import ToolError
from ekiben.packaging.references import Registry
from ekiben.packaging.trust import Trust

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def push(image: str, registry: Registry, builder: Builder, trust: Trust, *, insecure: bool, progress: Progress) -> str:
    """Push `image` and return the digest of its manifest, `sha256:...`, as the registry has it.

    Without TLS only to this machine itself, or where `insecure` says so. Raises ToolError with the tool's own words.
    """
    what = f"Pushing {image}"
    advice = _advice(registry, builder, insecure=insecure)
    with tempfile.TemporaryDirectory(prefix="ekiben-digest-") as folder:
        written = Path(folder) / "digest"
        said = run(
            [builder.executable, "push", *_options(builder, registry, trust, written, insecure=insecure), image],
            what=what,
            advice=advice,
            environment=builder.environment(),
            progress=progress,
        )
        if builder.name == "docker":
            told = _docker_digest(image, builder, said)
        else:
            told = written.read_text() if written.is_file() else ""
    found = _DIGEST.search(told)
    if found is None:
        raise ToolError(f"{what}: finding its digest", builder.name, last_lines(said.splitlines()), advice)
    return found[0]


def _options(builder: Builder, registry: Registry, trust: Trust, digest_file: Path, *, insecure: bool) -> Iterator[str]:
    if not builder.mounts_at_build:
        return  # docker: its daemon decides about TLS, and takes loopback without
    yield from ("--digestfile", str(digest_file))
    if insecure or registry.is_loopback:
        yield "--tls-verify=false"
    elif trust.registry_certificates is not None:
        yield from ("--cert-dir", str(trust.registry_certificates))


def _docker_digest(image: str, builder: Builder, said: str) -> str:
    """docker names the digest in its last line, and in what it keeps of the image."""
    last = said.splitlines()[-1] if said else ""
    if _DIGEST.search(last):
        return last
    kept = run(
        [builder.executable, "image", "inspect", "--format", "{{json .RepoDigests}}", image],
        what=f"Asking for the digest of {image}",
        advice="`docker image inspect` shows what docker knows of it.",
    )
    repository = image.rpartition(":")[0]
    return next((entry for entry in json.loads(kept) or [] if entry.startswith(f"{repository}@")), "")


def _advice(registry: Registry, builder: Builder, *, insecure: bool) -> str:
    login = f"`{builder.name} login {registry.host}` gives it your credentials"
    if insecure or registry.is_loopback:
        return f"Check that a registry answers at {registry.host}; {login}."
    return (
        f"Check that a registry answers at {registry.host}; {login}. A registry with a company's certificate needs "
        "--ca-bundle; one without TLS needs --insecure-registry, which lets anybody on the way change the image."
    )
