"""Counters of a bentoml 1.4 server, from the text of its /metrics page.

Only the three families that are needed are looked at. `endpoint` is the raw path of a request, so a scanner that asks
for a thousand paths makes a thousand label sets: labels are summed away while reading, and the size of the whole page
is what bounds the work.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import inf, isfinite

from .counters import MetricsError, PodCounters, Trouble

HEALTH_PATHS = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
_MOST_BOUNDS = 64
_LONGEST_KEPT = 1024
_SAMPLE = re.compile(
    rb"^bentoml_service_request_(total|in_progress|duration_seconds_bucket)\{(.*)\} (\S+)(?: -?\d+)?\r?$", re.MULTILINE
)
_LABEL = re.compile(rb'(?<![a-zA-Z0-9_])([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\]*(?:\\.[^"\\]*)*)"')
_NOT_A_LETTER = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True)
class _Series:
    """What the labels of a sample say."""

    service: str
    bento: str
    code: int | None
    """None where the family has no such label."""
    bound: float | None
    health: bool


@dataclass
class _Sums:
    """Counters of one service of the bento."""

    requests: float = 0
    errors: float = 0
    in_flight: float = 0
    upto: dict[float, float] = field(default_factory=lambda: defaultdict(float))
    """Upper bound -> answers that took at most so long."""


def parse(body: bytes, entry: str | None = None) -> PodCounters:
    """Return a pod's counters.

    Args:
        body: the /metrics page.
        entry: name of the service that callers reach, in a bento of several; by default the one named like the bento.

    Raises:
        MetricsError: Malformed, or Ambiguous where no service of several is named like the bento.
    """
    services: dict[tuple[str, str], _Sums] = {}
    for family, labels, number in _SAMPLE.findall(body):
        # Only short texts are kept: a page may be 4 MiB of one label.
        series = _series(labels) if len(labels) <= _LONGEST_KEPT else _series.__wrapped__(labels)
        if series.health:
            continue
        key = series.bento, series.service
        if key not in services:
            services[key] = _Sums()
        _add(services[key], family, series, _value(number))
    if services:
        return _counters(_entry(services, entry))
    # A server that nobody has asked anything yet has an empty page, or one with other families.
    if body.strip() and b"# TYPE " not in body:
        raise MetricsError(Trouble.MALFORMED, f"this is not a page of metrics: it begins with {body[:60]!r}")
    return PodCounters()


def _add(sums: _Sums, family: bytes, series: _Series, value: float) -> None:
    if family == b"in_progress":
        sums.in_flight += value
        return
    if value < 0:
        raise MetricsError(Trouble.MALFORMED, f"a counter is below zero: {value:g}")
    code = series.code
    if code is None:
        raise MetricsError(Trouble.MALFORMED, "a request counter has no label http_response_code")
    if family == b"total":
        sums.requests += value
        if code >= 500 or code == 429:
            sums.errors += value
    elif code < 400:
        if series.bound is None:
            raise MetricsError(Trouble.MALFORMED, "a histogram bucket has no label le")
        sums.upto[series.bound] += value


def _counters(sums: _Sums) -> PodCounters:
    return PodCounters(
        requests=round(sums.requests),
        errors=round(sums.errors),
        hist=_buckets(sums.upto),
        bounds=tuple(sorted(bound for bound in sums.upto if bound < inf)),
        # A worker that was killed can leave the sum of the gauges below zero.
        in_flight=max(0, round(sums.in_flight)),
    )


def _buckets(upto: dict[float, float]) -> tuple[int, ...]:
    if not upto:
        return ()
    if inf not in upto or len(upto) > _MOST_BOUNDS + 1:
        raise MetricsError(Trouble.MALFORMED, f"a latency histogram of {len(upto)} buckets, which cannot be")
    rising = [0, *(round(upto[bound]) for bound in sorted(upto))]
    counts = tuple(high - low for low, high in pairwise(rising))
    if min(counts) < 0:
        raise MetricsError(Trouble.MALFORMED, "the buckets of the latency histogram do not rise")
    return counts


def _entry(services: dict[tuple[str, str], _Sums], entry: str | None) -> _Sums:
    if len(services) == 1:
        return next(iter(services.values()))
    for (bento, service), sums in services.items():
        if _plain(service) == _plain(entry if entry is not None else bento):
            return sums
    names = ", ".join(sorted(service for _, service in services))
    raise MetricsError(
        Trouble.AMBIGUOUS, f"the bento has several services ({names}) and none is named like it: its entry is unknown"
    )


def _plain(name: str) -> str:
    return _NOT_A_LETTER.sub("", name.lower())


# The same label sets come again with every scrape, and with every pod of a revision.
@lru_cache(maxsize=16384)
def _series(text: bytes) -> _Series:
    labels = {name: value for name, value in _LABEL.findall(text)}  # noqa: C416  (dict() of tuples of bytes, typed)
    code, bound = labels.get(b"http_response_code"), labels.get(b"le")
    try:
        return _Series(
            service=labels.get(b"runner_name", b"").decode(),
            bento=labels.get(b"service_name", b"").decode(),
            code=int(code) if code is not None else None,
            bound=_bound(bound) if bound is not None else None,
            health=labels.get(b"endpoint", b"").decode(errors="replace") in HEALTH_PATHS,
        )
    except ValueError as error:
        raise MetricsError(Trouble.MALFORMED, f"labels that cannot be read: {text[:200]!r}") from error


def _bound(text: bytes) -> float:
    bound = float(text)
    if not bound > 0:
        raise ValueError(text)
    return bound


def _value(text: bytes) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise MetricsError(Trouble.MALFORMED, f"not a number: {text[:40]!r}") from error
    if not isfinite(value):
        raise MetricsError(Trouble.MALFORMED, f"not a finite number: {text[:40]!r}")
    return value
