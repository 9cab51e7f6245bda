"""The hook in the pods of models: it tells callers to go while the pod drains, and can break nothing."""

import asyncio
import contextlib
import http.client
import importlib.util
import os
import socket
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import pytest

HOOK = files("ekiben.hook").joinpath("sitecustomize.py")
ANSWERING = """
import os, uvicorn

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

uvicorn.run(app, fd=int(os.environ["SOCKET"]), lifespan="off", log_level="error")
"""


@pytest.fixture
def folder(tmp_path):
    """A folder as the pod has it, with the hook in it."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook/sitecustomize.py").write_text(HOOK.read_text())
    return tmp_path


def environment(folder, *more):
    """Return the variables of a process in the pod; `more` are folders that its PYTHONPATH has after the hook's."""
    path = os.pathsep.join(str(part) for part in (folder / "hook", *more))
    return {**os.environ, "PYTHONPATH": path, "EKIBEN_DRAIN_MARK": str(folder / "draining")}


def python(folder, code, *more):
    """Run code in a process of the pod; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(folder, *more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip(), done.stderr


@contextlib.contextmanager
def serving(folder):
    """Run uvicorn in a process of the pod; yields a connection to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, "-c", ANSWERING],
            env={**environment(folder), "SOCKET": str(listener.fileno())},
            pass_fds=[listener.fileno()],
        )
        connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=30)
        try:
            yield connection
        finally:
            connection.close()
            process.terminate()
            process.wait(30)


def ask(connection):
    """Return (status, Connection header) of one answer, and whether the connection stays open."""
    connection.request("POST", "/", b"x")
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.getheader("connection"), connection.sock is not None


def test_connections_are_kept_until_the_pod_drains_and_then_closed(folder):
    with serving(folder) as connection:
        assert ask(connection) == (200, None, True)
        assert ask(connection) == (200, None, True)
        (folder / "draining").touch()
        deadline = time.monotonic() + 30
        while (answer := ask(connection)) == (200, None, True) and time.monotonic() < deadline:
            pass
        assert answer == (200, "close", False)
        assert ask(connection) == (200, "close", False)


def test_a_mark_from_before_the_process_is_of_a_former_container(folder):
    (folder / "draining").touch()
    code = "import sitecustomize as s; print(s._marked())"
    assert python(folder, code)[0] == "False"


def test_the_sitecustomize_that_is_hidden_runs_too(folder):
    other = folder / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("WHO = 'other'\n")
    assert python(folder, "import sitecustomize; print(sitecustomize.WHO)", other)[0] == "other"


def test_its_errors_stay_its_own(folder):
    other = folder / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("raise RuntimeError('of the other')\n")
    out, err = python(folder, "print('runs')", other)
    assert out == "runs"
    assert "of the other" in err


@pytest.mark.parametrize(
    "config", ["", "class Config:\n    load = None\n", "class Config:\n    pass\n", "from .other import Config\n"]
)
def test_a_server_of_another_make_is_left_alone(folder, config):
    package = folder / "lib/uvicorn"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "other.py").write_text("class Config:\n    def load(self):\n        return 'loaded'\n")
    (package / "config.py").write_text(config)
    assert python(folder, "import uvicorn.config; print('runs')", folder / "lib") == ("runs", "")


def test_a_process_that_serves_nothing_imports_no_server(folder):
    code = "import sys; print('uvicorn' in sys.modules, 'typing' in sys.modules)"
    assert python(folder, code)[0] == python(folder, code)[0] == "False False"


def test_without_a_mark_to_look_for_nothing_is_changed(folder):
    done = subprocess.run(
        [sys.executable, "-c", "import sys; print([type(f).__name__ for f in sys.meta_path])"],
        env={key: value for key, value in environment(folder).items() if key != "EKIBEN_DRAIN_MARK"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_OnImport" not in done.stdout


@pytest.fixture
def hook(tmp_path, monkeypatch):
    """The hook as a module."""
    monkeypatch.setenv("EKIBEN_DRAIN_MARK", str(tmp_path / "draining"))
    monkeypatch.setattr(sys, "path", [])  # nobody else's sitecustomize
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    spec = importlib.util.spec_from_file_location("hook", str(HOOK))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answered(app, scope):
    """Return the messages of one answer."""
    told = []

    async def send(message):
        told.append(message)

    asyncio.run(app(scope, None, send))
    return told


async def keeping(scope, receive, send):
    """Answer with headers of the app's own."""
    await send({"type": f"{scope['type']}.response.start", "status": 200, "headers": [(b"Connection", b"keep-alive")]})


def test_what_the_app_says_about_the_connection_gives_way(hook, tmp_path):
    app = hook._closing(keeping)
    (tmp_path / "draining").touch()
    os.utime(tmp_path / "draining", (hook._STARTED + 1,) * 2)
    assert answered(app, {"type": "http"})[0]["headers"] == [(b"connection", b"close")]


def test_websockets_are_not_touched(hook, tmp_path):
    app = hook._closing(keeping)
    (tmp_path / "draining").touch()
    os.utime(tmp_path / "draining", (hook._STARTED + 1,) * 2)
    assert answered(app, {"type": "websocket"})[0]["headers"] == [(b"Connection", b"keep-alive")]


def test_it_is_written_for_old_pythons_too(hook):
    import ast

    ast.parse(Path(str(HOOK)).read_text(), feature_version=(3, 8))
