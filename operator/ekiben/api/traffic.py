"""spec.traffic: how requests reach the model."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.alias_generators import to_snake

from .base import DURATION_PATTERN, Duration, Hostname, ObjectName, Resource, seconds
from .rules import Matching, Rule

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


class Provider(StrEnum):
    """Who splits requests between two revisions."""

    GATEWAY_API = "gatewayAPI"
    """A Gateway, by the weights of an HTTPRoute."""
    REPLICA_RATIO = "replicaRatio"
    """The Service NAME, by the number of ready pods: for clusters without a Gateway."""


def _of_a_gateway(field: str) -> Rule:
    attribute = to_snake(field)
    return Rule(
        f"!has(self.{field}) || !has(self.provider) || self.provider == 'gatewayAPI'",
        f"traffic.{field} is of provider gatewayAPI: remove it; with replicaRatio callers use the Service NAME",
        lambda self: getattr(self, attribute) is None or self.provider is Provider.GATEWAY_API,
        f".{field}",
    )


def _not_in_own_route(field: str) -> Rule:
    attribute = to_snake(field)
    return Rule(
        f"!has(self.{field}) || !has(self.httpRoute)",
        f"traffic.httpRoute names a route of your own, which has its own {field}: remove one of the two",
        lambda self: getattr(self, attribute) is None or self.http_route is None,
        f".{field}",
    )


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
        *(_of_a_gateway(field) for field in ("parentRefs", "hostnames", "httpRoute")),
        *(_not_in_own_route(field) for field in ("parentRefs", "hostnames")),
    )

    provider: Provider = Provider.GATEWAY_API
    """Who splits requests between two revisions."""
    http_route: ObjectName | None = None
    """Name of an HTTPRoute of your own in this namespace. Where one of its rules has the Service NAME as its backend,
    ekiben puts the revisions' Services in its place while a rollout runs, and leaves the rest of the route alone."""

    parent_refs: Annotated[list[ParentRef], Field(min_length=1, max_length=16)] | None = None
    """Gateways to attach to; the one in the operator's settings by default."""
    hostnames: Annotated[list[Hostname], Field(min_length=1, max_length=16)] | None = None
    """Hostnames that reach the model; NAME.NAMESPACE.DOMAIN by default, DOMAIN being a setting of the operator."""
    path: RoutePath = "/"
    """Path prefix that reaches the model."""
    timeout: Duration = "60s"
    """The longest that a request may take, the wait for the model included."""
