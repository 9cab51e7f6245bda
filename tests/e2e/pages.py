"""Commands of the docs, run as they are written but for the names of the example."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.e2e.conftest import Namespace

_DOCS = Path(__file__).resolve().parents[2] / "docs"


def command(page: str, begins: str) -> str:
    """Return the first command of the page that begins so, its continued lines joined.

    Raises:
        LookupError: the page has none.
    """
    text = re.sub(r"\\\n\s*", "", (_DOCS / page).read_text())
    for line in text.splitlines():
        if line.strip().removeprefix("$ ").startswith(begins):
            return line.strip().removeprefix("$ ")
    raise LookupError(f"{page} has no command that begins with {begins!r}")


def run(namespace: Namespace, line: str) -> str:
    """Run it by a shell: `iris.shop` becomes the resource in the test's namespace, 8080 the cluster's port.

    Returns what it printed.
    """
    cluster = namespace.cluster
    url = cluster.gateway_url.rstrip("/").rsplit(":", 1)[-1]
    line = line.replace("iris.shop.", f"iris.{namespace.name}.").replace(":8080", f":{url}")
    line = re.sub(r"^(kubectl|ekiben) ", rf"\1 --namespace {namespace.name} ", line)
    where = {"KUBECONFIG": str(cluster.kubeconfig), "PATH": f"{cluster.bin}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", line], env={**os.environ, **where}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout
