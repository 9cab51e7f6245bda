"""What decide() answers: ordered actions, the next status, events, and when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ekiben.api.status import Status


@dataclass(frozen=True)
class EnsureRevision:
    """The revision's Deployment and Service exist. A Deployment that exists is never rendered again."""

    revision: str
    number: int
    model: Mapping[str, Any]
    replicas: int
    """Replicas of a Deployment that has to be made; an existing one is left alone."""


@dataclass(frozen=True)
class Scale:
    """The revision's Deployment asks for this many replicas; written through /scale."""

    revision: str
    replicas: int


@dataclass(frozen=True)
class EnsureAutoscaler:
    """A HorizontalPodAutoscaler owns the revision's replicas within these bounds."""

    revision: str
    min_replicas: int
    max_replicas: int


@dataclass(frozen=True)
class DeleteAutoscaler:
    """The revision has no autoscaler."""

    revision: str


@dataclass(frozen=True)
class EnsureScaledObject:
    """KEDA owns the revision's replicas within these bounds, by the triggers of the spec."""

    revision: str
    min_replicas: int
    max_replicas: int


@dataclass(frozen=True)
class DeleteScaledObject:
    """KEDA does not own the revision's replicas."""

    revision: str


@dataclass(frozen=True)
class SetWeights:
    """The route sends this share of the requests to each revision: (revision, per cent), the stable one first."""

    weights: tuple[tuple[str, int], ...]
    mirror: tuple[str, int] | None = None
    """(revision, per cent): it gets copies of that share of the requests, and its answers are thrown away."""
    preview: str | None = None
    """The revision that testers reach by header or preview hostname, whatever its weight."""
    wake: bool = False
    """The activators get the requests instead, hold them until a pod is ready, and hand them on."""


@dataclass(frozen=True)
class EnsureActivation:
    """The activators know the model and the ready pods of this revision, and its Service NAME-wake leads to them."""

    revision: str
    in_path: bool
    """The Service NAME leads to them as well."""
    needed: bool = True
    """The route leads to them: what cannot be had then stops the plan. Otherwise the model goes on awake."""


@dataclass(frozen=True)
class LeaveActivation:
    """The activators do not know the model any more."""


@dataclass(frozen=True)
class EnsureStableService:
    """The Service that has the resource's own name selects this revision's pods."""

    revision: str


@dataclass(frozen=True)
class EnsureDisruptionBudget:
    """A PodDisruptionBudget lets a node's drain take one of the revision's pods at a time."""

    revision: str


@dataclass(frozen=True)
class DeleteDisruptionBudget:
    """The revision has no PodDisruptionBudget: of a single replica it would block every drain of its node."""

    revision: str


@dataclass(frozen=True)
class DeleteRevision:
    """The revision's Deployment, Service, autoscaler and disruption budget are gone."""

    revision: str


Action = (
    EnsureRevision
    | Scale
    | EnsureAutoscaler
    | DeleteAutoscaler
    | EnsureScaledObject
    | DeleteScaledObject
    | EnsureDisruptionBudget
    | DeleteDisruptionBudget
    | SetWeights
    | EnsureActivation
    | LeaveActivation
    | EnsureStableService
    | DeleteRevision
)


@dataclass(frozen=True)
class Event:
    """One Kubernetes Event, told at a transition."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    """What to do now, in order.

    The status is written after the actions went through, but before the first that takes pods away (Scale to 0,
    DeleteRevision): with the pods goes what convicted them, and a decision that was not kept would be taken anew.
    """

    actions: tuple[Action, ...]
    status: Status
    events: tuple[Event, ...] = field(default_factory=tuple)
    requeue_after: float | None = None
    """Seconds until the next look where no event comes first; None when only an event can change anything."""
