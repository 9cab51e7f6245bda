"""ModelDeployment: the resource that users write."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .base import Resource
from .model import Model
from .rollout import Rollout
from .scaling import Scaling
from .status import Status
from .traffic import Traffic


class Spec(Resource):
    """What should serve."""

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
