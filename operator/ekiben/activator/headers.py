"""Which headers go on: those of the message, and not those of one connection (RFC 9110, section 7.6.1)."""

from __future__ import annotations

from collections.abc import Mapping

from multidict import CIMultiDict, CIMultiDictProxy

_OF_A_CONNECTION = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
WAITED = "X-Ekiben-Waited"
"""Of an answer: how long the request waited for a pod, seconds."""


def onward(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Return the headers that go on, in order, each as often as it was there."""
    named = {part.strip().lower() for value in headers.getall("Connection", ()) for part in value.split(",")}
    # What `Connection` names ends here, but not the length of the body: without it, that would have no end.
    dropped = _OF_A_CONNECTION | (named - {"content-length", "host"})
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def asks_for_upgrade(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request asks for another protocol on its connection."""
    return method == "CONNECT" or "Upgrade" in headers
