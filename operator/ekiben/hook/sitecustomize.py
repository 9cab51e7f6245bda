"""Have a server say `Connection: close` with each answer while its pod drains.

At SIGTERM uvicorn closes the connections that are idle. A caller that sends a request in that moment gets no answer.
So while the pod still waits before its SIGTERM, callers are told to open their next connection, which leads to another
pod: of the connections that are in use, none is left when the server ends.

Python runs this file at the start of each process whose PYTHONPATH begins with its folder. Whatever fails in here, the
server runs as if the file were not there.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would cost each process some milliseconds
    from collections.abc import Awaitable, Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Send = Callable[[dict[str, Any]], Awaitable[None]]
    App = Callable[[dict[str, Any], Any, Send], Awaitable[None]]

_SERVER = "uvicorn.config"
_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - as dear as typing: pathlib
_MARK = os.environ.get("EKIBEN_DRAIN_MARK", "")
_STARTED = time.time()
_LOOK_EVERY = 0.05


def _marked() -> bool:
    """Whether the pod drains. A mark from before this process is of a container that was restarted since."""
    try:
        return os.stat(_MARK).st_mtime > _STARTED  # noqa: PTH116
    except OSError:
        return False


def _closing(app: App) -> App:
    """Return the ASGI app with `Connection: close` in each answer to a request that comes while the pod drains."""
    draining = False
    next_look = 0.0

    def closing(scope: dict[str, Any], receive: Any, send: Send) -> Awaitable[None]:
        nonlocal draining, next_look
        now = time.monotonic()
        if now >= next_look:
            draining, next_look = _marked(), now + _LOOK_EVERY
        if draining and scope["type"] == "http":
            return app(scope, receive, functools.partial(_send, send))
        return app(scope, receive, send)

    return closing


async def _send(send: Send, message: dict[str, Any]) -> None:
    if message["type"] == "http.response.start":
        headers = [pair for pair in message.get("headers") or () if pair[0].lower() != b"connection"]
        message = {**message, "headers": [*headers, (b"connection", b"close")]}
    await send(message)


def _change(module: ModuleType) -> None:
    load = module.Config.load

    @functools.wraps(load)
    def load_and_wrap(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = load(self, *args, **kwargs)
        if callable(getattr(self, "loaded_app", None)):
            self.loaded_app = _closing(self.loaded_app)
        return result

    module.Config.load = load_and_wrap


class _OnImport:
    """Changes the server's module as soon as it is imported, if it ever is: importing it here would cost seconds."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != _SERVER:
            return None
        try:
            sys.meta_path.remove(self)
            return _changed(name)
        except Exception:  # noqa: BLE001 - a server without this is better than none
            return None


def _changed(name: str) -> ModuleSpec | None:
    """Return where a module is found, with a loader that changes it."""
    import contextlib
    import importlib.util

    spec = importlib.util.find_spec(name)
    loader: Any = spec.loader if spec else None
    if loader is None:
        return spec
    load = loader.exec_module

    def load_and_change(module: ModuleType) -> None:
        load(module)
        with contextlib.suppress(Exception):
            _change(module)

    loader.exec_module = load_and_change
    return spec


def _run_the_next() -> None:
    """Run the sitecustomize of the image or of the user, which this one hides; its errors are its own."""
    others = [entry for entry in sys.path if os.path.abspath(entry) != _HERE]  # noqa: PTH100
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        from importlib.util import module_from_spec

        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if _MARK:
    sys.meta_path.insert(0, _OnImport())
_run_the_next()
