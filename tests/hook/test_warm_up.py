"""Warming a model server up: it asks what callers will ask, and says in one line what is wrong."""

import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from ekiben.api.server import WarmUp
from ekiben.objects.runtime import MODEL_SERVERS, Runtime
from ekiben.objects.warming import startup_probe

BODY = '{"it\'s": "$(HOME) `id` \\"5\\""}'


class Server(ThreadingHTTPServer):
    """A model server that keeps what it was asked, and answers what it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, str]] = []
        self.answers = {"/readyz": 200, "/predict": 200}


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _answer(self, body: str) -> None:
        self.server.asked.append((self.command, self.path, body))
        self.send_response(self.server.answers.get(self.path, 404))
        self.end_headers()
        self.wfile.write(b"no such\nthing")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def probe(port: int, **wanted: object) -> subprocess.CompletedProcess[str]:
    """Run the startup probe of a pod whose server answers at a port of this machine."""
    warm_up = WarmUp.model_validate({"path": "/predict", "body": BODY} | wanted)
    command = startup_probe(warm_up, MODEL_SERVERS[Runtime.BENTOML], 2, 150)["exec"]["command"]
    command = [str(port) if word == "3000" else word for word in command]
    # What the environment says about proxies is not for the container's own server.
    variables = {"PATH": os.environ["PATH"], "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def test_each_request_is_sent_as_it_stands(server):
    assert probe(server.server_port, times=3).returncode == 0
    assert server.asked == [("GET", "/readyz", ""), *[("POST", "/predict", BODY)] * 3]


def test_nothing_is_sent_before_the_server_is_loaded(server):
    server.answers["/readyz"] = 503
    done = probe(server.server_port)
    assert done.returncode == 1
    assert done.stderr == "warm-up: GET /readyz was answered with 503: no such thing\n"
    assert [path for _, path, _ in server.asked] == ["/readyz"]


def test_a_request_that_the_model_refuses_is_told(server):
    done = probe(server.server_port, path="/classify")
    assert done.returncode == 1
    assert done.stderr == "warm-up: POST /classify was answered with 404: no such thing\n"


def test_a_server_that_does_not_listen_yet_is_told(server):
    server.shutdown()
    server.server_close()
    done = probe(server.server_port)
    assert done.returncode == 1
    assert done.stderr.startswith("warm-up: GET /readyz was not answered: ")
