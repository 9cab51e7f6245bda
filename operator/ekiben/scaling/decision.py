"""How many replicas, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .config import Kind


class Reason(StrEnum):
    """Why there are so many replicas."""

    STEADY = "Steady"
    """What is there is what the load needs."""
    LOAD_ROSE = "LoadRose"
    LOAD_WILL_RISE = "LoadWillRise"
    """The load is going to need more by the time a pod is ready."""
    PANIC = "Panic"
    LOAD_FELL = "LoadFell"
    COOLING_DOWN = "CoolingDown"
    """Fewer would do, and have not done so for long enough."""
    IDLE = "Idle"
    """No request came for the idle window."""
    NO_DATA = "NoData"
    """Nothing could be read: replicas stay."""
    MINIMUM = "Minimum"
    MAXIMUM = "Maximum"
    """The load needs more than is allowed."""
    STEP = "StepLimited"
    """The load needs more, or fewer, than one step allows."""


@dataclass(frozen=True)
class Numbers:
    """What a decision rests on; loads in the unit of the metric."""

    metric: Kind | None = None
    """The metric that asks for most."""
    stable: float | None = None
    """Load over the stable window."""
    panic: float | None = None
    """Load over the panic window."""
    recent: float | None = None
    """Load that the last seconds prove, chance left out."""
    forecast: float | None = None
    """Load when a pod that is asked for now would be ready."""
    rush: float | None = None
    """Load besides, for a short time: what waits, and a sudden growth."""
    capacity: float | None = None
    """What one pod is to get."""
    source: str = ""
    """Where the capacity comes from, in plain English."""
    service: float | None = None
    """Seconds that a pod works on one request."""
    started_in: float | None = None
    """Seconds until a new pod is ready."""
    ready: int = 0
    missing: int = 0
    """Pods whose load nobody could read."""
    wanted: int = 0
    """Replicas that the load needs, before limits."""


@dataclass(frozen=True)
class Decision:
    """The outcome of one look."""

    replicas: int
    reason: Reason
    message: str
    """Plain English, with the numbers."""
    numbers: Numbers
    panicking: bool = False
