"""What was read about one resource: the live objects, by what they are for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ekiben.api.modeldeployment import ModelDeployment

Json = dict[str, Any]


@dataclass
class World:
    """One resource and its children, read within one moment.

    Everything is keyed by revision, but `services`, keyed by the Service's own name.
    """

    raw: Json
    resource: ModelDeployment
    deployments: dict[str, Json] = field(default_factory=dict)
    autoscalers: dict[str, Json] = field(default_factory=dict)
    services: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, list[Json]] = field(default_factory=dict)
    ready: dict[str, int] = field(default_factory=dict)
    """Ready addresses by Service name."""
    route: Json | None = None
    """The resource's own; one of this name that somebody else made is met when it is to be written."""
    gateway_problem: str = ""
    url: str | None = None
