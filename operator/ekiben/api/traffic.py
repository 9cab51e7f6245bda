"""spec.traffic: how requests reach the model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .base import Duration, ObjectName, Resource

Hostname = Annotated[
    str, Field(pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253)
]


class ParentRef(Resource):
    """A Gateway that the model's route attaches to. The Gateway's own allowedRoutes decides whether it may."""

    name: ObjectName
    """Name of the Gateway."""
    namespace: ObjectName | None = None
    """Namespace of the Gateway; the resource's own by default."""
    section_name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)] | None = None
    """Name of a listener; all of the Gateway's listeners by default."""


class Traffic(Resource):
    """How requests reach the model."""

    parent_refs: Annotated[list[ParentRef], Field(min_length=1, max_length=16)] | None = None
    """Gateways to attach to; the one in the operator's settings by default."""
    hostnames: Annotated[list[Hostname], Field(min_length=1, max_length=16)] | None = None
    """Hostnames that reach the model; NAME.NAMESPACE.DOMAIN by default, DOMAIN being a setting of the operator."""
    path: Annotated[str, Field(pattern=r"^/[-A-Za-z0-9._~/]*$", max_length=512)] = "/"
    """Path prefix that reaches the model."""
    timeout: Duration = "60s"
    """The longest that a request may take, the wait for the model included."""
