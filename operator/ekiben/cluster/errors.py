"""What may go wrong with a request to the API server, in plain English."""

from __future__ import annotations

import json
import re
from typing import Any


class ClusterError(Exception):
    """A request to the API server failed."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        """HTTP status; 0 where no answer came."""


class NotFoundError(ClusterError):
    """The object, or its whole kind, does not exist."""


class ConflictError(ClusterError):
    """The object changed since it was read, or exists already: read again, decide again."""


class ForbiddenError(ClusterError):
    """The operator's role, a quota or an admission rule does not allow it."""


class InvalidError(ClusterError):
    """The API server refuses the object's contents."""


class UnavailableError(ClusterError):
    """No usable answer: the API server is away, overloaded or too slow. Worth another try."""


class ClusterConfigError(ClusterError):
    """There is no way to reach a cluster: no kubeconfig, an unknown context, credentials that are refused."""


_TYPES: dict[int, type[ClusterError]] = {
    400: InvalidError,
    404: NotFoundError,
    409: ConflictError,
    403: ForbiddenError,
    422: InvalidError,
}
_RBAC = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)" in API group "(?P<g>[^"]*)"'
)


def error_from(code: int, body: str, what: str) -> ClusterError:
    """Make the typed error of an answer.

    Args:
        code: HTTP status.
        body: what the API server wrote, usually a Status object.
        what: the request in words, such as "patch deployments shop/iris-v1".
    """
    message = _message(body)
    if code == 401:
        return ClusterConfigError(f"The API server refused the credentials ({what}): {message}", code)
    if code == 403 and "because it is being terminated" in message:
        return ConflictError(f"{message} ({what})", code)  # the namespace goes, and the resource with it
    if code == 403:
        return ForbiddenError(_forbidden(message, what), code)
    if code == 429 or code >= 500:
        return UnavailableError(f"The API server answered {code} ({what}): {message}", code)
    return _TYPES.get(code, ClusterError)(f"{message} ({what})", code)


def _message(body: str) -> str:
    try:
        status: Any = json.loads(body)
    except ValueError:
        return body.strip()[:500] or "no message"
    message = status.get("message") if isinstance(status, dict) else None
    return str(message or "no message")[:2000]


def _forbidden(message: str, what: str) -> str:
    match = _RBAC.search(message)
    if not match:  # a quota, Pod Security or another admission rule: its own words say it best
        return f"{message} ({what})"
    group = f"API group {match['g']}" if match["g"] else "the core API group"
    return (
        f"ekiben may not {match['verb']} {match['resource']} ({what}): "
        f"give {match['user']} a role with the verb {match['verb']!r} for {match['resource']!r} in {group}"
    )
