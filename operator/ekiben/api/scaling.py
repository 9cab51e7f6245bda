"""spec.scaling: how many replicas serve."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from .base import DURATION_PATTERN, Duration, Resource, seconds
from .rules import Matching, Rule

Replicas = Annotated[int, Field(ge=1, le=1000)]


class ScalingMetricType(StrEnum):
    """What replicas follow."""

    CPU = "cpu"
    MEMORY = "memory"
    CONCURRENCY = "concurrency"
    """Requests at once, those that wait included."""
    REQUEST_RATE = "requestRate"
    """Requests a second."""
    LATENCY = "latency"
    """Requests at once, held to as many a replica as keep its answers within `below`."""


USED = (ScalingMetricType.CPU, ScalingMetricType.MEMORY)
"""What the kubelet measures, and a HorizontalPodAutoscaler follows."""


class Writer(StrEnum):
    """Who owns the replicas of a revision that serves. There is exactly one."""

    FIXED = "Fixed"
    """scaling.replicas: ekiben, whatever the load."""
    AUTOSCALER = "HorizontalPodAutoscaler"
    EKIBEN = "ekiben"
    KEDA = "KEDA"


def _between(least: str, most: str, text: str | None) -> bool:
    return text is None or seconds(least) <= seconds(text) <= seconds(most)


def _duration_rule(field: str, attribute: str, least: str, most: str) -> Rule:
    return Rule(
        f"!has(self.{field}) || !self.{field}.matches(r'{DURATION_PATTERN}')"
        f" || (duration(self.{field}) >= duration('{least}') && duration(self.{field}) <= duration('{most}'))",
        f"{field} lies between {least} and {most}: write one within",
        lambda self: _between(least, most, getattr(self, attribute)),
        f".{field}",
    )


class ScalingMetric(Resource):
    """One signal that replicas follow."""

    rules: ClassVar = (
        Rule(
            "!(self.type in ['cpu', 'memory']) || (has(self.target) && self.target <= 1000)",
            "metrics cpu and memory need a target: the per cent of what replicas request that they use on average, "
            "such as 80",
            lambda self: self.type not in USED or (self.target is not None and self.target <= 1000),
        ),
        Rule(
            "self.type == 'latency' ? has(self.below) && !has(self.target) : !has(self.below) && !has(self.quantile)",
            "below (and quantile) is of metric latency, which needs it and has no target: write below: 300ms there, "
            "and a target elsewhere",
            lambda self: (
                self.below is not None and self.target is None
                if self.type is ScalingMetricType.LATENCY
                else self.below is None and self.quantile is None
            ),
        ),
    )

    type: ScalingMetricType
    """What is measured."""
    target: Annotated[int, Field(ge=1, le=100000)] | None = None
    """cpu, memory: average use over the replicas, in per cent of what they request. concurrency: requests at once that
    a replica is to get. requestRate: requests a second that it is to get. Without it the last two follow
    model.concurrency, or else what replicas are seen to take."""
    below: Duration | None = None
    """latency: the time that answers should stay within."""
    quantile: (
        Annotated[
            str,
            Field(max_length=8),
            Matching(r"^0\.[5-9][0-9]{0,3}$", 'write the share of answers in quotes, from "0.5" on, such as "0.95"'),
        ]
        | None
    ) = None
    """latency: the share of answers that should; "0.95" by default."""


class Behavior(Resource):
    """How fast replicas follow, with metrics concurrency, requestRate and latency."""

    rules: ClassVar = (
        _duration_rule("window", "window", "6s", "5m"),
        _duration_rule("scaleDownDelay", "scale_down_delay", "0s", "1h"),
    )

    window: Duration = "60s"
    """What the load is averaged over; 6s to 5m."""
    panic_window_percent: Annotated[int, Field(ge=1, le=100)] = 10
    """The window that bursts are seen in, in per cent of `window`."""
    panic_threshold_percent: Annotated[int, Field(ge=110, le=1000)] = 200
    """Load in that window, in per cent of what the ready replicas take, from which on nothing is scaled down for the
    length of `window`."""
    scale_down_delay: Duration = "2m"
    """How long fewer replicas have to be enough before any goes; at most 1h."""
    max_scale_up_rate: Annotated[int, Field(ge=2, le=1000)] = 1000
    """How many times the ready replicas may be asked for at once."""
    max_scale_down_rate: Annotated[int, Field(ge=2, le=1000)] = 2
    """By how much replicas may be divided at once."""


class KedaTrigger(Resource):
    """One trigger of KEDA's."""

    type: Annotated[
        str,
        Field(max_length=63),
        Matching(r"^[a-z][-a-z0-9]{0,62}$", "write the type of a KEDA trigger, such as cron"),
    ]
    """Its type; the operator's settings say which ones may be used."""
    metadata: Annotated[dict[str, Annotated[str, Field(max_length=1024)]], Field(max_length=32)] = {}
    """Its parameters, as KEDA documents them."""


