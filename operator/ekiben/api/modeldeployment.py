"""ModelDeployment: the resource that users write."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import Field

from .base import DURATION_PATTERN, Resource, seconds
from .model import Model, Runtime
from .rollout import Rollout
from .rules import Rule
from .scaling import Scaling, ScalingMetric, ScalingMetricType, Writer
from .status import Status
from .traffic import Traffic

_NAME = "^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$"


def _deadline_covers_start(self: Spec) -> bool:
    # Only where the user wrote a startup timeout: its default is an upper bound, not something that somebody asked for.
    if "startup_timeout" not in self.model.probes.model_fields_set:
        return True
    if self.rollout.policy_ref is not None and "progress_deadline" not in self.rollout.model_fields_set:
        return True  # the policy says it
    return seconds(self.rollout.progress_deadline) >= seconds(self.model.probes.startup_timeout)


# None of them exports a gauge of all requests that are in flight; Triton's is of those that wait.
_BLIND = (Runtime.TORCHSERVE, Runtime.TENSORFLOW_SERVING, Runtime.TRITON)


def _measurable(self: Spec) -> bool:
    if self.model.runtime not in _BLIND or self.writer in (Writer.FIXED, Writer.KEDA):
        return True
    return all(
        metric.type not in (ScalingMetricType.CONCURRENCY, ScalingMetricType.LATENCY)
        and (metric.type is not ScalingMetricType.REQUEST_RATE or metric.target is not None)
        for metric in self.followed
    )


class Spec(Resource):
    """What should serve."""

    rules: ClassVar = (
        Rule(
            "!has(self.model.probes) || !has(self.model.probes.startupTimeout)"
            f" || !self.model.probes.startupTimeout.matches(r'{DURATION_PATTERN}')"
            " || (has(self.rollout) && has(self.rollout.policyRef) && !has(self.rollout.progressDeadline))"
            " || (has(self.rollout) && has(self.rollout.progressDeadline)"
            f" && !self.rollout.progressDeadline.matches(r'{DURATION_PATTERN}'))"
            " || duration(self.model.probes.startupTimeout) <= duration("
            "has(self.rollout) && has(self.rollout.progressDeadline) ? self.rollout.progressDeadline : '10m')",
            "a replica may take longer to start (model.probes.startupTimeout) than the rollout waits for it "
            "(rollout.progressDeadline, 10m by default): raise progressDeadline or lower startupTimeout",
            _deadline_covers_start,
        ),
        Rule(
            "!has(self.model.runtime) || !(self.model.runtime in ['torchserve', 'tensorflow-serving', 'triton'])"
            " || !has(self.scaling) || (has(self.scaling.metrics) ? self.scaling.metrics.all(m,"
            " !(m.type in ['concurrency', 'latency']) && (m.type != 'requestRate' || has(m.target)))"
            # Without a word they would follow concurrency.
            " : has(self.scaling.replicas) || has(self.scaling.keda) || ((!has(self.scaling.minReplicas)"
            " || self.scaling.minReplicas > 0) && !has(self.scaling.behavior)))",
            "torchserve, tensorflow-serving and triton do not export how many requests are in flight: in "
            "scaling.metrics follow requestRate with a target, or cpu",
            _measurable,
        ),
    )

    model: Model
    """What runs. A change in here makes a new revision, which is rolled out as a canary."""
    scaling: Scaling = Scaling()
    """How many replicas serve."""
    traffic: Traffic = Traffic()
    """How requests reach the model."""
    rollout: Rollout = Rollout()
    """How a new revision takes over."""

    @property
    def followed(self) -> list[ScalingMetric]:
        """What replicas follow, defaults included."""
        return self.scaling.followed(gpu=self._counted_by_concurrency)

    @property
    def writer(self) -> Writer:
        """Who owns the replicas of a revision that serves."""
        return self.scaling.writer(gpu=self._counted_by_concurrency)

    @property
    def gpu_unseen(self) -> bool:
        """Whether replicas have a GPU and follow their CPU, which says nothing, because nobody has said otherwise."""
        by_default = self.scaling.metrics is None and self.writer is Writer.AUTOSCALER
        return by_default and self.model.gpu

    @property
    def _counted_by_concurrency(self) -> bool:
        return self.model.gpu and self.model.runtime not in _BLIND


class Metadata(Resource):
    """The parts of the metadata that ekiben reads."""

    model_config = Resource.model_config | {"extra": "ignore"}

    name: str
    namespace: str
    uid: str
    generation: int = 1
    resource_version: str = ""
    annotations: dict[str, str] = Field(default_factory=dict)
    deletion_timestamp: str | None = None


class ModelDeployment(Resource):
    """The resource, as the operator reads it."""

    model_config = Resource.model_config | {"extra": "ignore"}
    rules: ClassVar = (
        Rule(
            # Services carry the name and a revision's: DNS-1035 labels of at most 63 characters.
            f"self.metadata.name.matches(r'{_NAME}')",
            "metadata.name begins with a lower-case letter, goes on with lower-case letters, digits and '-', ends with "
            "a letter or a digit, and has at most 50 characters: choose such a name",
            lambda self: re.fullmatch(_NAME, self.metadata.name) is not None,
        ),
    )

    metadata: Metadata
    spec: Spec
    status: Status = Status()

    @classmethod
    def parse(cls, body: dict[str, Any]) -> ModelDeployment:
        """Read a resource as the API server gives it.

        Raises:
            pydantic.ValidationError: the resource does not fit this version's types (admission lets none through;
                a resource stored by a newer version may).
        """
        return cls.model_validate(body)
