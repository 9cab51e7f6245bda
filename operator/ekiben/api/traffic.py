"""spec.traffic: how requests reach the model."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from .base import DURATION_PATTERN, Duration, ObjectName, Resource, seconds
from .rules import Matching, Rule

Hostname = Annotated[
    str,
    Field(max_length=253),
    Matching(
        r"^([*][.])?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$",
        "write a hostname in lower case, such as iris.example.com or *.example.com: no scheme, port or path",
    ),
]
RoutePath = Annotated[
    str,
    Field(max_length=512),
    Matching(
        r"^(/|(/[-A-Za-z0-9_~][-A-Za-z0-9._~]*)+/?)$",
        "write a path prefix that begins with '/', such as /models/iris",
    ),
]


class ParentRef(Resource):
    """A Gateway that the model's route attaches to. The Gateway's own allowedRoutes decides whether it may."""

    name: ObjectName
    """Name of the Gateway."""
    namespace: ObjectName | None = None
    """Namespace of the Gateway; the resource's own by default."""
    section_name: ObjectName | None = None
    """Name of a listener; all of the Gateway's listeners by default."""


class Traffic(Resource):
    """How requests reach the model."""

    rules: ClassVar = (
        Rule(
            f"!has(self.timeout) || !self.timeout.matches(r'{DURATION_PATTERN}')"
            " || (duration(self.timeout) >= duration('1s') && duration(self.timeout) <= duration('1h'))",
            "traffic.timeout is between 1s and 1h: a pod that is being replaced waits that long for its last request",
            lambda self: 1 <= seconds(self.timeout) <= 3600,
            ".timeout",
        ),
    )

    parent_refs: Annotated[list[ParentRef], Field(min_length=1, max_length=16)] | None = None
    """Gateways to attach to; the one in the operator's settings by default."""
    hostnames: Annotated[list[Hostname], Field(min_length=1, max_length=16)] | None = None
    """Hostnames that reach the model; NAME.NAMESPACE.DOMAIN by default, DOMAIN being a setting of the operator."""
    path: RoutePath = "/"
    """Path prefix that reaches the model."""
    timeout: Duration = "60s"
    """The longest that a request may take, the wait for the model included."""
