"""The parts that a look is made of."""

import random
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekiben.scaling import Config, Kind, Learned, Metric, Pod, Reading, Sample
from ekiben.scaling.isotonic import rising
from ekiben.scaling.learn import learn
from ekiben.scaling.levels import Level, Levels, knee, within
from ekiben.scaling.limits import stepped
from ekiben.scaling.need import Capacity, backlog_of, capacity_of, load_of
from ekiben.scaling.seen import Seen
from ekiben.scaling.state import with_peak
from ekiben.scaling.traffic import Traffic, traffic_of
from ekiben.scaling.trend import Trend, fit
from ekiben.scaling.window import Window

from .fleet import SERVICE, T0

points = st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 20)), min_size=1, max_size=12)


# Isotonic regression


@given(points)
def test_isotonic_rises_and_keeps_the_weighted_mean(drawn):
    fitted = rising(drawn)
    assert fitted == sorted(fitted)
    weights = [weight for _, weight in drawn]
    assert np.average(fitted, weights=weights) == pytest.approx(np.average([v for v, _ in drawn], weights=weights))


@given(points, st.randoms(use_true_random=False))
def test_isotonic_is_the_nearest_rising_sequence(drawn, chance: random.Random):
    def cost(values):
        return sum(weight * (value - given) ** 2 for value, (given, weight) in zip(values, drawn, strict=True))

    fitted = rising(drawn)
    other = sorted(value + chance.uniform(-5, 5) for value in fitted)
    assert cost(fitted) <= cost(other) + 1e-9


# Trends


def test_a_trend_is_numpys():
    rng = np.random.default_rng(3)
    x = np.arange(0, 60, 5.0)
    y = 40 + 0.7 * x + rng.normal(0, 2, len(x))
    trend = fit(list(zip(x, y, strict=True)))
    (slope, level), covariance = np.polyfit(x - x[-1], y, 1, cov="unscaled")
    residuals = y - np.polyval([slope, level], x - x[-1])
    scale = (residuals**2).sum() / (len(x) - 2)
    assert (trend.slope, trend.level) == pytest.approx((slope, level))
    assert trend.slope_error == pytest.approx(sqrt(covariance[0, 0] * scale))
    assert trend.level_error == pytest.approx(sqrt(covariance[1, 1] * scale))


def test_a_trend_is_no_surer_than_chance_allows():
    flat = [(float(n), 10.0) for n in range(0, 60, 5)]
    assert fit(flat).slope_error == 0
    assert fit(flat, noise=2.0).slope_error > 0
    assert fit(flat[:3]) is None
    assert fit([(5.0, 1.0)] * 6) is None


def test_growth_counts_for_what_is_sure_and_an_upper_bound_for_what_may_be():
    trend = Trend(level=100, slope=2.0, level_error=3, slope_error=0.4, slope_chance=0.5)
    assert trend.surely(10, 2) == pytest.approx(10)
    assert trend.upper(10, 2) == pytest.approx(100 + 20 + 2 * 5)
    falling = replace(trend, slope=-2.0)
    assert falling.surely(10, 2) == 0
    assert falling.upper(10, 2) >= 100, "a fall is not counted on"
    both = trend + falling
    assert (both.level, both.slope) == (200, 0)
    assert both.slope_error == pytest.approx(sqrt(0.32))


# Windows


def looks(rate: float, seconds: float = 1.0) -> Traffic:
    return Traffic(seconds, rate, rate / 2, 0, 0)


def test_a_window_averages_its_last_seconds():
    window = Window.over(60)
    for second in range(200):
        window = window.plus(looks(10.0 if second < 190 else 40.0), T0 + second)
    assert window.mean(T0 + 199, 10).arrived == pytest.approx(40)
    assert window.mean(T0 + 199, 60).arrived == pytest.approx(15)
    assert len(window.buckets) == 60


