"""What decide() is told: the state of the world as plain data, times in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.rollout import Rollout
from ekiben.api.status import MetricEvidence
from ekiben.scaling import Total

Feature = Literal["RequestMirror", "PercentageMirror", "PathRewrite", "RequestTimeout", "Weights", "Testers"]
VerdictName = Literal["Unknown", "Regressed", "NotWorse"]


@dataclass(frozen=True)
class Target:
    """The revision that spec.model asks for."""

    revision: str
    image: str
    model: Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """One pod of a revision."""

    name: str
    ready: bool = False
    terminating: bool = False
    restarts: int = 0
    waiting_reason: str = ""
    """Reason of a container's waiting state, such as ImagePullBackOff."""
    waiting_message: str = ""
    last_exit_reason: str = ""
    """Reason of the last termination, such as OOMKilled."""
    last_exit_code: int | None = None
    last_exit_at: float | None = None
    """When that was; None where it is not known."""
    unschedulable: str = ""
    """The scheduler's message where the pod finds no node."""


@dataclass(frozen=True)
class Autoscaler:
    """The HorizontalPodAutoscaler of a revision."""

    min_replicas: int
    max_replicas: int


@dataclass(frozen=True)
class Revision:
    """One revision that exists in the cluster: a Deployment and a Service."""

    name: str
    number: int
    image: str
    created: float
    model: Mapping[str, Any] = field(default_factory=dict)
    wanted: int = 0
    """Replicas that its Deployment asks for."""
    ready: int = 0
    """Ready addresses in its Service's EndpointSlices."""
    existing: int = 0
    """Pods that have not gone yet, terminating ones included."""
    autoscaler: Autoscaler | None = None
    scaled_object: Autoscaler | None = None
    """KEDA's, with the bounds that it has."""
    handing_over: bool = False
    """KEDA, or somebody else's autoscaler, still owns the replicas although its object is going."""
    budget: bool = False
    """It has a PodDisruptionBudget."""
    pods: tuple[Pod, ...] = ()
    unmade: str = ""
    """Why a pod that is wanted cannot even be made (a quota, Pod Security), in the API server's words."""


@dataclass(frozen=True)
class Route:
    """Who gets how many requests, as it is: the HTTPRoute, or under replicaRatio the Service NAME."""

    weights: Mapping[str, int]
    """Revision name -> weight, per cent, as it was asked for."""
    acknowledged: bool
    """The gateway has accepted the route at its present generation; under replicaRatio the Service's EndpointSlices
    list the ready pods of exactly the revisions that have weight."""
    problem: str = ""
    """Why the gateway does not accept it."""
    actual: Mapping[str, int] = field(default_factory=dict)
    """Revision name -> per cent, where that differs from what was asked for (replicaRatio); empty otherwise."""
    mirror: str | None = None
    """The revision that gets copies of the requests."""
    preview: str | None = None
    """The revision that testers reach, by header or by a hostname of its own."""
    asleep: bool = False
    """It leads to the activators, which hand requests on by these weights."""


@dataclass(frozen=True)
class Drain:
    """What the counters of a revision's pods say about requests still on their way."""

    known: bool
    """False where the pods export no counters."""
    quiet_since: float | None = None
    """Since when no new request was counted and none is in flight; None while there are some."""


@dataclass(frozen=True)
class Evidence:
    """What the analysis says about the canary at its present weight."""

    revision: str
    """The canary that was looked at."""
    verdict: VerdictName = "Unknown"
    message: str = ""
    metrics: tuple[MetricEvidence, ...] = ()
    usable: bool = False
    """At least one block with requests of both revisions was counted since the present weight was acknowledged."""
    canary_requests: int = 0
    """Requests of the canary counted so far, over the whole rollout."""
    problem: str = ""
    """What makes evidence bad: NoTraffic, StaleMetrics, …; empty when nothing does."""
    problem_message: str = ""
    hung: bool = False
    """Requests are in flight and none was completed for longer than the request timeout."""
    state: str = ""
    """State of the analysis, serialised, to be kept in status."""
    note: str = ""
    """What one should know about the evidence although it is usable, such as PodNoiseUnknown; empty otherwise."""
    needs: float | None = None
    """Seconds until "not worse" at the present traffic, about; None where that cannot be said."""
    stable_verdict: VerdictName = "Unknown"
    """What the objectives say about the stable revision: Regressed where it misses one, NotWorse where it meets all."""
    stable_message: str = ""
    stable_metrics: tuple[MetricEvidence, ...] = ()
    """Its numbers."""
    stable_state: str = ""
    """State of the objectives' tests, serialised, to be kept in status; empty where there are no objectives."""
    stable: str = ""
    """The revision that these are about."""


