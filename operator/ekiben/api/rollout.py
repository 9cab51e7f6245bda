"""spec.rollout: how a new revision takes over."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import Annotated, ClassVar

from pydantic import Field

from .base import DURATION_PATTERN, Duration, Hostname, ObjectName, Resource, seconds
from .rules import Matching, Rule

Probability = Annotated[float, Field(gt=0, lt=1)]
Tolerance = Annotated[float, Field(ge=1, le=100)]


class OnInconclusive(StrEnum):
    """What happens when the analysis deadline passes without a verdict."""

    PAUSE = "pause"
    PROMOTE = "promote"
    ROLLBACK = "rollback"


class OnProgressDeadline(StrEnum):
    """What happens when a new revision is not ready within the progress deadline."""

    ROLLBACK = "rollback"
    PAUSE = "pause"


class Strategy(StrEnum):
    """How traffic moves to a new revision."""

    CANARY = "canary"
    """Weight in steps, each judged by evidence."""
    BLUE_GREEN = "blueGreen"
    """All requests at once, after a preview that callers do not see."""
    SHADOW = "shadow"
    """Copies of the requests, whose answers are thrown away; then all requests at once."""
    RECREATE = "recreate"
    """The former pods end before the new ones start: for one GPU. Requests fail in between."""


class StepEvidence(StrEnum):
    """What evidence a step needs before it is left."""

    NO_REGRESSION = "noRegression"
    NOT_WORSE = "notWorse"


class Step(Resource):
    """One step of a canary."""

    weight: Annotated[int, Field(ge=0, le=100)]
    """Share of requests that the canary gets, in per cent; 0 leaves it to testers alone."""
    duration: Duration = "60s"
    """The least time at this weight, counted from the moment the gateway acknowledged it."""
    approval: bool = False
    """Wait for `ekiben approve` as well."""
    requires: StepEvidence = StepEvidence.NO_REGRESSION
    """The evidence that the next step needs. Beyond 50 % it is always notWorse."""


class BlueGreen(Resource):
    """How the new revision is looked at before the switch."""

    duration: Duration = "60s"
    """The least time that all pods of the new revision are ready before the switch."""
    approval: bool = False
    """Wait for `ekiben approve` as well."""
    hostname: Hostname | None = None
    """Hostname that reaches the new revision before the switch, such as preview.iris.example.com."""


class Shadow(Resource):
    """How requests are copied to the new revision."""

    percent: Annotated[int, Field(ge=1, le=100)] = 100
    """Share of the requests that are copied, in per cent."""
    duration: Duration = "10m"
    """The least time that requests are copied. The evidence has to say "not worse"; analysis.deadline is the most."""
    approval: bool = False
    """Wait for `ekiben approve` as well."""


class Testers(Resource):
    """Requests with this header reach the new revision as soon as it is ready, before it has any weight."""

    header: Annotated[
        str,
        Field(max_length=64),
        Matching("^[A-Za-z][-A-Za-z0-9]*$", "write the name of a header, such as X-Tester"),
    ]
    """Name of the header."""
    value: Annotated[
        str,
        Field(max_length=256),
        Matching("^[-A-Za-z0-9._~:/=+]+$", "write the header's exact value, such as yes"),
    ]
    """Its exact value."""


class NonInferiority(Resource):
    """How much worse still counts as "not worse": p_canary < max(p_stable + delta, rho * p_stable)."""

    delta: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Absolute margin, as a fraction of requests."""
    rho: Annotated[float, Field(gt=1, le=100)] = 1.5
    """Relative margin, as a ratio of rates."""


class EvidenceSource(StrEnum):
    """Where the counters are read that the evidence is made of."""

    AUTO = "auto"
    """As the operator's settings say; from the pods, where they say nothing."""
    PODS = "pods"
    """From the pods of both revisions, every second: the fastest verdict."""
    PROMETHEUS = "prometheus"
    """From the Prometheus server of the operator's settings: blocks of four of its scrape intervals."""
    GATEWAY = "gateway"
    """From the gateway's proxies: only requests that the weights have split are counted, whoever else calls."""


class Direction(StrEnum):
    """Which way a business metric is better."""

    LOWER = "lowerIsBetter"
    HIGHER = "higherIsBetter"


class NamedMetric(Resource):
    """A business metric by its name. What it counts, the platform team has defined in the operator's configuration."""

    name: Annotated[
        str,
        Field(max_length=32),
        Matching(
            "^[a-z]([-a-z0-9]*[a-z0-9])?$",
            "write the name of a query that the operator's configuration defines, such as corrections",
        ),
    ]
    """Name of the query."""
    direction: Direction = Direction.LOWER
    """Whether fewer events among the trials are better, or more."""
    tolerance: Tolerance = 1.15
    """Odds ratio, for the worse, that is still no regression; the margin of "not worse" as well."""


