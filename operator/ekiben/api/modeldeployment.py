"""ModelDeployment: the resource that users write."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import Field

from .base import DURATION_PATTERN, Resource, seconds
from .model import Model
from .rollout import Rollout
from .rules import Rule
from .scaling import Scaling
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
    )

    model: Model
    """What runs. A change in here makes a new revision, which is rolled out as a canary."""
    scaling: Scaling = Scaling()
    """How many replicas serve."""
    traffic: Traffic = Traffic()
    """How requests reach the model."""
    rollout: Rollout = Rollout()
    """How a new revision takes over."""


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
