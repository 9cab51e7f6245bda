"""What was measured since the last look, revision by revision."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Reading:
    """What one pod's counters say about the seconds since they were read before."""

    in_flight: float
    """Requests at once, on average: half of what was in flight at the first reading and at the second, together."""
    arrived: float
    """Requests a second that came: those answered, whatever the answer, and the rise of those in flight."""
    answered: float
    """Requests a second that were answered without failure."""
    slow: float = 0.0
    """Of these a second, those above the time of metric latency; 0 where there is no such metric."""

    def __post_init__(self) -> None:
        for name in ("in_flight", "arrived", "answered", "slow"):
            if not 0 <= getattr(self, name) < inf:
                raise ValueError(f"{name} of a pod is at least 0 and finite, not {getattr(self, name)}")


@dataclass(frozen=True)
class Pod:
    """One pod that exists and is not going."""

    ready: bool
    reading: Reading | None = None
    """None where its counters could not be read, or only once so far."""
    started_in: float | None = None
    """Seconds from its creation to its first readiness, where that is known."""


@dataclass(frozen=True)
class Sample:
    """One look at one revision."""

    replicas: int
    """Replicas that its Deployment asks for."""
    pods: tuple[Pod, ...] = ()
    seconds: float = 1.0
    """What the readings span."""
    waiting: float = 0.0
    """Requests that the activator holds for it."""
    arrived: float = 0.0
    """Requests a second that came to the activator."""
    forwarded: float = 0.0
    """Requests a second that it has handed on to pods, where they are counted once more."""
    may_sleep: bool = True
    """False while a rollout, or an activator that is not ready to hold requests, needs a pod."""
    known: bool = True
    """False where an activator could not be read: what it holds is missing in the sums."""

    def __post_init__(self) -> None:
        if self.replicas < 0:
            raise ValueError(f"replicas are at least 0, not {self.replicas}")
        for name in ("waiting", "arrived", "forwarded"):
            if not 0 <= getattr(self, name) < inf:
                raise ValueError(f"{name} is at least 0 and finite, not {getattr(self, name)}")
        if not 0 < self.seconds < inf:
            raise ValueError(f"a sample spans some time, not {self.seconds} s")

    @property
    def ready(self) -> int:
        """Pods that take requests."""
        return sum(pod.ready for pod in self.pods)
