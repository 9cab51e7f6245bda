"""What was read about one resource: the live objects, by what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.policy import at_rest, in_force
from ekiben.api.rollout import Rollout
from ekiben.rollout.observation import Feature

from .activators.seen import Activation

Json = dict[str, Any]


@dataclass
class World:
    """One resource and its children, read within one moment.

    Everything is keyed by revision, but `services` and `endpoints`, keyed by the Service's own name.
    """

    raw: Json
    resource: ModelDeployment
    deployments: dict[str, Json] = field(default_factory=dict)
    autoscalers: dict[str, Json] = field(default_factory=dict)
    scaled_objects: dict[str, Json] = field(default_factory=dict)
    handing_over: frozenset[str] = frozenset()
    """Revisions whose replicas KEDA, or an autoscaler of its, still owns although its object is going."""
    keda_problem: str = ""
    """Why spec.scaling.keda cannot be carried out."""
    budgets: dict[str, Json] = field(default_factory=dict)
    services: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, list[Json]] = field(default_factory=dict)
    endpoints: dict[str, frozenset[str]] = field(default_factory=dict)
    """Names of the ready pods in the EndpointSlices of each Service."""
    wake_slices: dict[str, Json] = field(default_factory=dict)
    """The resource's own EndpointSlices by name, which lead to activators."""
    activation: Activation | None = None
    """What is known of the activators as far as this model goes; None where none is installed or needed."""
    route: Json | None = None
    """The resource's own; one of this name that somebody else made is met when it is to be written."""
    preview_route: Json | None = None
    """Its own too, by which a preview hostname reaches the new revision."""
    testers_route: Json | None = None
    """And by which testers reach it where the user's route leads."""
    users_route: Json | None = None
    """The user's, named by spec.traffic.httpRoute."""
    left_route: Json | None = None
    """One of the user's that spec.traffic.httpRoute does not name any more, and that may not be as he wrote it yet."""
    gateway_problem: str = ""
    url: str | None = None
    unsupported: Mapping[Feature, str] = field(default_factory=dict)
    """What the Gateway's class, or the user's route, does not allow -> how that is known."""
    rollout: Rollout | None = None
    """spec.rollout over the RolloutPolicy that it refers to; None where it refers to none."""
    policy_problem: str = ""
    """Why that policy cannot be used."""
    frozen: str = ""
    """Why nothing may move."""
    unusable: str = ""
    """Why the spec cannot be carried out as it is. `resource` then says what is there, and not what was asked for."""
    withheld: bool = False
    """Unusable, and nothing is there: no route may be made of it."""
    waits: tuple[str, ...] = ()
    """What of the spec `resource` does not say, such as spec.traffic, since nothing may move."""

    @property
    def policy(self) -> Rollout:
        """The policy of the running rollout, or else of the next one."""
        status, now = self.resource.status, self.rollout or self.resource.spec.rollout
        return in_force(status.rollout, at_rest(status, now, self.policy_problem))

    @property
    def name(self) -> str:
        """The resource's name, which is that of its Service as well."""
        return self.resource.metadata.name
