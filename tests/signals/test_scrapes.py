"""Whose scrapes of a pod count, and which of them are whole."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekiben.api.model import Runtime
from ekiben.signals.counters import MetricsError, PodCounters, Trouble
from ekiben.signals.prometheus_api import Series
from ekiben.signals.scrapes import PodScrapes, by_scraper, moments
from ekiben.signals.source import ScrapeTarget

INTERVAL = 15.0
TARGET = ScrapeTarget("uid", "iris-1", "shop", "10.0.0.1", 3000, "r1")
MODEL, SIDECAR = "10.0.0.1:3000", "10.0.0.1:15090"
Count = Callable[[float], tuple[int, int]]


def scraped(
    moments: Iterable[float],
    count: Count | None,
    *,
    instance: str = MODEL,
    job: str = "models",
    late: Iterable[tuple[float, str]] = (),
    started: float | None = None,
) -> list[Series]:
    """What one scraper brings: `count` says (requests, errors) at a moment; `late` is not there yet."""
    at, common = list(moments), {"namespace": "shop", "pod": "iris-1", "job": job, "instance": instance}
    found = [Series(common | {"__name__": "up"}, tuple((t, 1.0) for t in at))]
    if started is not None:
        found.append(Series(common | {"__name__": "process_start_time_seconds"}, tuple((t, started) for t in at)))
    for code in ("200", "500") if count else ():
        values = []
        for t in at:
            requests, errors = count(t)
            value = errors if code == "500" else requests - errors
            if value and (t, code) not in set(late):
                values.append((t, float(value)))
        labels = {"__name__": "bentoml_service_request_total", "endpoint": "/predict", "http_response_code": code}
        found.append(Series(common | labels | {"service_name": "iris", "runner_name": "Iris"}, tuple(values)))
    return [one for one in found if one.samples]


def window(now: float, first: float = 0.0, phase: float = 0.0) -> list[float]:
    """The moments of scrapes that an answer at `now` holds."""
    return [t + phase for t in range(0, 100_000, 15) if max(first, now - 10 * INTERVAL) < t + phase <= now]


class Looks:
    """A pod that is looked at once a minute."""

    def __init__(self) -> None:
        self.scrapes = PodScrapes(INTERVAL)
        self.restarts = 0

    def at(self, now: float, series: list[Series]) -> PodCounters | MetricsError:
        target = replace(TARGET, restarts=self.restarts)
        try:
            return self.scrapes.take(by_scraper(series, Runtime.BENTOML), target, now)
        except MetricsError as error:
            return error


@pytest.fixture
def looks() -> Looks:
    return Looks()


def lively(t: float) -> tuple[int, int]:
    return 1_000_000 + 10 * int(t), 100 + int(t) // 10


def told(answer: PodCounters | MetricsError) -> tuple[int, int, float | None]:
    assert isinstance(answer, PodCounters), answer
    return answer.requests, answer.errors, answer.at


def test_a_scrape_counts_when_it_is_one_interval_old(looks):
    assert told(looks.at(1004, scraped(window(1004), lively))) == (*lively(975), 975)
    assert told(looks.at(1064, scraped(window(1064), lively))) == (*lively(1035), 1035)


def test_a_half_written_scrape_says_nothing(looks):
    looks.at(1000, scraped(window(1000), lively))
    for late in ([(1050.0, "500"), (1035.0, "500")], [(1035.0, "500")], [(1020.0, "200"), (1020.0, "500")]):
        answer = looks.at(1055, scraped(window(1055), lively, late=late))
        assert told(answer)[0] <= lively(1035)[0]
        assert told(answer)[1] <= lively(1035)[1]
    assert told(looks.at(1120, scraped(window(1120), lively))) == (*lively(1095), 1095)


@settings(deadline=None)
@given(st.lists(st.sets(st.tuples(st.integers(0, 9), st.sampled_from(["200", "500"]))), min_size=1, max_size=8))
def test_whatever_is_late_nothing_counts_twice(holes):
    looks, now, total = Looks(), 1000.0, (0, 0)
    for hole in holes:
        at = window(now)
        late = [(at[-1 - place], code) for place, code in hole if place < len(at)]
        answer = looks.at(now, scraped(at, lively, late=late))
        if isinstance(answer, PodCounters):
            assert answer.requests >= total[0]
            assert answer.errors >= total[1]
            total = answer.requests, answer.errors
        now += 60
    assert total[0] <= lively(now)[0]
    assert total[1] <= lively(now)[1]


@pytest.mark.parametrize("job", ["a-sidecar", "z-sidecar"])
def test_who_brought_nothing_of_the_model_is_not_asked(looks, job):
    for now in range(1000, 1600, 60):
        at = [t for t in window(now) if t != 1170]
        # The sidecar is scraped more often, and none of its scrapes fails.
        often = sorted({*window(now), *window(now, phase=7)})
        both = scraped(at, lively) + scraped(often, None, instance=SIDECAR, job=job)
        answer = looks.at(now, both)
        assert told(answer)[0] == lively(told(answer)[2])[0]


def test_of_two_that_bring_counters_the_one_at_the_pods_own_port_counts(looks):
    def others(t: float) -> tuple[int, int]:
        return 5 * int(t), 0

    for now in (1000, 1060, 1120):
        often = sorted({*window(now), *window(now, phase=7)})
        both = scraped(window(now), lively) + scraped(often, others, instance=SIDECAR, job="a")
        assert told(looks.at(now, both))[0] == lively(told(looks.at(now, both))[2])[0]


def test_another_scraper_goes_on_where_one_ends_and_nothing_counts_twice(looks):
    before = told(looks.at(1000, scraped(window(1000), lively, job="a")))
    seen = [before]
    for now in range(1060, 1400, 60):
        ended = [t for t in window(now) if t <= 1010]
        both = scraped(ended, lively, job="a") + scraped(window(now, phase=4), lively, job="b")
        answer = looks.at(now, both)
        if isinstance(answer, PodCounters):
            seen.append(told(answer))
    requests, _, at = seen[-1]
    lost = lively(at)[0] - requests
    assert 0 <= lost <= 10 * (INTERVAL + 4)
    assert seen == sorted(seen)


def test_a_pod_that_was_never_asked_begins_at_nothing(looks):
    def later(t: float) -> tuple[int, int]:
        return max(0, int(t) - 1010), 0

    for now in (1000, 1060, 1120):
        both = scraped(window(now), later) + scraped(window(now, phase=2), None, instance=SIDECAR, job="a")
        answer = told(looks.at(now, both))
    assert answer[0] == later(answer[2])[0]


def test_a_job_that_begins_later_than_another_counts_from_then_on(looks):
    sidecar = {"instance": SIDECAR, "job": "a"}
    assert told(looks.at(1000, scraped(window(1000), None, **sidecar)))[0] == 0
    for now in range(1060, 1300, 60):
        both = scraped(window(now, first=1021), lively) + scraped(window(now), None, **sidecar)
        answer = told(looks.at(now, both))
    assert answer[0] == lively(answer[2])[0] - lively(1035)[0]


def restarting(at: float) -> Count:
    return lambda t: lively(t) if t < at else (5 * int(t - at), 0)


def test_a_restart_that_the_pod_tells_of_counts_from_zero(looks):
    count = restarting(1050)
    looks.at(1000, scraped(window(1000), count))
    looks.restarts = 1
    # The scrapes that were taken in by then are of the time before.
    assert told(looks.at(1060, scraped(window(1060), count))) == (*lively(1035), 1035)
    answer = told(looks.at(1120, scraped(window(1120), count)))
    assert answer == (lively(1035)[0] + 5 * 45, lively(1035)[1], 1095)


def test_a_restart_that_the_page_tells_of_counts_from_zero(looks):
    count = restarting(1050)
    for now in (1000, 1060, 1120):
        at = window(now)
        old, new = [t for t in at if t < 1050], [t for t in at if t >= 1050]
        before, after = scraped(old, count, started=400.0), scraped(new, count, started=1049.0) if new else []
        joined: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = {}
        for one in before + after:
            joined.setdefault(frozenset(one.labels.items()), []).extend(one.samples)
        answer = looks.at(now, [Series(dict(labels), tuple(samples)) for labels, samples in joined.items()])
    assert told(answer) == (lively(1035)[0] + 5 * 45, lively(1035)[1], 1095)


def test_a_fall_that_nothing_explains_waits(looks):
    count = restarting(1050)
    looks.at(1000, scraped(window(1000), count))
    looks.at(1060, scraped(window(1060), count))
    answer = looks.at(1120, scraped(window(1120), count))
    assert isinstance(answer, MetricsError)
    assert answer.trouble is Trouble.SEVERAL
    for now in range(1180, 1360, 60):
        answer = looks.at(now, scraped(window(now), count))
    assert told(answer)[0] == lively(1035)[0] + count(told(answer)[2])[0] - count(1065)[0]


def test_workers_that_take_turns_count_nothing_and_are_told(looks):
    def workers(t: float) -> tuple[int, int]:
        return (50_000 + int(t), 500) if int(t / 15) % 3 else (30_000 + int(t), 400)

    first = told(looks.at(60, scraped(window(60, first=31), workers)))
    answer: PodCounters | MetricsError = PodCounters()
    for now in range(120, 2000, 60):
        answer = looks.at(now, scraped(window(now), workers))
        if isinstance(answer, PodCounters):
            assert answer.requests <= first[0] + now
    assert isinstance(answer, MetricsError)
    assert "several processes of pod iris-1" in str(answer)


def test_old_samples_are_stale(looks):
    looks.at(1000, scraped(window(1000), lively))
    answer = looks.at(1060, scraped([t for t in window(1060) if t <= 1010], lively))
    assert isinstance(answer, MetricsError)
    assert answer.trouble is Trouble.STALE


def test_a_failed_scrape_is_no_page():
    up = Series({"__name__": "up", "job": "j"}, ((1.0, 1.0), (2.0, 0.0), (3.0, 1.0)))
    assert [one.at for one in moments([up], Runtime.BENTOML)] == [1.0, 3.0]
