"""What one reading of one pod says, whatever its runtime and wherever it was read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """Why a pod's counters are not known."""

    UNREACHABLE = "Unreachable"
    TIMEOUT = "Timeout"
    REFUSED = "Refused"
    """The address is not one that is asked, or the answer is a redirect or an error."""
    TOO_LARGE = "TooLarge"
    MALFORMED = "Malformed"
    SEVERAL = "SeveralProcesses"
    """Several processes answer for the pod, each with counters of its own, or it is open whether they do."""
    AMBIGUOUS = "Ambiguous"
    """Several services, and none is known to be the one that callers reach."""
    STALE = "Stale"
    """The source answers, but what it has about the pod is too old."""
    UNKNOWN = "Unknown"
    """The source answers, and knows nothing about the pod."""
    NOT_ROUTED = "NotRouted"
    """The gateway answers, and has no upstream of the resource."""
    SOURCE_DOWN = "SourceDown"
    """The source itself does not answer; this says nothing about the pod."""


class MetricsError(Exception):
    """A pod's counters could not be had; the message says why in plain English."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


@dataclass(frozen=True)
class PodCounters:
    """Counters of one pod since it started, health checks and the metrics themselves left out."""

    requests: int = 0
    errors: int = 0
    """Answers of the 5xx class, and 429."""
    hist: tuple[int, ...] = ()
    """Successful answers (below 400) in each latency bucket, one more than bounds; empty before the first answer."""
    bounds: tuple[float, ...] = ()
    """Upper bounds of the buckets in seconds, rising, the infinite one left out."""
    in_flight: int = 0
    """Requests being worked on."""
    in_flight_known: bool = True
    """False where the pod has answered requests and exports no gauge of those being worked on."""
    in_flight_itself: bool = False
    """The reading itself may be one of those being worked on: the gauge does not tell paths apart."""
    rejected: int = 0
    """Answers of the 4xx class, but 429."""
    at: float | None = None
    """When the pod counted so, seconds since the epoch; None where that is when it was read."""
    started: float | None = None
    """When the process that counted so started, by its own clock; None where it does not say."""
