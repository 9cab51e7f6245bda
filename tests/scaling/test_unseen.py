"""A rollout's load where some pods could not be read: what the others carried stands for them."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ekiben.scaling import Config, Pod, Reading, Sample, initial, profile, step
from ekiben.scaling.traffic import traffic_of

from .fleet import T0
from .test_properties import pods

CONFIG = Config(min_replicas=1, max_replicas=100, limit=8)


def _pods(rates, unread=0, *, ready=True):
    seen = tuple(Pod(ready, Reading(1.0, rate, rate), 3.0) for rate in rates)
    return seen + (Pod(True, None, 3.0),) * unread


def _followed(shape, looks=40):
    """Return what is told after some looks that are all the same: the decision and the profile."""
    state, decision = initial(), None
    for second in range(looks):
        state, decision = step(CONFIG, state, Sample(len(shape), shape), T0 + second)
    return decision, profile(CONFIG, state, T0 + looks - 1)


@given(st.lists(pods(), max_size=8), st.floats(0, 50), st.floats(0, 50))
def test_never_less_than_what_was_measured_and_never_more_than_four_times(shape, arrived, forwarded):
    traffic = traffic_of(Sample(len(shape), tuple(shape), arrived=arrived, forwarded=forwarded), None)
    came = sum(pod.reading.arrived for pod in shape if pod.reading is not None)
    assert traffic.whole >= traffic.arrived * (1 - 1e-9)
    assert traffic.whole <= arrived + 4 * came + 1e-6


@given(st.lists(pods(), max_size=8), st.floats(0, 50), st.floats(0, 50))
def test_exact_where_nothing_is_missing_or_nobody_could_be_read(shape, arrived, forwarded):
    assume(all(pod.reading for pod in shape if pod.ready) or not any(pod.reading for pod in shape if pod.ready))
    traffic = traffic_of(Sample(len(shape), tuple(shape), arrived=arrived, forwarded=forwarded), None)
    assert traffic.whole == pytest.approx(traffic.arrived)


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=8), st.integers(0, 8), st.floats(0.1, 100))
def test_like_pods_give_the_load_of_all(rates, unread, rate):
    assume(unread <= 3 * len(rates))
    traffic = traffic_of(Sample(20, _pods([rate] * len(rates), unread)), None)
    assert traffic.whole == pytest.approx(rate * (len(rates) + unread))


def test_pods_that_only_start_are_taken_to_carry_nothing():
    starting = (Pod(False), Pod(False, None, 3.0))
    assert traffic_of(Sample(4, _pods([10, 10]) + starting), None).unseen == 0


def test_what_the_activator_handed_on_is_not_counted_twice():
    sample = Sample(4, _pods([10, 10], unread=2), arrived=30.0, forwarded=30.0)
    assert traffic_of(sample, None).whole == pytest.approx(30 + 40 - 30)
    fewer = replace(sample, forwarded=60.0)
    assert traffic_of(fewer, None).unseen == 0


def test_a_rollout_goes_by_all_of_the_load_and_the_scaler_adds_nothing_for_it():
    all_seen, some = _followed(_pods([30.0] * 4)), _followed(_pods([30.0] * 2, unread=2))
    half = _followed(_pods([30.0] * 2))
    assert some[1].arrived == pytest.approx(all_seen[1].arrived) == pytest.approx(120)
    assert some[1].trend.level == pytest.approx(all_seen[1].trend.level)
    assert some[0].numbers.stable == pytest.approx(half[0].numbers.stable)
    assert some[0].replicas <= max(4, half[0].replicas), "what is missing asks for no replica"


def test_what_the_last_seconds_prove_is_of_all_pods_too():
    state = initial()
    for second in range(60):
        shape = _pods([5.0 if second < 50 else 50.0] * 2, unread=2)
        state, _ = step(CONFIG, state, Sample(4, shape), T0 + second)
    seen = state.seen
    assert seen.proven(T0 + 59, 6, whole=True) == pytest.approx(2 * seen.proven(T0 + 59, 6))
    assert profile(CONFIG, state, T0 + 59).arrived > 100
