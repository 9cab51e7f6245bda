"""The mlserver dialect against a real MLServer, in an environment of its own: its dependencies are not ours."""

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.signals.servers import free_port

from ekiben.api.model import Runtime
from ekiben.localcluster.lock import exclusive
from ekiben.localcluster.progress import Lines
from ekiben.localcluster.settings import cache_folder
from ekiben.objects.runtime import MODEL_SERVERS
from ekiben.signals.scrape import DirectSource
from ekiben.signals.source import ScrapeTarget

pytestmark = pytest.mark.slow
LOCK = Path(__file__).parent / "mlserver.txt"
MODEL = """
from mlserver import MLModel
from mlserver.types import InferenceResponse, ResponseOutput


class Tiny(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        if payload.inputs[0].data[0] == 9:
            raise RuntimeError("broken")
        output = ResponseOutput(name="y", shape=[1], datatype="INT32", data=[1])
        return InferenceResponse(model_name=self.name, outputs=[output])
"""


def environment() -> Path:
    """Return a virtual environment with the locked MLServer, made unless it is in the cache (half a minute)."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = cache_folder() / "extras" / f"mlserver-{digest}"
    uv = str(Path(sys.executable).parent / "uv")
    with exclusive(folder.parent / ".mlserver.lock", Lines()):
        if not (folder / "done").exists():
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
            command = [
                uv,
                "pip",
                "sync",
                "--quiet",
                "--require-hashes",
                "--python",
                str(folder / "bin/python"),
                str(LOCK),
            ]
            subprocess.run(command, check=True, timeout=600)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """A running MLServer: (API, metrics)."""
    folder: Path = tmp_path_factory.mktemp("mlserver")
    (folder / "model.py").write_text(MODEL)
    (folder / "model-settings.json").write_text(json.dumps({"name": "tiny", "implementation": "model.Tiny"}))
    http, grpc, metrics = free_port(), free_port(), free_port()
    settings = {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics}
    (folder / "settings.json").write_text(json.dumps(settings | {"parallel_workers": 0, "debug": False}))
    served = MODEL_SERVERS[Runtime.MLSERVER]
    # The variables with which ekiben starts it, their folder made another.
    variables = {name: value.replace("/tmp", str(folder)) for name, value in served.env.items()}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(environment() / "bin/mlserver"), "start", "."],
            cwd=folder,
            env={**os.environ, **variables, "PYTHONPATH": str(folder)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 90
        while ask(http, served.ready_path) != 200:
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
            time.sleep(0.1)
        assert ask(http, served.live_path) == 200
        yield http, metrics
    finally:
        process.terminate()
        process.wait(20)


def ask(port: int, path: str, body: bytes | None = None) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def infer(port: int, value: int) -> int:
    inputs = [{"name": "x", "shape": [1], "datatype": "INT32", "data": [value]}]
    return ask(port, "/v2/models/tiny/infer", json.dumps({"inputs": inputs}).encode())


async def test_answers_are_counted_by_what_they_were(ports):
    http, metrics = ports
    path = MODEL_SERVERS[Runtime.MLSERVER].metrics_path
    target = ScrapeTarget("a", "iris-1", "shop", "127.0.0.1", metrics, "r1", Runtime.MLSERVER, path)
    async with DirectSource(loopback=True) as source:
        before = (await source.read([target], 5))["a"]
        codes = [infer(http, 1), infer(http, 1), infer(http, 9), ask(http, "/v2/models/tiny/infer", b"{no")]
        assert codes == [200, 200, 500, 422]
        for probe in ("/v2/health/live", "/v2/health/ready", "/v2/models/tiny/ready"):
            assert ask(http, probe) == 200
        now = (await source.read([target], 5))["a"]
        assert source.histograms(Runtime.MLSERVER)
    assert (now.requests - before.requests, now.errors, now.rejected) == (4, 1, 1)
    assert (sum(now.hist), now.in_flight) == (2, 0)
    assert now.bounds[0] == 0.005
