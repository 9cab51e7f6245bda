"""A real bentoml server on loopback, once for the session's tests in this folder."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SERVICE = """
import asyncio

import bentoml
from bentoml.exceptions import BentoMLException, InvalidArgument


class Broken(BentoMLException):
    error_code = __import__("http").HTTPStatus.INTERNAL_SERVER_ERROR


class Busy(BentoMLException):
    error_code = __import__("http").HTTPStatus.TOO_MANY_REQUESTS


@bentoml.service(traffic={"timeout": 10})
class TinyModel:
    @bentoml.api
    async def predict(self, kind: str) -> str:
        if kind == "broken":
            raise Broken("broken")
        if kind == "busy":
            raise Busy("busy")
        if kind == "invalid":
            raise InvalidArgument("invalid")
        if kind == "slow":
            await asyncio.sleep(2)
        return "fine"
"""


@dataclass(frozen=True)
class Server:
    """A running bentoml server."""

    port: int

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask with GET."""
        return self._ask(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}"))

    def predict(self, kind: str) -> int:
        """Call the one method; return the status."""
        return self._ask(
            urllib.request.Request(
                f"http://127.0.0.1:{self.port}/predict",
                data=json.dumps({"kind": kind}).encode(),
                headers={"Content-Type": "application/json"},
            )
        )[0]

    @staticmethod
    def _ask(request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="session")
def bento(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("bento")
    (folder / "service.py").write_text(SERVICE)
    port = _free_port()
    environment = {**os.environ, "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "home")}
    log = (folder / "log").open("w+b")
    process = subprocess.Popen(
        [sys.executable, "-m", "bentoml", "serve", "service:TinyModel", "--host", "127.0.0.1", "--port", str(port)],
        cwd=folder,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    server = Server(port)
    try:
        _wait_until_ready(server, process, folder / "log")
        yield server
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    import time

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if server.get("/readyz")[0] == 200:
                return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.1)
    raise RuntimeError(f"bentoml did not start: {log.read_text()[-2000:]}")
