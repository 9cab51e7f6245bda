"""Which program builds images here: found by asking each one, not by its name on PATH alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ekiben.packaging.commands import without_credentials
from ekiben.packaging.errors import PackagingError

# In the order in which they are tried: without a daemon first.
BUILDERS = ("buildah", "podman", "docker")

_ASK = {"buildah": ("info",), "podman": ("info",), "docker": ("info", "--format", "{{.ServerVersion}}")}
_PATIENCE = 30.0  # seconds for an answer: a daemon that hangs is one that does not work

# Marks of a process in a container, where no further container can be started with full isolation.
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


@dataclass(frozen=True, slots=True)
class Builder:
    """A program that answered."""

    name: str
    executable: str

    @property
    def mounts_at_build(self) -> bool:
        """Whether files can be shown to a build without becoming part of the image."""
        return self.name in ("buildah", "podman")

    def environment(self) -> dict[str, str]:
        """What is added to the environment of each of its calls."""
        if self.name == "docker":
            return {"DOCKER_BUILDKIT": "1"}
        # Without layers nothing of one bento's image would serve the next one's.
        environment = {"BUILDAH_LAYERS": "true"}
        if "BUILDAH_ISOLATION" not in os.environ and inside_container():
            environment["BUILDAH_ISOLATION"] = "chroot"
        return environment


def inside_container() -> bool:
    """Whether this process seems to run in a container itself."""
    return (
        any(mark.exists() for mark in _CONTAINER_MARKS)
        or bool(os.environ.get("container"))  # noqa: SIM112 - the name that container managers set
        or "KUBERNETES_SERVICE_HOST" in os.environ
    )


def _refusal(name: str) -> str | None:
    """Why `name` cannot be used, in its own words; None when it can."""
    executable = shutil.which(name)
    if executable is None:
        return "not installed (not on PATH)"
    try:
        answer = subprocess.run(
            [executable, *_ASK[name]], capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return f"gave no answer in {_PATIENCE:.0f} s"
    except OSError as error:
        return f"cannot be started: {error}"
    if answer.returncode == 0:
        return None
    said = [line for line in (answer.stderr + answer.stdout).splitlines() if line.strip()]
    return without_credentials(said[-1].strip()) if said else f"ended with exit code {answer.returncode}"


def find_builder(wanted: str = "auto") -> Builder:
    """The builder that is `wanted`, or with "auto" the first that works.

    Raises PackagingError that says of each one that was tried why it was refused.
    """
    if wanted not in (*BUILDERS, "auto"):
        raise PackagingError(f"--builder {wanted!r} is not known. Choose one of: {', '.join(BUILDERS)}, auto.")
    refusals = []
    for name in BUILDERS if wanted == "auto" else (wanted,):
        why = _refusal(name)
        if why is None:
            return Builder(name, shutil.which(name) or name)
        refusals.append(f"  {name}: {why}")
    raise PackagingError(
        "No program that builds images works here:\n"
        + "\n".join(refusals)
        + "\nInstall buildah (it needs no daemon), or start the one that you have."
    )