class Keda(Resource):
    """Replicas follow triggers of KEDA (keda.sh), where that is installed."""

    triggers: Annotated[list[KedaTrigger], Field(min_length=1, max_length=8)]
    """What replicas follow."""


def _excludes(self: Scaling, attribute: str) -> bool:
    return self.replicas is None or getattr(self, attribute) is None


def _unmixed(self: Scaling) -> bool:
    return len({metric.type in USED for metric in self.metrics or ()}) < 2


_OWN = "['concurrency', 'requestRate', 'latency']"


class Scaling(Resource):
    """How many replicas serve: a range, or a fixed count."""

    rules: ClassVar = (
        *(
            Rule(
                f"!has(self.replicas) || !has(self.{field})",
                f"scaling.replicas is a fixed count and excludes {field}: remove one of the two",
                partial(_excludes, attribute=attribute),
            )
            for field, attribute in (
                ("minReplicas", "min_replicas"),
                ("maxReplicas", "max_replicas"),
                ("metrics", "metrics"),
                ("behavior", "behavior"),
                ("keda", "keda"),
            )
        ),
        Rule(
            "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
            "scaling.minReplicas is more than scaling.maxReplicas: raise maxReplicas or lower minReplicas",
            lambda self: (
                self.min_replicas is None or self.max_replicas is None or self.min_replicas <= self.max_replicas
            ),
            ".minReplicas",
        ),
        Rule(
            "has(self.minReplicas) || !has(self.maxReplicas) || self.maxReplicas >= 2",
            "scaling.minReplicas is 2 where it is not written: write minReplicas: 1 beside maxReplicas: 1",
            lambda self: self.min_replicas is not None or self.max_replicas is None or self.max_replicas >= 2,
            ".maxReplicas",
        ),
        Rule(
            "!has(self.metrics) || self.metrics.all(a, self.metrics.exists_one(b, b.type == a.type))",
            "scaling.metrics has two entries of one type: keep the one with the target that you want",
            lambda self: len({metric.type for metric in self.metrics or ()}) == len(self.metrics or ()),
            ".metrics",
        ),
        Rule(
            "!has(self.metrics) || self.metrics.all(m, m.type in ['cpu', 'memory'])"
            " || self.metrics.all(m, !(m.type in ['cpu', 'memory']))",
            "scaling.metrics mixes cpu or memory, which a HorizontalPodAutoscaler follows, with concurrency, "
            "requestRate or latency, which ekiben follows itself, and only one of them may own the replicas: keep the "
            "entries of one kind",
            _unmixed,
            ".metrics",
        ),
        Rule(
            "!has(self.keda) || !has(self.metrics)",
            "scaling.keda and scaling.metrics both say what replicas follow: remove one of the two (KEDA has triggers "
            "of types cpu and memory)",
            lambda self: self.keda is None or self.metrics is None,
            ".keda",
        ),
        Rule(
            "!has(self.behavior) || (!has(self.keda)"
            f" && (!has(self.metrics) || self.metrics.all(m, m.type in {_OWN})))",
            "scaling.behavior is of the metrics concurrency, requestRate and latency: remove it, or follow one of them",
            lambda self: (
                self.behavior is None
                or (self.keda is None and all(metric.type not in USED for metric in self.metrics or ()))
            ),
            ".behavior",
        ),
        Rule(
            "!has(self.minReplicas) || self.minReplicas > 0"
            f" || (!has(self.keda) && (!has(self.metrics) || self.metrics.all(m, m.type in {_OWN})))",
            "with scaling.minReplicas 0 replicas follow concurrency, requestRate or latency, since only ekiben can "
            "wake a model: name one of them in metrics, leave metrics out, or write minReplicas: 1",
            lambda self: (
                self.min_replicas != 0
                or (self.keda is None and all(metric.type not in USED for metric in self.metrics or ()))
            ),
            ".minReplicas",
        ),
        _duration_rule("idleWindow", "idle_window", "6s", "24h"),
        _duration_rule("coldStartTimeout", "cold_start_timeout", "1s", "1h"),
    )

    min_replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    """The fewest replicas; 2 by default. 0: none while nobody asks for the model, where the activator is installed; it
    holds requests until the first replica is ready."""
    max_replicas: Replicas | None = None
    """The most replicas; 10 by default, or minReplicas where that is more. While a rollout runs it holds for both
    revisions together, as long as each may have its minReplicas."""
    metrics: Annotated[list[ScalingMetric], Field(min_length=1, max_length=8)] | None = None
    """What replicas follow: cpu and memory through a HorizontalPodAutoscaler, or concurrency, requestRate and latency
    by ekiben itself. By default 80 % of the requested CPU; of a model with a GPU, concurrency."""
    behavior: Behavior | None = None
    """How fast replicas follow concurrency, requestRate and latency."""
    idle_window: Duration | None = None
    """With minReplicas 0: how long no request comes before the last replica goes, 6s to 24h; 5m by default."""
    cold_start_timeout: Duration | None = None
    """With minReplicas 0: how long a request waits for the model to wake, 1s to 1h; 120s by default. `traffic.timeout`
    counts from the moment when a replica gets it."""
    queue: Annotated[int, Field(ge=1, le=10000)] | None = None
    """With minReplicas 0: requests that each activator holds while the model wakes, 100 by default; more are answered
    with 503 and Retry-After."""
    keda: Keda | None = None
    """Triggers of KEDA instead of metrics."""
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    """A fixed count, the field behind `kubectl scale`. Excludes every other field of the block."""

    @property
    def fixed(self) -> int | None:
        """The fixed count, or None where an autoscaler decides."""
        return self.replicas

    @property
    def floor(self) -> int:
        """The fewest replicas of a revision that serves and is awake."""
        if self.replicas is not None:
            return self.replicas
        return 2 if self.min_replicas is None else max(1, self.min_replicas)

    @property
    def sleeps(self) -> bool:
        """Whether a revision that nobody asks for needs no replica."""
        return self.replicas is None and self.min_replicas == 0

    @property
    def ceiling(self) -> int:
        """The most replicas of a revision that serves."""
        if self.replicas is not None:
            return self.replicas
        return self.max_replicas or max(10, self.floor)

    def followed(self, *, gpu: bool) -> list[ScalingMetric]:
        """Return what replicas follow, defaults included; `gpu`: replicas ask for one, and its use is no metric."""
        if self.metrics:
            return self.metrics
        if gpu or self.sleeps or self.behavior is not None:
            return [ScalingMetric(type=ScalingMetricType.CONCURRENCY)]
        return [ScalingMetric(type=ScalingMetricType.CPU, target=80)]

    def writer(self, *, gpu: bool) -> Writer:
        """Return who owns the replicas of a revision that serves."""
        if self.replicas is not None:
            return Writer.FIXED
        if self.keda is not None:
            return Writer.KEDA
        return Writer.AUTOSCALER if self.followed(gpu=gpu)[0].type in USED else Writer.EKIBEN
