"""What the scaler is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite


class Kind(StrEnum):
    """What replicas follow."""

    CONCURRENCY = "concurrency"
    """Requests at once, those that wait included."""
    REQUEST_RATE = "requestRate"
    """Requests a second."""
    LATENCY = "latency"
    """Requests at once, held to as many a pod as keep its answers within a time."""


@dataclass(frozen=True)
class Metric:
    """One signal that replicas follow."""

    kind: Kind
    target: float | None = None
    """What one pod is to get: requests at once, or requests a second; None: what it was observed to take. Of latency,
    the seconds that an answer may take."""
    quantile: float = 0.95
    """Of latency: the share of answers that has to stay within the target."""

    def __post_init__(self) -> None:
        if self.target is None and self.kind is Kind.LATENCY:
            raise ValueError("metric latency needs a target: the seconds that an answer may take")
        if self.target is not None and not 0 < self.target < inf:
            raise ValueError(f"the target of metric {self.kind} is above 0, not {self.target}")
        if not 0 < self.quantile < 1:
            raise ValueError(f"the quantile of metric {self.kind} lies between 0 and 1, not {self.quantile}")


@dataclass(frozen=True)
class Config:
    """The numbers of spec.scaling that the scaler needs; the defaults are those that the bench was run with.

    Windows, panic and rates are those of Knative's documentation; its defaults are kept where nothing is said.
    """

    min_replicas: int = 2
    max_replicas: int = 10
    metrics: tuple[Metric, ...] = (Metric(Kind.CONCURRENCY),)
    limit: float | None = None
    """Requests that a pod works on at once, where that is known; None: it is learned."""
    stable_window: float = 60.0
    """Seconds that the load is averaged over; 6 to 300."""
    panic_window_percent: float = 10.0
    """The panic window, in per cent of the stable window."""
    panic_threshold_percent: float = 200.0
    """Load in the panic window that begins a panic, in per cent of what the ready pods take."""
    max_scale_up_rate: float = 1000.0
    """How many times the ready replicas may be asked for in one step."""
    max_scale_down_rate: float = 2.0
    """By how much replicas may be divided in one step."""
    scale_down_delay: float = 120.0
    """Seconds that fewer replicas have to be enough before any go; at most 3600. Pods that take long to start are kept
    for eight times as long as that, up to 300 s."""
    idle_window: float = 300.0
    """Seconds without any request after which the last pod goes, where min_replicas is 0."""
    tolerance: float = 0.1
    """Replicas stay where load and capacity differ by no more than this share."""
    headroom: float = 1.0
    """Room for chance where no target says how busy a pod is to be: so many square roots of the requests at once."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_replicas <= self.max_replicas or self.max_replicas < 1:
            raise ValueError(
                "min_replicas is at least 0, max_replicas at least 1 and no less, not "
                f"{self.min_replicas} and {self.max_replicas}"
            )
        if not self.metrics:
            raise ValueError("name at least one metric that replicas follow")
        if self.limit is not None and not 0 < self.limit < inf:
            raise ValueError(f"limit is above 0, not {self.limit}")
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if not (isfinite(value) and least <= value <= most):
                raise ValueError(f"{name} lies between {least:g} and {most:g}, not {value:g}")

    @property
    def panic_window(self) -> float:
        """Seconds of the panic window."""
        return max(1.0, self.stable_window * self.panic_window_percent / 100)


_RANGES = (
    ("stable_window", 6, 300),
    ("panic_window_percent", 1, 100),
    ("panic_threshold_percent", 110, 1000),
    ("max_scale_up_rate", 1.01, 1e6),
    ("max_scale_down_rate", 1.01, 1e6),
    ("scale_down_delay", 0, 3600),
    ("idle_window", 6, 86400),
    ("tolerance", 0, 1),
    ("headroom", 0, 10),
)