@dataclass(frozen=True)
class Measured:
    """What is known about the load of one revision, and what it asks for."""

    wanted: int | None = None
    """Replicas that it is to have; None where whoever owns them says so, or nobody knows: then they stay."""
    load: float | None = None
    capacity: float | None = None
    """What one replica is given."""
    unit: str = ""
    """Of both, such as "requests at once"."""
    reason: str = ""
    """Why so many are wanted, in one word."""
    message: str = ""
    """The same in plain English; of what cannot be followed, why."""
    problem: bool = False
    """Nothing could be read, or the autoscaler, or KEDA, says that it cannot work."""
    pending: bool = False
    """KEDA has not said yet whether it can."""
    learned: str = ""
    """What the scaler has learned about one replica, to be kept in status."""


@dataclass(frozen=True)
class Activator:
    """The activators, as one model needs them."""

    able: bool = False
    """Some are ready, all of these know the model, and its Service NAME-wake leads to them."""
    in_path: bool = False
    """The Service NAME leads to them too."""
    holding: bool = False
    """They hold requests of the model, or nobody knows."""
    waiting: bool = False
    """They are known to hold some that wait for a pod."""
    gone: bool = False
    """For a while now none has been ready: nobody holds requests, and nobody would tell of one."""
    led: bool = False
    """The Service NAME leads to some, not all of which need be those that are ready now."""
    problem: str = ""
    """Why they cannot be told of the model, in plain English; empty where they can."""


@dataclass(frozen=True)
class Observation:
    """Everything that a decision rests on."""

    resource: ModelDeployment
    target: Target
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    orphans: tuple[str, ...] = ()
    """Revisions whose Deployment somebody deleted, and of which a Service, an autoscaler or a budget is left."""
    route: Route | None = None
    """None where there is no route yet."""
    service: str | None = None
    """The revision that the Service NAME selects; None where there is no such Service, or it selects several."""
    gateway_problem: str = ""
    """Why no route can be attached, in plain English; empty when there is a Gateway."""
    evidence: Evidence | None = None
    drains: Mapping[str, Drain] = field(default_factory=dict)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    """Revision name -> its load."""
    total: Total | None = None
    """The load of all revisions together; None where nobody has measured it."""
    scaling_problem: str = ""
    """Why what spec.scaling asks for cannot be had in this cluster; then replicas stay. Empty where it can."""
    sleep: Literal["awake", "asleep", "waking"] = "awake"
    """At minReplicas 0: whether the stable revision is to have pods, and has some."""
    activator: Activator | None = None
    """None where none is installed."""
    left: bool = False
    """None is installed any more, and a Service or EndpointSlices that lead to some are there still."""
    url: str | None = None
    selector: Mapping[str, str] = field(default_factory=dict)
    """Revision name -> label selector of its pods, for the /scale subresource."""
    rollout: Rollout | None = None
    """spec.rollout over the RolloutPolicy that it refers to; None where it refers to none."""
    policy_problem: str = ""
    """Why the policy that spec.rollout.policyRef names cannot be used; empty when it can, or none is named."""
    request: str = ""
    """Value of the annotation ekiben.dev/request; empty where there is none."""
    frozen: str = ""
    """Why nothing may move (a setting, or an annotation on the namespace); empty when it may."""
    unusable: str = ""
    """Why the spec cannot be carried out as it is; empty when it can. What serves is seen to all the same."""
    waits: tuple[str, ...] = ()
    """Parts of the spec that are not followed for now, such as spec.traffic: `resource` has what is there instead."""
    unsupported: Mapping[Feature, str] = field(default_factory=dict)
    """What the Gateway's class, or the user's route, does not allow -> how that is known, in plain English."""
    drift: tuple[str, ...] = ()
    """Fields that others have set on children and that ekiben leaves alone, in plain English."""
