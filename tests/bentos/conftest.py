"""Real bentos, built once into a store of the tests' own, and served on loopback by `bentoml serve`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from ekiben.localcluster.settings import cache_folder

IRIS = Path(__file__).parents[2] / "bentos" / "iris"


@dataclass(frozen=True)
class Answered:
    status: int
    headers: Message
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Served:
    """A bento that answers at `url`."""

    url: str
    model_version: str

    def ask(self, path: str, body: Any = None, *, raw: bytes | None = None) -> Answered:
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers={"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answered(response.status, response.headers, response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answered(error.code, error.headers, error.read().decode())


@pytest.fixture(scope="session")
def store() -> dict[str, str]:
    """The environment of everything that runs BentoML here: a store of its own, and no reports to anybody."""
    folder = cache_folder() / "bentoml"
    folder.mkdir(parents=True, exist_ok=True)
    return {**os.environ, "BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True"}


@pytest.fixture(scope="session")
def revisions(store: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What `build_revisions.py` says of each revision that it built."""
    command = [sys.executable, str(IRIS / "build_revisions.py"), "--json"]
    done = subprocess.run(command, env=store, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {built["revision"]: built for built in map(json.loads, done.stdout.splitlines())}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=10) as response:
            if response.status == 200:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.2)
    raise AssertionError(f"not ready in 120 s\n{log.read_text()}")


@pytest.fixture(scope="session")
def serve(
    store: dict[str, str], revisions: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Served]]:
    """`serve("v2")` starts that revision, once, and answers when /readyz does."""
    running: dict[str, Served] = {}
    with contextlib.ExitStack() as stack:

        def start(revision: str) -> Served:
            if revision in running:
                return running[revision]
            built, port = revisions[revision], _free_port()
            log = tmp_path_factory.mktemp(revision) / "log"
            command = [sys.executable, "-m", "bentoml", "serve", built["bento_tag"], "--host", "127.0.0.1"]
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [*command, "--port", str(port)], env=store, stdout=output, stderr=output, start_new_session=True
                )
            stack.callback(_stop, process)
            served = Served(f"http://127.0.0.1:{port}", built["model_version"])
            _wait_until_ready(served.url, process, log)
            running[revision] = served
            return served

        yield start


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
