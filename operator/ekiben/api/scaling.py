"""spec.scaling: how many replicas serve."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from .base import Resource
from .rules import Rule

Replicas = Annotated[int, Field(ge=1, le=1000)]


class ScalingMetricType(StrEnum):
    """What replicas follow."""

    CPU = "cpu"
    MEMORY = "memory"


class ScalingMetric(Resource):
    """One signal that replicas follow."""

    type: ScalingMetricType
    """What is measured."""
    target: Annotated[int, Field(ge=1, le=1000)]
    """Average use over the pods, in per cent of what they request."""


def _excludes(self: Scaling, attribute: str) -> bool:
    return self.replicas is None or getattr(self, attribute) is None


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
    )

    min_replicas: Replicas | None = None
    """The fewest replicas; 2 by default."""
    max_replicas: Replicas | None = None
    """The most replicas; 10 by default, or minReplicas where that is more."""
    metrics: Annotated[list[ScalingMetric], Field(min_length=1, max_length=8)] | None = None
    """What replicas follow; 80 % of the requested CPU by default."""
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    """A fixed count, the field behind `kubectl scale`. Excludes minReplicas, maxReplicas and metrics."""

    @property
    def fixed(self) -> int | None:
        """The fixed count, or None where an autoscaler decides."""
        return self.replicas

    @property
    def floor(self) -> int:
        """The fewest replicas of a revision that serves."""
        return self.replicas if self.replicas is not None else (self.min_replicas or 2)

    @property
    def ceiling(self) -> int:
        """The most replicas of a revision that serves."""
        if self.replicas is not None:
            return self.replicas
        return self.max_replicas or max(10, self.floor)

    @property
    def effective_metrics(self) -> list[ScalingMetric]:
        """What replicas follow, defaults included."""
        return self.metrics or [ScalingMetric(type=ScalingMetricType.CPU, target=80)]
