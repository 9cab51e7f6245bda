"""Commands of the docs, run as they are written but for the names of the example."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.conftest import Namespace

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_COMMENT = re.compile(r"\s{2,}\S.*$")


def commands(page: str) -> list[str]:
    """Return what a page has in code blocks and in backticks, line by line, continued lines joined, no comments."""
    return [_COMMENT.sub("", line) for line in _lines(page)]


def _lines(page: str) -> Iterator[str]:
    fenced = False
    for line in re.sub(r"\\\n\s*", "", (_DOCS / page).read_text()).splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip().removeprefix("$ ")
        else:
            yield from re.findall(r"`([^`]+)`", line)


def command(page: str, begins: str) -> str:
    """Return the command of the page that is this one, or else the first that begins so.

    Raises:
        LookupError: the page has none.
    """
    found = [line for line in commands(page) if line.startswith(begins)]
    if not found:
        raise LookupError(f"{page} has no command that begins with {begins!r}")
    return begins if begins in found else found[0]


def script(page: str, begins: str) -> str:
    """Return the fenced block of shell of the page that begins so.

    Raises:
        LookupError: the page has none.
    """
    for block in re.findall(r"```sh\n(.*?)```", (_DOCS / page).read_text(), re.DOTALL):
        if block.startswith(begins):
            return str(block)
    raise LookupError(f"{page} has no block that begins with {begins!r}")


def run(namespace: Namespace, line: str, *, seconds: float = 60, code: int = 0) -> str:
    """Run it by a shell, in the test's namespace and by the cluster's port instead of the example's.

    Returns what it printed: where it is to fail, what it said about that.
    """
    done = subprocess.run(
        ["bash", "-c", _here(namespace, line)],
        env=_environment(namespace),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == code, f"{line}: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stderr if code else done.stdout


def interrupt(namespace: Namespace, line: str, shows: str, seconds: float = 60) -> None:
    """Run what goes on until Ctrl-C, and send that as soon as it has printed what it is to show."""
    process = subprocess.Popen(
        # What a shell has started in the background ignores Ctrl-C, and so would all that is started here.
        ["env", "--default-signal=INT", "bash", "-c", f"exec {_here(namespace, line)}"],
        env=_environment(namespace),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert any(shows in printed for printed in process.stdout), f"{line} ended without {shows!r}"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=seconds)
        assert process.returncode == 0, line
    finally:
        process.kill()
        process.wait()


def _here(namespace: Namespace, line: str) -> str:
    """`iris.shop` becomes the resource in the test's namespace, 8080 the cluster's port, NAME the resource's name."""
    url = namespace.cluster.gateway_url.rstrip("/").rsplit(":", 1)[-1]
    line = line.replace("iris.shop.", f"iris.{namespace.name}.").replace(":8080", f":{url}")
    line = re.sub(r"\bnamespace shop\b", f"namespace {namespace.name}", line)
    line = re.sub(r"(-n|--namespace) shop\b", rf"\1 {namespace.name}", line)
    line = re.sub(r"(kubectl (?:get|describe) mdep|ekiben [a-z]+) NAME\b", r"\1 iris", line)
    return re.sub(r"(?m)^([\s(]*)(kubectl|ekiben) ([a-z]+)", rf"\1\2 \3 --namespace {namespace.name}", line)


def _environment(namespace: Namespace) -> dict[str, str]:
    cluster = namespace.cluster
    path = [str(cluster.bin), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PATH": os.pathsep.join(path), "COLUMNS": "120"}
