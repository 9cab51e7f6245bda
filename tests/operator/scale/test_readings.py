"""Two readings of a pod's counters -> what it did in between."""

from dataclasses import replace

import pytest

from ekiben.operator.scale.readings import At, between
from ekiben.signals.counters import PodCounters
from ekiben.signals.page import parse

BOUNDS = (0.1, 0.5, 1.0)
OLD = PodCounters(requests=100, errors=2, rejected=1, hist=(50, 40, 7, 0), bounds=BOUNDS, in_flight=4)
NEW = PodCounters(requests=120, errors=4, rejected=2, hist=(55, 50, 8, 1), bounds=BOUNDS, in_flight=8)


def test_what_a_pod_did():
    seen = between(At(OLD, 10.0), At(NEW, 12.0), None)
    assert (seen.in_flight, seen.arrived, seen.answered, seen.slow) == (6, 12, 8.5, 0)


@pytest.mark.parametrize(("below", "slow"), [(0.1, 12), (0.3, 7), (0.5, 2), (1.0, 1), (7.0, 1)])
def test_slow_answers_lie_above_a_time(below, slow):
    seen = between(At(OLD, 10.0), At(NEW, 11.0), below)
    assert seen.slow == pytest.approx(slow)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (None, At(NEW, 11.0)),
        (At(NEW, 10.0), At(OLD, 11.0)),  # its container restarted
        (At(OLD, 10.0), At(NEW, 10.0)),
        (At(OLD, 10.0), At(NEW, 200.0)),
        (At(OLD, 10.0), At(replace(NEW, in_flight_known=False), 11.0)),
    ],
)
def test_what_says_nothing(before, now):
    assert between(before, now, None) is None


def test_a_page_without_a_gauge_does_not_say_that_nothing_is_in_flight():
    requests = b'# TYPE http_requests_total counter\nhttp_requests_total{path="/p",code="200"} 3\n'
    gauge = b'http_requests_in_progress{path="/p"} 2\n'
    from ekiben.api.model import Runtime

    assert not parse(requests, Runtime.HTTP).in_flight_known
    assert parse(requests + gauge, Runtime.HTTP).in_flight_known
    assert PodCounters().in_flight_known