class Analysis(Resource):
    """When the evidence is enough."""

    source: EvidenceSource = EvidenceSource.AUTO
    """Where the counters are read."""
    metrics: Annotated[
        list[NamedMetric],
        Field(max_length=4, json_schema_extra={"x-kubernetes-list-map-keys": ["name"]}),
    ] = []
    """Business metrics that are judged as well. With them, 30 % of falseRollback is theirs."""
    false_rollback: Probability = 0.01
    """The largest probability of ever rolling back a canary that is no worse, over the whole rollout."""
    false_promote: Probability = 0.05
    """The largest probability of calling a canary "not worse" that is worse by more than the margin."""
    error_tolerance: Tolerance = 1.15
    """Odds ratio of errors, canary against stable, that is still no regression."""
    latency_tolerance: Tolerance = 1.10
    """How many times slower the canary may be without that being a regression."""
    non_inferiority: NonInferiority = NonInferiority()
    """The margin for promotion."""
    deadline: Duration = "1h"
    """The longest that a canary takes traffic without a verdict where one is needed. It decides no earlier than the
    step's time; time in which somebody holds it, or the evidence cannot be used, does not count."""
    on_inconclusive: OnInconclusive = OnInconclusive.PAUSE
    """What happens at the deadline when the evidence says neither "regressed" nor "not worse". pause: it holds until
    somebody decides, or until a verdict comes. promote: it goes on without the verdict, but not without usable
    evidence, nor without the time and the approval of each step. rollback: it is rolled back."""


class LatencyObjective(Resource):
    """How quick answers have to be."""

    quantile: Probability = 0.99
    """Share of the successful answers that have to take no longer."""
    below: Duration
    """How long they may take. Between two of the model server's buckets the upper bound counts."""


class Objectives(Resource):
    """What a revision has to meet on its own, where there is none to compare it with."""

    error_rate: Probability | None = None
    """Share of the requests that may fail (5xx, 429), such as 0.01."""
    latency: LatencyObjective | None = None
    """How quick answers have to be."""


def _weights_rise(self: Rollout) -> bool:
    return all(a.weight < b.weight for a, b in pairwise(self.steps))


class Rollout(Resource):
    """How a new revision takes over."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.steps) || (self.steps.map(s, s.weight).isSorted()"
            " && self.steps.all(a, self.steps.exists_one(b, b.weight == a.weight)))",
            "the weights of rollout.steps rise from each step to the next: write them such as 5, 20, 50",
            _weights_rise,
            ".steps",
        ),
        Rule(
            "!has(self.steps) || size(self.steps) == 0 || self.steps[0].weight <= 50",
            "the first step of rollout.steps gives at most 50 %: beyond that the canary has to be proven at less",
            lambda self: self.steps[0].weight <= 50,
            ".steps",
        ),
        Rule(
            f"!has(self.progressDeadline) || !self.progressDeadline.matches(r'{DURATION_PATTERN}')"
            " || duration(self.progressDeadline) >= duration('1s')",
            "rollout.progressDeadline is at least 1s: write a time within which a revision can become ready, such as "
            "10m",
            lambda self: seconds(self.progress_deadline) >= 1,
            ".progressDeadline",
        ),
        Rule(
            "!has(self.steps) || !has(self.strategy) || self.strategy == 'canary'",
            "rollout.steps are of strategy canary: remove them, or write strategy: canary",
            lambda self: "steps" not in self.model_fields_set or self.strategy is Strategy.CANARY,
            ".steps",
        ),
        Rule(
            "!has(self.blueGreen) || (has(self.strategy) && self.strategy == 'blueGreen') || has(self.policyRef)",
            "rollout.blueGreen is of strategy blueGreen: remove it, or write strategy: blueGreen",
            lambda self: self.blue_green is None or self.strategy is Strategy.BLUE_GREEN or self.policy_ref is not None,
            ".blueGreen",
        ),
        Rule(
            "!has(self.shadow) || (has(self.strategy) && self.strategy == 'shadow') || has(self.policyRef)",
            "rollout.shadow is of strategy shadow: remove it, or write strategy: shadow",
            lambda self: self.shadow is None or self.strategy is Strategy.SHADOW or self.policy_ref is not None,
            ".shadow",
        ),
    )

    strategy: Strategy = Strategy.CANARY
    """How traffic moves."""
    steps: Annotated[list[Step], Field(min_length=1, max_length=20)] = [
        Step(weight=5),
        Step(weight=20),
        Step(weight=50),
    ]
    """The canary's weights, rising. After the last step, and "not worse" on every metric, the canary is promoted."""
    analysis: Analysis = Analysis()
    """When the evidence is enough."""
    progress_deadline: Duration = "10m"
    """The longest that a revision may take to become ready; later it has failed."""
    on_progress_deadline: OnProgressDeadline = OnProgressDeadline.ROLLBACK
    """What happens then. With pause its weight holds until its pods are ready after all, or somebody decides."""
    bake: Duration = "10m"
    """How long the former revision stays scaled up after a promotion."""
    objectives: Objectives | None = None
    """What the revision that serves has to meet. One that misses them in its bake is gone back from."""
    paused: bool = False
    """Hold the rollout where it is; traffic stays as it is."""
    revision_history_limit: Annotated[int, Field(ge=1, le=50)] = 10
    """How many revisions that no longer serve are kept."""
    rollback_window: Annotated[int, Field(ge=0, le=20)] = 3
    """Going back to one of this many revisions that served last needs no steps: it was proven before."""
    blue_green: BlueGreen | None = None
    """Of strategy blueGreen only."""
    shadow: Shadow | None = None
    """Of strategy shadow only."""
    testers: Testers | None = None
    """Who reaches the new revision before it has any weight."""
    policy_ref: ObjectName | None = None
    """Name of a RolloutPolicy in this namespace. What stands here goes before what stands there."""
