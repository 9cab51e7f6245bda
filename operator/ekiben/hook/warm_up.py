"""Warm a model server up before its first caller: once it says that it is loaded, ask it what callers will ask.

Runs in the model's own container, with nothing but the standard library of whatever Python its image has:

    python3 warm_up.py PORT READY_PATH PATH TIMES TIMEOUT BODY

Ends with 0 once each of the requests was answered with 2xx. Otherwise it says in one line what was wrong, which the
kubelet puts into an Event of the pod, and ends with 1.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

_SHOWN = 200


def main(port: str, ready_path: str, path: str, times: str, timeout: str, body: str) -> None:
    """Ask whether the server is ready, and then as often as was asked for what callers ask.

    Raises:
        SystemExit: an answer was not 2xx, or there was none; with the reason.
    """
    _ask(port, ready_path, float(timeout), None)
    for _ in range(int(times)):
        _ask(port, path, float(timeout), body.encode())


def _ask(port: str, path: str, timeout: float, body: bytes | None) -> None:
    verb = "GET" if body is None else "POST"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers, method=verb)
    try:
        # A proxy of the environment is for what the model calls, not for its own container.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=timeout) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        text = " ".join(error.read(_SHOWN).decode("utf-8", "replace").split())
        sys.exit(f"warm-up: {verb} {path} was answered with {error.code}: {text}")
    except OSError as error:
        sys.exit(f"warm-up: {verb} {path} was not answered: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
