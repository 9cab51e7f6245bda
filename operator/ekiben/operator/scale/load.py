"""What a decision is told of the load of one resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ekiben.rollout.observation import Measured
from ekiben.scaling import Total

from .sleep import Sleep


@dataclass(frozen=True)
class Load:
    """All of it."""

    measured: Mapping[str, Measured] = field(default_factory=dict)
    total: Total | None = None
    sleep: Sleep = Sleep()  # noqa: RUF009  (frozen)
