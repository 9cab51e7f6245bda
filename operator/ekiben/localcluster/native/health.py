"""Asking components and the API server how they are."""

from __future__ import annotations

import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.native.components import Component
from ekiben.localcluster.native.layout import SERVER, Layout
from ekiben.localcluster.processes import running

_STEADY_SECONDS = 1.0
_POLL_SECONDS = 0.05


def healthy(component: Component, timeout: float = 1.0) -> bool:
    """Whether a component answers well."""
    if component.health.startswith("/"):
        return _accepts(component.health, timeout)
    context = ssl.create_default_context()
    # Controller manager and scheduler have certificates of their own making; nothing secret is sent or believed.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with _opener(context).open(component.health, timeout=timeout) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def wait_healthy(component: Component, layout: Layout, seconds: float) -> None:
    """Wait until a component answers well.

    Raises:
        ClusterError: it ended, or did not become healthy in time; with its last log lines.
    """
    deadline = time.monotonic() + seconds
    while not healthy(component):
        log = layout.log(component.name)
        if running(layout.pid(component.name)) is None:
            advice = "If its stored data is damaged, `ekiben cluster down` and `up` begin anew."
            raise ClusterError(component.name, "ended right after its start", log=log, advice=advice)
        if time.monotonic() > deadline:
            advice = "Run `ekiben cluster up` again; if that does not help, `ekiben cluster down` first."
            raise ClusterError(component.name, f"not healthy after {seconds:.0f} s", log=log, advice=advice)
        time.sleep(_POLL_SECONDS)


def wait_answer(url: str, seconds: float) -> None:
    """Wait until an HTTP server answers steadily, whatever the status: for a second, without a miss.

    One answer is not enough after a repair: kube-proxy and the kubelet start with the state of before, and correct it
    in the next moment.

    Raises:
        ClusterError: it did not in time.
    """
    deadline, opener = time.monotonic() + seconds, urllib.request.build_opener(urllib.request.ProxyHandler({}))
    since: float | None = None
    while since is None or time.monotonic() - since < _STEADY_SECONDS:
        problem = _ask(opener, url)
        now = time.monotonic()
        if problem is None:
            since = now if since is None else since
        else:
            since = None
            if now > deadline:
                advice = "Look at the gateway's pods with: kubectl --context ekiben -n envoy-gateway-system get pods"
                raise ClusterError("gateway", f"{url} does not answer: {problem}", advice=advice) from problem
        time.sleep(_POLL_SECONDS)


def _ask(opener: urllib.request.OpenerDirector, url: str) -> OSError | None:
    try:
        with opener.open(url, timeout=1):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except OSError as error:
        return error


class Api:
    """Reads objects of the cluster with the administrator's certificate."""

    def __init__(self, layout: Layout) -> None:
        context = ssl.create_default_context(cafile=str(layout.pki / "ca.crt"))
        context.load_cert_chain(layout.pki / "admin.crt", layout.pki / "admin.key")
        self._opener = _opener(context)

    def get(self, path: str, timeout: float = 5.0) -> dict[str, Any] | None:
        """Return an object or a list; None where it is not there or the server does not answer."""
        try:
            with self._opener.open(f"{SERVER}{path}", timeout=timeout) as answer:
                data: dict[str, Any] = json.load(answer)
                return data
        except (OSError, ValueError):
            return None

    def wait(self, what: str, path: str, ready: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
        """Wait until an object is there and `ready`; returns it.

        Raises:
            ClusterError: not in time; the message tells what the object says of itself.
        """
        deadline = time.monotonic() + seconds
        while True:
            found = self.get(path)
            if found is not None and ready(found):
                return found
            if time.monotonic() > deadline:
                said = explain(found)
                raise ClusterError(
                    what, f"not ready after {seconds:.0f} s: {said}", advice=f"Look at it with: {_look(path)}"
                )
            time.sleep(_POLL_SECONDS * 2)


def condition(found: dict[str, Any] | None, kind: str) -> bool:
    """Whether an object's status has a condition that is True and of the newest generation it speaks of."""
    conditions = ((found or {}).get("status") or {}).get("conditions") or []
    return any(entry.get("type") == kind and entry.get("status") == "True" for entry in conditions)


def available(found: dict[str, Any] | None) -> bool:
    """Whether a Deployment's newest generation is rolled out."""
    status = (found or {}).get("status") or {}
    generation = ((found or {}).get("metadata") or {}).get("generation")
    wanted = ((found or {}).get("spec") or {}).get("replicas", 1)
    return status.get("observedGeneration") == generation and status.get("readyReplicas", 0) >= wanted


def explain(found: dict[str, Any] | None) -> str:
    """Return what an object's conditions say, in one line."""
    if found is None:
        return "it does not exist"
    conditions = (found.get("status") or {}).get("conditions") or []
    said = [f"{entry['type']}={entry['status']}: {entry.get('message', '')}" for entry in conditions]
    return "; ".join(said)[:600] or "it has no status yet"


def _look(path: str) -> str:
    parts = path.strip("/").split("/")
    namespace = f" -n {parts[parts.index('namespaces') + 1]}" if "namespaces" in parts else ""
    return f"kubectl --context ekiben{namespace} describe {parts[-2]} {parts[-1]}"


def _opener(context: ssl.SSLContext) -> urllib.request.OpenerDirector:
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def _accepts(path: str, timeout: float) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(timeout)
        try:
            probe.connect(str(Path(path)))
        except OSError:
            return False
    return True
