"""status: what is serving, what the evidence says, and what comes next.

Written by the operator alone. Times are RFC 3339 text in UTC.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from .base import Resource

Text = Annotated[str, Field(max_length=1024)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Phase(StrEnum):
    """Where the resource stands; one word for `kubectl get`."""

    PENDING = "Pending"
    """The first revision is starting."""
    STABLE = "Stable"
    """One revision serves, nothing moves."""
    STARTING = "Starting"
    """A canary's pods are starting; it has no traffic."""
    CANARY = "Canary"
    """A canary has a share of the traffic."""
    PREVIEW = "Preview"
    """blueGreen: all pods of the new revision are ready; only testers reach it."""
    SHADOW = "Shadow"
    """The new revision gets copies of the requests; its answers are thrown away."""
    REPLACING = "Replacing"
    """recreate: the former pods end, the new ones start; nothing serves in between."""
    PROMOTING = "Promoting"
    """The canary takes over all traffic."""
    ROLLING_BACK = "RollingBack"
    """The canary's weight is going to 0 and its pods to 0."""
    PAUSED = "Paused"
    """The rollout holds where it is."""
    FAILED = "Failed"
    """The first revision cannot serve, and there is none to go back to."""
    DEGRADED = "Degraded"
    """The spec cannot be carried out; what serves goes on."""


class StatusBlock(Resource):
    """A block of the status: fields of a later version are ignored, not refused, so that a downgrade can read it."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, use_attribute_docstrings=True
    )


class Condition(StatusBlock):
    """One condition, as Kubernetes defines them."""

    type: Annotated[str, Field(max_length=64)]
    status: Annotated[str, Field(pattern="^(True|False|Unknown)$")]
    reason: Annotated[str, Field(max_length=128)]
    message: Annotated[str, Field(max_length=4096)]
    last_transition_time: Time
    observed_generation: int


class RevisionStatus(StatusBlock):
    """One of the two revisions that take part."""

    revision: Annotated[str, Field(max_length=63)]
    """Name of the revision, a hash of its spec.model."""
    number: int = 0
    """Ordinal: the how manieth revision of this resource."""
    image: Text
    model: dict[str, Any] = Field(default={}, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
    """Its spec.model, so that a deleted Deployment can be made again although the spec has moved on."""
    replicas: int = 0
    """Replicas wanted."""
    ready: int = 0
    """Replicas that answer."""
    weight: int = 0
    """Per cent of requests, asked for."""
    acknowledged_weight: int = 0
    """Per cent of requests, as the gateway acknowledged it."""
    down_since: Time | None = None
    """Of the stable revision: since when no replica of it answers, although some should."""


class MetricEvidence(StatusBlock):
    """What is known about one metric."""

    name: Annotated[str, Field(max_length=32)]
    """errors, latency, rejected, or a business metric's name."""
    canary_events: int = 0
    """Errors, or slow answers, of the canary."""
    canary_requests: int = 0
    stable_events: int = 0
    stable_requests: int = 0
    odds_ratio: float | None = None
    """Estimate of the odds ratio, canary against stable."""
    boundary: float | None = None
    """Seconds; an answer that takes longer counts as slow. Latency only."""
    regressed: float = 0.0
    """Evidence for a regression; 1 and more convicts. log(e-value) / log(1/falseRollback)."""
    not_worse: float = 0.0
    """Evidence for "not worse"; 1 and more is enough. log(e-value) / log(1/falsePromote)."""


class VerdictStatus(StatusBlock):
    """What the evidence says, with its numbers."""

    verdict: Annotated[str, Field(pattern="^(Unknown|Regressed|NotWorse)$")] = "Unknown"
    message: Annotated[str, Field(max_length=2048)] = ""
    metrics: Annotated[list[MetricEvidence], Field(max_length=8)] = []


class ObjectivesStatus(StatusBlock):
    """What spec.rollout.objectives say about the revision that serves."""

    revision: Annotated[str, Field(max_length=63)]
    verdict: Annotated[str, Field(pattern="^(Unknown|Regressed|NotWorse)$")] = "Unknown"
    """Regressed where it misses one, NotWorse where it meets all."""
    message: Annotated[str, Field(max_length=2048)] = ""
    metrics: Annotated[list[MetricEvidence], Field(max_length=4)] = []
    """The revision's own numbers stand where a canary's do elsewhere."""
    state: Annotated[str, Field(max_length=8192)] = ""
    """State of the tests, serialised."""
    at: Time
    """When this was written; at most once a minute where nothing else changes."""