def test_time_without_a_look_is_not_time_without_load():
    window = Window.over(60)
    for second in (0, 1, 2, 40):
        window = window.plus(looks(10.0), T0 + second)
    assert window.mean(T0 + 40, 60).arrived == pytest.approx(10)
    assert window.mean(T0 + 55, 6) is None
    assert Window.over(60).mean(T0, 60) is None


@given(st.lists(st.tuples(st.floats(0.2, 400), st.floats(0, 1000)), max_size=80), st.sampled_from([60.0, 300.0]))
def test_a_window_is_bounded_and_its_mean_lies_within_what_it_saw(steps, span):
    window, now = Window.over(span), T0
    for passed, rate in steps:
        now += passed
        window = window.plus(looks(rate), now)
        assert len(window.buckets) <= 60
        rates = [rate for _, rate in steps]
        assert min(rates) - 1e-3 <= window.mean(now, span).arrived <= max(rates) + 1e-3


def test_a_rise_is_proven_by_as_many_seconds_as_it_takes():
    seen = Seen()
    for second in range(60):
        seen = seen.plus(looks(10.0), T0 + second)
    assert seen.proven(T0 + 59, 6) < 10
    for second in range(60, 62):
        seen = seen.plus(looks(100.0), T0 + second)
    assert 50 < seen.proven(T0 + 61, 6) < 100, "two seconds prove most of a tenfold step"
    for second in range(62, 84):
        seen = seen.plus(looks(100.0), T0 + second)
    assert seen.proven(T0 + 83, 6) > 90


# Traffic, load and need


def test_what_is_more_than_a_pod_works_on_waits():
    sample = Sample(2, (Pod(True, Reading(9, 10, 8)), Pod(True, Reading(1, 2, 2))), waiting=5, arrived=3)
    assert traffic_of(sample, 4) == Traffic(1.0, 15, 5, 10, 0)
    assert traffic_of(sample, 4, exact=False) == Traffic(1.0, 15, 8, 7, 0), "taken together only two wait"
    assert traffic_of(sample, None) == Traffic(1.0, 15, 10, 5, 0)


def test_what_the_activator_hands_on_counts_once():
    burst = Sample(1, (Pod(True, Reading(9, 30, 3)),), arrived=2, forwarded=25)
    assert traffic_of(burst, 4).arrived == 7
    assert traffic_of(replace(burst, forwarded=90), 4).arrived == 2


def test_who_is_missing():
    pods = (Pod(True), Pod(False), Pod(False, None, 9.0), Pod(True, Reading(0, 0, 0)))
    assert traffic_of(Sample(4, pods), 4).missing == 2, "the unread one, and the one that was ready once"


@pytest.mark.parametrize(
    ("capacity", "load", "replicas"),
    [
        (Capacity(Kind.CONCURRENCY, 10), 0, 0),
        (Capacity(Kind.CONCURRENCY, 10), 0.2, 1),
        (Capacity(Kind.CONCURRENCY, 10), 30.0001, 3),
        (Capacity(Kind.CONCURRENCY, 10), 31, 4),
        (Capacity(Kind.CONCURRENCY, 10, room=1), 100, 11),
        (Capacity(Kind.CONCURRENCY, 10, room=2), 100, 12),
        # 200 requests a second of half a second: the same 100 at once.
        (Capacity(Kind.REQUEST_RATE, 20, room=1, scale=2), 200, 11),
    ],
)
def test_need(capacity, load, replicas):
    assert capacity.need(load) == replicas


def test_room_is_the_same_in_either_unit():
    learned = Learned(busy=50, done=100)
    config = Config(limit=8)
    at_once = capacity_of(Metric(Kind.CONCURRENCY), config, learned)
    a_second = capacity_of(Metric(Kind.REQUEST_RATE), config, learned)
    for rate in (1, 17, 230, 4000):
        assert a_second.need(rate) == at_once.need(rate * 0.5)


