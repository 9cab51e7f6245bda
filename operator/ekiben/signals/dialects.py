"""What each model server calls its counters: a table, and what one series of it adds to.

docs/signals.md shows the same table to users, with where each name was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from math import isnan

from ekiben.api.model import Runtime

from .counters import MetricsError, Trouble


class Role(Enum):
    """What the samples of a family are."""

    REQUESTS = auto()
    """Requests that were answered; a status tells those that failed."""
    ERRORS = auto()
    """Failures among requests that another family counts."""
    REJECTED = auto()
    """The same for requests that were refused."""
    IN_FLIGHT = auto()
    BUCKETS = auto()
    """Cumulative latency buckets."""


class Outcome(Enum):
    """What came of a request."""

    ANSWERED = auto()
    REJECTED = auto()
    FAILED = auto()


@dataclass(frozen=True)
class Family:
    """One metric of a model server."""

    role: Role
    status: tuple[str, ...] = ()
    """Labels that hold the status; the first that is there counts."""
    outcome: Outcome = Outcome.ANSWERED
    """What its requests came to, where no label holds a status."""
    unit: float = 1.0
    """Seconds that 1 means in a bucket's bound."""
    itself: bool = False
    """A gauge that counts the reading too, where no label holds the path."""


@dataclass(frozen=True)
class Dialect:
    """The names that one runtime uses."""

    families: Mapping[str, Family]
    paths: tuple[str, ...] = ()
    """Labels that hold the path of a request; the first that is there counts."""
    private: frozenset[str] = frozenset()
    """Paths that are the platform's own: probes, and the metrics themselves."""
    service: str = ""
    """Label that tells the services of one server apart; empty where there is one."""
    bundle: str = ""
    """Label with the name of what they were packed into."""

    def slot(self, name: str, labels: Mapping[str, str]) -> Slot | None:
        """Return what a series adds to; None where it is of no interest.

        Raises:
            MetricsError: Malformed, where a label is missing or cannot be read.
        """
        family = self.families.get(name)
        if family is None or _first(labels, self.paths) in self.private:
            return None
        entry = (labels.get(self.bundle, ""), labels.get(self.service, ""))
        if family.role is Role.IN_FLIGHT:
            return Slot(entry, in_flight=1, itself=family.itself and not _first(labels, self.paths))
        if family.role is Role.ERRORS:
            return Slot(entry, errors=1)
        if family.role is Role.REJECTED:
            return Slot(entry, rejected=1)
        outcome = _outcome(family, name, labels)
        if family.role is Role.BUCKETS:
            bound = _bound(name, labels) * family.unit
            # No answer takes less than no time; the next bucket has what stands in such a one.
            return Slot(entry, bound=bound) if outcome is Outcome.ANSWERED and bound > 0 else None
        return Slot(entry, 1, int(outcome is Outcome.FAILED), int(outcome is Outcome.REJECTED))


@dataclass(frozen=True, slots=True)
class Slot:
    """What the samples of one series are added to."""

    entry: tuple[str, str]
    """(bundle, service)"""
    requests: int = 0
    errors: int = 0
    rejected: int = 0
    in_flight: int = 0
    itself: bool = False
    """The reading itself may be among those in flight."""
    bound: float | None = None
    """Upper bound of its bucket in seconds; may be infinite."""


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    # Prometheus renames a label that its target has as well, such as the Prometheus Operator's `endpoint`.
    for name in names:
        found = labels.get(f"exported_{name}", labels.get(name))
        if found is not None:
            return found
    return ""


def _outcome(family: Family, name: str, labels: Mapping[str, str]) -> Outcome:
    if not family.status:
        return family.outcome
    status = _first(labels, family.status)
    if not status:
        if family.role is Role.BUCKETS:
            return Outcome.ANSWERED  # a histogram that does not tell answers apart is better than none
        raise MetricsError(Trouble.MALFORMED, f"a sample of {name} has no label {' or '.join(family.status)}")
    try:
        return _STATUSES.get(status) or _by_class(status)
    except ValueError as error:
        raise MetricsError(Trouble.MALFORMED, f"a sample of {name} has the status {status[:40]!r}") from error


def _by_class(status: str) -> Outcome:
    """Read an HTTP status: `503`, or `5xx` where the server counts by class."""
    group = int(status[0]) if len(status) == 3 and status[1:] == "xx" else int(status) // 100
    if not 1 <= group <= 5:
        raise ValueError(status)
    return Outcome.FAILED if group == 5 else Outcome.REJECTED if group == 4 else Outcome.ANSWERED