class RolloutStatus(StatusBlock):
    """The rollout that is going on: enough to continue it after a restart of the operator."""

    revision: Annotated[str, Field(max_length=63)]
    """The canary."""
    step: int = 0
    """Index into steps."""
    state: Annotated[str, Field(max_length=32)]
    """State of the state machine."""
    policy: dict[str, Any] = Field(default={}, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
    """spec.rollout, as it was when the rollout began; a change applies from the next rollout on."""
    started_at: Time
    traffic_since: Time | None = None
    """When the canary was first given weight."""
    judged_since: Time | None = None
    """Since when the analysis deadline counts, later by the time in which the evidence could not be used. Not set while
    somebody holds the rollout (a pause, an approval that is awaited), or the stable revision is down."""
    judged_at: Time | None = None
    """When the analysis deadline was last known to count, to the minute: after a gap it begins anew."""
    unusable: Annotated[str, Field(max_length=64)] = ""
    """Why the evidence could not be used when it was last looked at; empty where it could."""
    unusable_since: Time | None = None
    """Since when that is so."""
    step_since: Time | None = None
    """When the gateway acknowledged this step's weight, later by the time in which it stood still."""
    still_since: Time | None = None
    """Since when the time of the step, preview or shadow stands still: the canary has too few pods, the stable revision
    is down, the gateway does not acknowledge the weight, or a freeze holds everything."""
    needed: int | None = None
    """The ready pods that the present weight, preview or shadow asked for when it began."""
    waiting_since: Time | None = None
    """Since when the canary waits for pods; the progress deadline counts from here."""
    drain_since: Time | None = None
    """When the gateway acknowledged the last weight change before a scale-down."""
    deadline: Time | None = None
    """When the present wait ends, one way or the other: for pods the progress deadline, for a verdict the analysis
    deadline. Not set where nothing presses."""
    next_look: Time | None = None
    """When something may change by itself: a step's time is over, a preview ends."""
    direct: bool = False
    """No steps: asked for by `promote` or `undo`, or back to a revision that was proven before."""
    approved: bool = False
    """The present step, preview or shadow has been approved."""
    awaits_approval: bool = False
    """Nothing but the approval was missing: neither a quiet night nor an outage takes that back."""
    stable_floor: int = 0
    """Replicas that the stable revision keeps while the rollout runs, so that a rollback meets its full capacity: what
    all requests need, as it was measured last, or what there was at the beginning."""
    reason: Annotated[str, Field(max_length=64)] = ""
    """Why it is rolled back or holds."""
    message: Annotated[str, Field(max_length=4096)] = ""
    evidence: Annotated[str, Field(max_length=16384)] = ""
    """State of the analysis, serialised."""
    evidence_at: Time | None = None
    """When the state of the analysis was last written."""


class RequestStatus(StatusBlock):
    """What came of one request by annotation."""

    id: Annotated[str, Field(max_length=64)]
    verb: Annotated[str, Field(max_length=16)] = ""
    revision: Annotated[str, Field(max_length=63)] = ""
    outcome: Annotated[str, Field(pattern="^(Done|Refused)$")]
    message: Annotated[str, Field(max_length=1024)] = ""
    """Why it was refused, or what it did."""
    at: Time


class Pinned(StatusBlock):
    """The revision that `undo` went back to; it serves until spec.model changes."""

    revision: Annotated[str, Field(max_length=63)]
    number: int = 0
    image: Text
    model: dict[str, Any] = Field(default={}, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
    instead_of: Annotated[str, Field(max_length=63)]
    """The revision that spec.model asked for at the time."""


class Decision(StatusBlock):
    """One decision with the numbers that it rested on; `ekiben explain` tells the story from these."""

    at: Time
    revision: Annotated[str, Field(max_length=63)]
    number: int = 0
    decision: Annotated[str, Field(max_length=64)]
    """What was decided, such as RolloutStarted, WeightRaised, Held, Promoted, RollingBack."""
    reason: Annotated[str, Field(max_length=64)] = ""
    message: Annotated[str, Field(max_length=512)] = ""
    weight: int = 0
    """The canary's weight after the decision, per cent."""
    verdict: Annotated[str, Field(max_length=32)] = ""
    metrics: Annotated[list[MetricEvidence], Field(max_length=8)] = []
    """What the evidence said at that moment."""


class RevisionScaling(StatusBlock):
    """Why one revision has so many replicas."""

    revision: Annotated[str, Field(max_length=63)]
    writer: Annotated[str, Field(max_length=32)]
    """Who owns its replicas: Fixed (scaling.replicas), HorizontalPodAutoscaler, ekiben or KEDA."""
    desired: int = 0
    """Replicas that it is to have."""
    ready: int = 0
    """Replicas that answer."""
    load: float | None = None
    """What it carries, in `unit`."""
    capacity: float | None = None
    """What one replica is given, in `unit`."""
    unit: Annotated[str, Field(max_length=64)] = ""
    reason: Annotated[str, Field(max_length=64)] = ""
    """Why `desired` last changed, in one word."""
    message: Text = ""
    """The same in plain English, with the numbers of that moment."""
    at: Time
    """When `desired` last changed."""
    seen_at: Time
    """When load and capacity were measured; they are written at most every 30 s where nothing else changes."""
    learned: Annotated[str, Field(max_length=8192)] = ""
    """What the scaler has learned about one replica, serialised."""


class ScalingStatus(StatusBlock):
    """How replicas follow the load."""

    follows: Text = ""
    """The metrics and what one replica is to get of them, defaults included, in plain English."""
    revisions: Annotated[list[RevisionScaling], Field(max_length=4)] = []


class HistoryEntry(StatusBlock):
    """How one rollout ended."""

    revision: Annotated[str, Field(max_length=63)]
    number: int = 0
    image: Text
    outcome: Annotated[str, Field(pattern="^(Promoted|RolledBack|Superseded|Cancelled|Failed|Undone)$")]
    reason: Annotated[str, Field(max_length=64)]
    message: Annotated[str, Field(max_length=2048)]
    started_at: Time
    ended_at: Time
    back_to: Annotated[str, Field(max_length=63)] | None = None
    """The revision that all requests went back to, where the rollout left the one that served: by `undo`, or in its
    bake."""


class Status(StatusBlock):
    """What is serving, what the evidence says, and what comes next."""

    observed_generation: int = 0
    phase: Phase = Phase.PENDING
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=32, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
        ),
    ] = []
    stable: RevisionStatus | None = None
    canary: RevisionStatus | None = None
    rollout: RolloutStatus | None = None
    verdict: VerdictStatus | None = None
    objectives: ObjectivesStatus | None = None
    """Of the revision that serves; not there without spec.rollout.objectives."""
    history: Annotated[list[HistoryEntry], Field(max_length=20)] = []
    rejected_revision: Annotated[str, Field(max_length=63)] | None = None
    """The revision that was rolled back; not tried again until spec.model changes."""
    former: RevisionStatus | None = None
    """The revision that served before, while it is still scaled up."""
    former_until: Time | None = None
    """When the former revision is scaled down, unless it alone has a ready replica then. A freeze moves it."""
    last_policy: dict[str, Any] = Field(default={}, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
    """spec.rollout over its RolloutPolicy, as the last rollout had it: its bake goes back by it, and it stands in where
    the RolloutPolicy cannot be used."""
    scaling: ScalingStatus | None = None
    """How replicas follow the load, revision by revision."""
    replicas: int = 0
    """Replicas of the stable revision, for `kubectl scale`."""
    selector: Annotated[str, Field(max_length=512)] = ""
    """Label selector of the stable revision's pods, for `kubectl scale`."""
    paused: bool = False
    """Somebody asked for a pause by request."""
    pinned: Pinned | None = None
    """Where `undo` went back to."""
    requests: Annotated[list[RequestStatus], Field(max_length=10)] = []
    """The last requests by annotation, and what came of them; none is handled twice."""
    decisions: Annotated[list[Decision], Field(max_length=30)] = []
    """The last decisions, the oldest first."""
    url: Text | None = None
    """Where the model is reached from outside."""
