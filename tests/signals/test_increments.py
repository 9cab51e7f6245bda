"""Differencing: whatever happens to scrapes and pods, each request is counted once at most."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekiben.analysis import Counts
from ekiben.signals.accumulate import Rising
from ekiben.signals.counters import PodCounters
from ekiben.signals.increments import Increment, common_bounds, counts_on, increment, increments, merge, rebucket

BOUNDS = (0.01, 0.1, 1.0)
COUNTS = st.integers(0, 50)
ANSWERS = st.tuples(COUNTS, COUNTS, st.tuples(COUNTS, COUNTS, COUNTS, COUNTS))


def plus(counters: PodCounters, rest: int, errors: int, hist: tuple[int, ...]) -> PodCounters:
    return PodCounters(
        counters.requests + rest + errors + sum(hist),
        counters.errors + errors,
        tuple(a + b for a, b in zip(counters.hist or (0, 0, 0, 0), hist, strict=True)),
        BOUNDS,
    )


@given(st.lists(st.tuples(ANSWERS, st.booleans()), min_size=1, max_size=30))
def test_missed_scrapes_lose_and_double_nothing(ticks):
    true = PodCounters()
    references: dict[str, PodCounters] = {"pod": true}
    total: dict[str, Increment] = {}
    for answers, seen in ticks:
        true = plus(true, *answers)
        scraped = {"pod": true} if seen else {}
        total = merge(total, increments(references, scraped))
        references |= scraped
    last = references["pod"]
    counted = total.get("pod", Increment()).counts
    assert (counted.n, counted.errors) == (last.requests, last.errors)
    assert sum(counted.hist) == sum(last.hist)


@given(st.lists(st.tuples(ANSWERS, st.booleans()), min_size=1, max_size=30))
def test_a_restart_never_makes_more_than_there_was(ticks):
    true, observable, counted = PodCounters(), 0, 0
    reference = true
    for answers, restarted in ticks:
        true = plus(PodCounters() if restarted else true, *answers)
        counts = counts_on({"pod": increment(reference, true)}, BOUNDS)["pod"]
        assert counts.n >= 0
        assert 0 <= counts.errors <= counts.n
        assert min(counts.hist, default=0) >= 0
        counted += counts.n
        observable += sum(answers[:2]) + sum(answers[2])
        reference = true
    assert counted <= observable
    if not any(restarted for _, restarted in ticks):
        assert counted == observable


@pytest.mark.parametrize(
    "after",
    [
        PodCounters(8, 1, (7, 0, 0, 0), BOUNDS),
        PodCounters(120, 0, (120, 0, 0, 0), BOUNDS),
        PodCounters(120, 5, (89, 31, 0, 0), BOUNDS),
        PodCounters(120, 5, (50, 5), (1.0,)),
    ],
)
def test_what_falls_in_any_counter_is_only_a_reference(after):
    before = PodCounters(100, 5, (90, 5, 0, 0), BOUNDS)
    assert increment(before, after).counts == Counts()


def test_who_adds_up_over_restarts_counts_from_zero():
    rising = Rising()
    for counters in (PodCounters(100, 5, (90, 5, 0, 0), BOUNDS), PodCounters(8, 1, (7, 0, 0, 0), BOUNDS)):
        rising.add(counters)
    assert rising.total == PodCounters(108, 6, (97, 5, 0, 0), BOUNDS)


def test_a_new_pod_is_only_a_reference():
    assert increments({}, {"new": PodCounters(50, 3)}) == {}


def test_the_first_answer_of_a_pod_brings_its_histogram_along():
    after = PodCounters(1, 0, (1, 0, 0, 0), BOUNDS)
    assert increment(PodCounters(), after) == Increment(Counts(1, 0, (1, 0, 0, 0)), BOUNDS)


def test_a_repeated_scrape_counts_nothing():
    counters = PodCounters(100, 5, (90, 5, 0, 0), BOUNDS)
    assert increment(counters, counters).counts == Counts(0, 0, (0, 0, 0, 0))


def test_other_bounds_are_only_a_reference_for_latency():
    before = PodCounters(10, 0, (5, 5), (1.0,))
    after = PodCounters(20, 0, (10, 4, 3, 3), BOUNDS)
    assert increment(before, after) == Increment(Counts(10, 0, ()), ())


@given(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS))
def test_arms_with_different_bounds_are_compared_on_the_common_ones(hist):
    fine = Increment(Counts(sum(hist), 0, hist), BOUNDS)
    coarse = Increment(Counts(3, 0, (1, 2)), (0.1,))
    shared = common_bounds((fine, coarse, Increment()))
    assert shared == (0.1,)
    assert rebucket(fine, shared) == (hist[0] + hist[1], hist[2] + hist[3])


def test_in_flight_is_no_counter():
    counters = PodCounters(4, 0, in_flight=3)
    assert increment(counters, replace(counters, in_flight=0)).counts == Counts(pending=-3)
