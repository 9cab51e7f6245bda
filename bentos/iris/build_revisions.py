"""Train the demo's revisions and build a bento of each, unless the store already has exactly that.

    python build_revisions.py            # v1 to v4: prints held-out metrics and the tag of each bento
    python build_revisions.py v1 v3

A bento's version is its revision's name and a digest of everything in it, `v2-5d0c7a1e`: the same sources and the
same model have the same version, so a second run builds nothing. `BENTOML_HOME` says which store is meant.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ["BENTOML_DO_NOT_TRACK"] = "True"

import bentoml
from revisions import REVISIONS
from train import save

PROJECT = Path(__file__).parent
# What bentofile.yaml includes, and itself.
SOURCES = ("bentofile.yaml", "*.py", "requirements.txt", "web/*")
NOT_SERVED = ("build_revisions.py", "train.py", "revisions.py")


@dataclass(frozen=True, slots=True)
class BuiltRevision:
    """One revision, ready for `ekiben push TAG`."""

    revision: str
    bento_tag: str
    model_version: str
    """What the answers carry in `x-model-version`."""
    log_loss: float
    accuracy: float


def bento_version(name: str, model: bentoml.Model) -> str:
    digest = hashlib.sha256(f"{model.tag} {bentoml.__version__}".encode())
    paths = {path for pattern in SOURCES for path in PROJECT.glob(pattern) if path.name not in NOT_SERVED}
    for path in sorted(paths):
        digest.update(f"\0{path.relative_to(PROJECT)}\0".encode())
        digest.update(path.read_bytes())
    return f"{name}-{digest.hexdigest()[:8]}"


def build(name: str) -> BuiltRevision:
    """Train and build one revision. Raises subprocess.CalledProcessError with BentoML's output in it."""
    model = save(name)
    tag = f"iris:{bento_version(name, model)}"
    try:
        bentoml.bentos.get(tag)
    except bentoml.exceptions.NotFound:
        command = [sys.executable, "-m", "bentoml", "build", "--output", "tag"]
        command += [
            "--version",
            tag.partition(":")[2],
            "--label",
            f"revision={name}",
            "--arg",
            f"model={model.tag}",
            ".",
        ]
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    metrics = model.info.metadata
    return BuiltRevision(
        revision=name,
        bento_tag=tag,
        model_version=str(model.tag.version),
        log_loss=metrics["held_out_log_loss"],
        accuracy=metrics["held_out_accuracy"],
    )


def build_all(
    names: Iterable[str] = tuple(REVISIONS), done: Callable[[BuiltRevision], None] = lambda _: None
) -> list[BuiltRevision]:
    """Build `names` one after the other, and tell `done` of each."""
    built = []
    for name in names:
        built.append(build(name))
        done(built[-1])
    return built


def _print(built: BuiltRevision) -> None:
    print(
        f"{built.revision}  {built.bento_tag}  model {built.model_version}  "
        f"held-out log-loss {built.log_loss:.4f}  accuracy {built.accuracy:.4f}",
        flush=True,
    )


def _print_json(built: BuiltRevision) -> None:
    print(json.dumps(asdict(built)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the iris revisions and build a bento of each.")
    parser.add_argument("revisions", nargs="*", choices=[[], *REVISIONS], default=[], metavar="REVISION")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    given = parser.parse_args()
    try:
        build_all(given.revisions or REVISIONS, _print_json if given.json else _print)
    except subprocess.CalledProcessError as error:
        sys.exit(f"`bentoml build` failed:\n{error.stdout}{error.stderr}")


if __name__ == "__main__":
    main()