def test_load_comes_from_arrivals_where_pods_are_full():
    full = Traffic(1, arrived=100, serving=20, waiting=300, missing=0)
    assert load_of(Kind.CONCURRENCY, full, Learned(busy=5, done=10)) == 50
    assert load_of(Kind.REQUEST_RATE, full, Learned()) == 100
    assert load_of(Kind.CONCURRENCY, full, Learned()) == 20
    assert backlog_of(Kind.CONCURRENCY, 300, Learned(busy=5, done=10), 2) == 75
    assert backlog_of(Kind.CONCURRENCY, 300, Learned(), 2) == 300
    assert backlog_of(Kind.REQUEST_RATE, 300, Learned(), 2) == 150


@pytest.mark.parametrize(
    ("current", "ready", "wanted", "after"),
    [(10, 10, 3, 5), (10, 10, 7, 7), (3, 3, 0, 1), (1, 1, 0, 0), (2, 2, 9000, 2000), (0, 0, 5, 5), (4, 0, 4, 4)],
)
def test_steps(current, ready, wanted, after):
    assert stepped(Config(), current, ready, wanted) == after


def test_peaks_remember_the_most_for_as_long_as_asked():
    peaks = ()
    for now, needed in enumerate([5, 9, 3, 4, 2, 2]):
        peaks = with_peak(peaks, float(now), needed, now - 3.0)
    assert peaks == ((3.0, 4), (5.0, 2))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=300))
def test_peaks_are_bounded_and_never_too_low(needs):
    peaks = ()
    for now, needed in enumerate(needs):
        peaks = with_peak(peaks, float(now), needed, now - 100.0)
        assert len(peaks) <= 60
        assert peaks[0][1] >= max(needs[max(0, now - 100) : now + 1])


# What a pod takes


def levels_of(rows: list[tuple[float, float, float]]) -> Levels:
    """(requests at once, answers a second, share of slow ones), each seen for 1000 s."""
    levels = Levels()
    for at_once, rate, slow in rows:
        filed = Level(len(levels.filed), 1000, at_once * 1000, rate * 1000, rate * slow * 1000)
        levels = Levels((*levels.filed, filed))
    return levels


def slots(many: float, service: float = 0.5):
    return [(n, min(n, many) / service, 0.0) for n in (0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24)]


@pytest.mark.parametrize("many", [1, 4, 8, 12])
def test_the_knee_of_a_pod_with_slots_is_their_number(many):
    assert knee(levels_of(slots(many))) == pytest.approx(many, rel=0.01)


def test_the_knee_of_a_processor_that_is_shared_is_its_cores():
    """Beyond 2 at once an answer takes longer in proportion: the same throughput."""
    assert knee(levels_of([(n, min(n, 2.0) / 0.1, 0) for n in (0.5, 1, 1.5, 2.5, 4)])) == pytest.approx(2)


def test_what_was_not_seen_is_not_believed():
    assert knee(levels_of(slots(40))) == pytest.approx(1.5 * 24)
    assert knee(levels_of([(0.1, 0.2, 0)])) == 2.0, "idle pods say nothing about busy ones"
    assert knee(levels_of([(20, 4, 0), (40, 4, 0)])) is None, "no pod was ever seen that is not busy"
    assert knee(Levels()) is None


def test_one_odd_minute_moves_nothing_much():
    rows = levels_of(slots(8))
    odd = Level(5, 10, 60, 400, 0)
    moved = Levels(tuple(level.plus(odd) if level.index == 5 else level for level in rows.filed))
    assert knee(moved) == pytest.approx(8, rel=0.05)


def test_within_finds_where_answers_become_slow():
    rows = [(1, 2, 0.0), (2, 4, 0.01), (4, 8, 0.03), (8, 12, 0.2)]
    assert within(levels_of(rows), 0.95, idle=0.5) == pytest.approx(4 + 4 * 0.02 / 0.17, abs=1e-3)
    assert within(levels_of(rows[:2]), 0.95, idle=0.5) == pytest.approx(3.0)
    assert within(levels_of([(3, 4, 0.5), (6, 4, 0.7)]), 0.95, idle=1) == 3.0
    assert within(levels_of([(0.5, 4, 0.5), (6, 4, 0.7)]), 0.95, idle=1) == 0
    assert within(Levels(), 0.95, idle=1) is None


