"""Bentos: building one from a project, finding one by its tag, and what it says about itself."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ekiben.packaging.commands import Progress, run
from ekiben.packaging.errors import PackagingError

_PROJECT_FILES = ("bentofile.yaml", "bentofile.yml", "service.py", "pyproject.toml")
_EXACT = re.compile(r"(?P<name>[a-z0-9][a-z0-9_.-]*):(?P<version>[a-z0-9][a-z0-9_.-]*)")
_TAG_MARK = "__tag__:"  # what `bentoml build --output tag` writes before the tag


@dataclass(frozen=True, slots=True)
class Bento:
    """A bento in the store and what its bento.yaml states; None where it states nothing."""

    name: str
    version: str
    cpu: str | None = None
    memory: str | None = None
    gpu: int | None = None
    timeout_seconds: float | None = None
    concurrency: int | None = None
    base_image: str | None = None

    @property
    def tag(self) -> str:
        return f"{self.name}:{self.version}"


def bentoml_python() -> str:
    """The Python of the active virtual environment if BentoML is in it, with the project's libraries, else this one."""
    active = Path(os.environ.get("VIRTUAL_ENV", "/nonexistent")) / "bin"
    return str(active / "python") if (active / "bentoml").is_file() else sys.executable


def bentoml_command() -> list[str]:
    return [bentoml_python(), "-m", "bentoml"]


def bentoml_environment() -> dict[str, str]:
    return {"BENTOML_DO_NOT_TRACK": "True"}


def is_project(target: str) -> bool:
    """Whether `target` is a folder rather than a tag. Raises PackagingError for a folder without a project in it."""
    folder = Path(target)
    if not folder.is_dir():
        if target.startswith((".", "/", "~")):
            raise PackagingError(f"There is no folder {target!r}. Give a bento's project folder or its tag.")
        return False
    if (folder / "bento.yaml").is_file():
        raise PackagingError(
            f"{target!r} is a bento that was built already. Give its tag (`bentoml list` shows it) "
            "or the folder of the project."
        )
    if not any((folder / name).is_file() for name in _PROJECT_FILES):
        raise PackagingError(
            f"{target!r} holds no BentoML project: none of {', '.join(_PROJECT_FILES)} is in it. "
            "Give the project's folder or the tag of a bento."
        )
    return True


def build(project: Path, arguments: Sequence[str], environment: Mapping[str, str], progress: Progress) -> str:
    """`bentoml build` in `project`; returns the tag. Raises ToolError with BentoML's own words."""
    passed = [part for argument in arguments for part in ("--arg", argument)]
    printed = run(
        [*bentoml_command(), "build", "--output", "tag", *passed, "."],
        what=f"Building the bento of {project}",
        advice="Correct what it names; `bentoml build` in that folder shows the whole of it.",
        environment={**bentoml_environment(), **environment},
        cwd=project,  # BentoML reads no file outside of the folder that it is called in
        progress=progress,
        tool="bentoml",
    )
    for line in printed.splitlines():
        if line.startswith(_TAG_MARK):
            return line.removeprefix(_TAG_MARK).strip()
    raise PackagingError(f"`bentoml build` named no bento. It said:\n{printed}")


def find(tag: str) -> Bento:
    """The bento `tag` (`name:version`, `name:latest` or `name`) of BentoML's store."""
    folder = _folder_in_store(tag) or _folder_told(tag)
    try:
        document = yaml.safe_load((folder / "bento.yaml").read_text())
    except OSError as error:
        raise PackagingError(f"The bento {tag!r} cannot be read: {error}") from error
    return read(document)


def _folder_in_store(tag: str) -> Path | None:
    """Where BentoML keeps a bento of exactly this name and version; asking BentoML itself takes seconds."""
    exact = _EXACT.fullmatch(tag)
    if exact is None or exact["version"] == "latest":
        return None
    home = Path(os.environ.get("BENTOML_HOME") or Path.home() / "bentoml")
    folder = home / "bentos" / exact["name"] / exact["version"]
    return folder if (folder / "bento.yaml").is_file() else None


def _folder_told(tag: str) -> Path:
    printed = run(
        [*bentoml_command(), "get", "--output", "path", tag],
        what=f"Finding the bento {tag!r}",
        advice="`bentoml list` shows the bentos that there are; `bentoml build` in a project makes one.",
        environment=bentoml_environment(),
        tool="bentoml",
    )
    return Path(printed.splitlines()[-1].strip() if printed else "")


def read(document: dict[str, Any]) -> Bento:
    """What a bento.yaml says of the service that answers requests."""
    services = {service["name"]: service for service in document.get("services") or []}
    entry = services.get(document.get("entry_service"), {})
    config = entry.get("config") or {}
    resources, traffic = config.get("resources") or {}, config.get("traffic") or {}
    concurrency = traffic.get("concurrency") or traffic.get("max_concurrency") or _at_once(config)
    gpu = resources.get("gpu")
    return Bento(
        name=document["name"],
        version=document["version"],
        cpu=_cores(resources.get("cpu")),
        memory=_gibibytes(resources.get("memory")),
        gpu=int(gpu) if gpu else None,
        timeout_seconds=float(traffic["timeout"]) if traffic.get("timeout") else None,
        concurrency=int(concurrency) if concurrency else None,
        base_image=(document.get("image") or {}).get("base_image"),
    )


def _at_once(config: dict[str, Any]) -> int | None:
    """Requests that the workers answer at once, each in so many threads; None where the service does not say.

    That holds of endpoints that are not asynchronous. A service of others says it by traffic.concurrency.
    """
    workers = config.get("workers")
    number = len(workers) if isinstance(workers, list) else workers
    if not isinstance(number, int) or isinstance(number, bool):
        return None  # as many as the machine has processors, which is the node's and not the replica's
    return number * int(config.get("threads") or 1) or None


def _cores(value: str | float | None) -> str | None:
    """BentoML counts a bare number as cores, as Kubernetes does."""
    return None if value is None else f"{value}"


def _gibibytes(value: str | float | None) -> str | None:
    """BentoML counts a bare number as GiB; Kubernetes would count bytes."""
    if value is None:
        return None
    text = f"{value}"
    try:
        return f"{float(text):g}Gi"
    except ValueError:
        return text
