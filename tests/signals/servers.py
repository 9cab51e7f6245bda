"""Servers on loopback for these tests: pods that count, and a real Prometheus that scrapes them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler):
    """A server on a free port of loopback that hands everything to one handler; yields its port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@dataclass
class FakePod:
    """A bento as Prometheus sees it: its page can be changed at any time."""

    requests: int = 0
    errors: int = 0
    down: bool = False
    scrapes: int = 0

    def page(self) -> str:
        common = 'endpoint="/predict",runner_name="Iris",service_name="iris"'
        lines = ["# TYPE bentoml_service_request counter"]
        for code, count in (("200", self.requests - self.errors), ("500", self.errors)):
            if count:
                labels = f'{common},http_response_code="{code}"'
                lines.append(f"bentoml_service_request_total{{{labels}}} {count}")
                lines += [
                    f'bentoml_service_request_duration_seconds_bucket{{{labels},le="{le}"}} {count}'
                    for le in ("0.1", "1.0", "+Inf")
                ]
        return "\n".join(lines) + "\n"

    @contextmanager
    def serving(self) -> Iterator[int]:
        """Serve it from a thread of its own; yields the port."""
        pod = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                pod.scrapes += 1
                body = pod.page().encode()
                self.send_response(503 if pod.down else 200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            try:
                yield server.server_address[1]
            finally:
                server.shutdown()
                thread.join()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class Prometheus:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes] = field(repr=False)

    def get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@contextmanager
def prometheus(binary: Path, folder: Path, interval: str, pods: Mapping[str, Sequence[str]]) -> Iterator[Prometheus]:
    """A Prometheus server that scrapes these pods: name -> addresses."""
    port = free_port()
    groups = [
        {"targets": list(addresses), "labels": {"namespace": "shop", "pod": name}} for name, addresses in pods.items()
    ]
    job = {"job_name": "pods", "scrape_interval": interval, "scrape_timeout": interval, "static_configs": groups}
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(binary),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            cwd=folder,
            env={**os.environ, "GOMAXPROCS": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = Prometheus(f"http://127.0.0.1:{port}", process)
    try:
        _wait_until_ready(server, folder / "log")
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(server: Prometheus, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if server.get("/-/ready") == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"Prometheus did not start: {log.read_text()[-2000:]}")