def test_the_time_of_an_answer_leaves_out_what_waits_and_what_was_refused():
    full = Sample(1, (Pod(True, Reading(20.0, 50.0, 8.0), 4.0),))
    learned = Learned()
    for second in range(30):
        learned = learn(learned, full, T0 + second, 4.0, None)
    assert learned.service == pytest.approx(0.5, rel=1e-4)
    assert learned.started_in == 4.0


def test_silence_teaches_nothing():
    learned = Learned()
    for second in range(120):
        busy = Sample(2, (Pod(True, Reading(2.0, 4.0, 4.0), 4.0), Pod(True, Reading(2.0, 4.0, 4.0), 4.0)))
        learned = learn(learned, busy, T0 + second, None, None)
    assert learned.knee is not None
    quiet = learned
    for second in range(120, 4000):
        quiet = learn(quiet, Sample(1, (Pod(True, Reading(0.0, 0.0, 0.0), 4.0),)), T0 + second, None, None)
    assert (quiet.knee, quiet.service) == (learned.knee, learned.service)


def test_what_pods_took_an_hour_ago_counts_half():
    levels = levels_of(slots(4))
    faded = levels.faded(0.5)
    assert knee(faded) == pytest.approx(knee(levels))
    assert sum(level.answered for level in faded.filed) == pytest.approx(0.5 * sum(lv.answered for lv in levels.filed))


def test_chance_in_short_seconds_is_not_taken_for_load():
    """Pods that never fill up, requests that come and last by chance: no bend is seen where there is none."""
    rng, seconds = np.random.default_rng(7), np.arange(1501.0)
    counts = []
    for _ in range(6):
        came = np.sort(rng.uniform(0, 1500, rng.poisson(1500 * 1.5 / SERVICE)))
        left = np.sort(came + rng.lognormal(np.log(SERVICE) - 0.11, 0.47, len(came)))
        counts.append((np.searchsorted(came, seconds), np.searchsorted(left, seconds)))
    learned = Learned()
    for n in range(1500):
        pods = []
        for came, left in counts:
            at_once = (came[n] - left[n] + came[n + 1] - left[n + 1]) / 2
            reading = Reading(float(at_once), float(came[n + 1] - came[n]), float(left[n + 1] - left[n]))
            pods.append(Pod(True, reading, 4.0))
        learned = learn(learned, Sample(6, tuple(pods)), T0 + n, None, None)
    assert learned.knee == pytest.approx(1.5 * 1.5, rel=0.1)


# What makes no sense


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_replicas": 5, "max_replicas": 4}, "min_replicas is at least 0"),
        ({"metrics": ()}, "at least one metric"),
        ({"limit": 0}, "limit is above 0"),
        ({"stable_window": 5}, "stable_window lies between 6 and 300, not 5"),
        ({"panic_threshold_percent": 100}, "panic_threshold_percent lies between 110 and 1000"),
        ({"tolerance": float("nan")}, "tolerance lies between"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Config(**wrong)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Metric(Kind.LATENCY), "metric latency needs a target"),
        (lambda: Metric(Kind.CONCURRENCY, 0), "target of metric concurrency is above 0"),
        (lambda: Metric(Kind.LATENCY, 1, 1.0), "quantile of metric latency lies between"),
        (lambda: Reading(-1, 0, 0), "in_flight of a pod is at least 0"),
        (lambda: Reading(0, float("inf"), 0), "arrived of a pod"),
        (lambda: Sample(-1), "replicas are at least 0"),
        (lambda: Sample(1, seconds=0), "spans some time"),
        (lambda: Sample(1, waiting=-1), "waiting is at least 0"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(made, message):
    with pytest.raises(ValueError, match=message):
        made()