def _bound(name: str, labels: Mapping[str, str]) -> float:
    text = labels.get("le", "")
    try:
        bound = float(text)
    except ValueError as error:
        raise MetricsError(Trouble.MALFORMED, f"a bucket of {name} has the bound {text[:40]!r}") from error
    if isnan(bound):
        raise MetricsError(Trouble.MALFORMED, f"a bucket of {name} has the bound {text[:40]!r}")
    return bound


# Too many requests is a failure of capacity. The names are gRPC's, by the HTTP status that stands for each.
_STATUSES: Mapping[str, Outcome] = {
    "429": Outcome.FAILED,
    "OK": Outcome.ANSWERED,
    **dict.fromkeys(
        ("CANCELLED", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "FAILED_PRECONDITION",
         "ABORTED", "OUT_OF_RANGE", "UNAUTHENTICATED"),
        Outcome.REJECTED,
    ),
    **dict.fromkeys(
        ("UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
        Outcome.FAILED,
    ),
}  # fmt: skip

_HTTP_STATUS = ("status_code", "code", "status", "http_response_status_code", "http_status_code")
_HTTP_PATH = ("path", "handler", "route", "uri", "endpoint", "http_route")
_HTTP_PRIVATE = frozenset({"/metrics", "/livez", "/readyz", "/healthz", "/health", "/ready", "/live", "/ping"})

DIALECTS: Mapping[Runtime, tuple[Dialect, ...]] = {
    Runtime.BENTOML: (
        Dialect(
            {
                "bentoml_service_request_total": Family(Role.REQUESTS, ("http_response_code",)),
                "bentoml_service_request_in_progress": Family(Role.IN_FLIGHT),
                "bentoml_service_request_duration_seconds_bucket": Family(Role.BUCKETS, ("http_response_code",)),
            },
            paths=("endpoint",),
            private=frozenset({"/livez", "/readyz", "/healthz", "/metrics"}),
            service="runner_name",
            bundle="service_name",
        ),
    ),
    Runtime.MLSERVER: (
        Dialect(
            {
                "rest_server_requests_total": Family(Role.REQUESTS, ("status_code",)),
                "rest_server_requests_in_progress": Family(Role.IN_FLIGHT),
                "rest_server_request_duration_seconds_bucket": Family(Role.BUCKETS, ("status_code",)),
            },
            paths=("path",),
            private=frozenset(
                {"/v2/health/live", "/v2/health/ready", "/v2/models/{model_name}/ready", "/metrics"}
                | {"/v2/models/{model_name}/versions/{model_version}/ready"}
            ),
        ),
    ),
    Runtime.TRITON: (
        Dialect(
            {
                "nv_inference_request_success": Family(Role.REQUESTS),
                "nv_inference_request_failure": Family(Role.REQUESTS, outcome=Outcome.FAILED),
                "nv_inference_pending_request_count": Family(Role.IN_FLIGHT),
            }
        ),
    ),
    Runtime.TORCHSERVE: (
        # Requests2XX counts every answer, the probes' among them: only the failures in it say anything of callers.
        Dialect(
            {
                "ts_inference_requests_total": Family(Role.REQUESTS),
                "Requests4XX": Family(Role.REJECTED),
                "Requests5XX": Family(Role.ERRORS),
            }
        ),
    ),
    Runtime.TENSORFLOW_SERVING: (
        Dialect(
            {
                ":tensorflow:serving:request_count": Family(Role.REQUESTS, ("status",)),
                ":tensorflow:serving:request_latency_bucket": Family(Role.BUCKETS, unit=1e-6),
            }
        ),
    ),
    Runtime.HTTP: (
        Dialect(
            {
                "http_requests_total": Family(Role.REQUESTS, _HTTP_STATUS),
                "http_requests_in_progress": Family(Role.IN_FLIGHT, itself=True),
                "http_requests_inprogress": Family(Role.IN_FLIGHT, itself=True),
                "http_request_duration_seconds_bucket": Family(Role.BUCKETS, _HTTP_STATUS),
            },
            paths=_HTTP_PATH,
            private=_HTTP_PRIVATE,
        ),
        # OpenTelemetry's semantic conventions, as its Prometheus exporter writes them.
        Dialect(
            {
                "http_server_request_duration_seconds_count": Family(Role.REQUESTS, _HTTP_STATUS),
                "http_server_active_requests": Family(Role.IN_FLIGHT, itself=True),
                "http_server_request_duration_seconds_bucket": Family(Role.BUCKETS, _HTTP_STATUS),
            },
            paths=_HTTP_PATH,
            private=_HTTP_PRIVATE,
        ),
    ),
}
"""Runtime -> its names; of several the first that a server uses counts."""


def has_histogram(runtime: Runtime) -> bool:
    """Whether a runtime exports a latency histogram."""
    return any(family.role is Role.BUCKETS for one in DIALECTS[runtime] for family in one.families.values())
