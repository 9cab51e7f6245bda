"""What holds for every load."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekiben.scaling import Config, Kind, Metric, Pod, Reading, Reason, Sample, State, initial, step

from .fleet import T0, run, settled, steady

CONFIGS = [
    Config(min_replicas=1, max_replicas=12, limit=4),
    Config(min_replicas=2, max_replicas=40, metrics=(Metric(Kind.CONCURRENCY, 5.0),), limit=8, scale_down_delay=0),
    Config(min_replicas=0, max_replicas=9, metrics=(Metric(Kind.REQUEST_RATE, 12.0),), idle_window=20),
    Config(min_replicas=1, max_replicas=20),
    Config(min_replicas=1, max_replicas=20, limit=4, metrics=(Metric(Kind.LATENCY, 0.5), Metric(Kind.REQUEST_RATE))),
    Config(min_replicas=3, max_replicas=3, stable_window=6, panic_window_percent=100, panic_threshold_percent=110),
]
configs = st.sampled_from(CONFIGS)
numbers = st.floats(0, 80, allow_nan=False)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    arrived = draw(numbers)
    answered = draw(st.floats(0, 1)) * arrived
    return Reading(draw(numbers), arrived, answered, draw(st.floats(0, 1)) * answered)


@st.composite
def pods(draw: st.DrawFn) -> Pod:
    ready = draw(st.booleans())
    seen = draw(st.one_of(st.none(), readings())) if ready else None
    return Pod(ready, seen, draw(st.one_of(st.none(), st.floats(0, 200))))


@st.composite
def looks(draw: st.DrawFn) -> tuple[float, Sample]:
    """Seconds since the look before, and the sample; replicas are filled in."""
    shape = draw(st.lists(pods(), max_size=6))
    held = draw(st.sampled_from([0.0, 0.0, 0.0, 7.0]))
    sample = Sample(0, tuple(shape), waiting=held, arrived=held, known=draw(st.integers(0, 9)) > 0)
    return draw(st.sampled_from([1.0, 1.0, 1.0, 5.0, 30.0, 400.0])), sample


histories = st.lists(looks(), min_size=1, max_size=40)


def follow(config: Config, history: list[tuple[float, Sample]], state: State | None = None, replicas: int = 2):
    """Yield (state before, sample, time, state after, decision)."""
    state, now = state or initial(), T0
    for passed, look in history:
        now += passed
        shown = replace(look, replicas=replicas, pods=look.pods[:replicas] if replicas else ())
        after, decision = step(config, state, shown, now)
        yield state, shown, now, after, decision
        state, replicas = after, decision.replicas


@given(configs, histories)
@settings(deadline=None, max_examples=150)
def test_replicas_stay_within_the_limits(config, history):
    for _, shown, _, _, decision in follow(config, history, replicas=config.min_replicas):
        assert config.min_replicas <= decision.replicas <= config.max_replicas
        assert decision.message
        assert len(decision.message) < 500
        if decision.replicas == 0:
            assert config.min_replicas == 0
            assert shown.waiting == 0


@given(configs, histories)
@settings(deadline=None, max_examples=100)
def test_restoring_after_each_look_is_the_same_as_going_on(config, history):
    state, replicas, now = initial(), 2, T0
    for passed, look in history:
        now += passed
        shown = replace(look, replicas=replicas, pods=look.pods[:replicas])
        text = state.to_json()
        assert len(text) <= 16384
        restored = State.from_json(text)
        assert restored == state
        state, decision = step(config, state, shown, now)
        assert step(config, restored, shown, now) == (state, decision)
        replicas = decision.replicas


@given(configs, histories)
@settings(deadline=None, max_examples=60)
def test_a_replay_is_exact(config, history):
    assert list(follow(config, history)) == list(follow(config, history))


@given(configs, histories, st.integers(0, 5), st.floats(0, 50), st.floats(0, 50))
@settings(deadline=None, max_examples=300)
def test_more_load_never_asks_for_fewer(config, history, which, more_arrived, more_in_flight):
    """Of two looks that differ in one pod's load alone, the busier one asks for as many replicas or more."""
    state, shown, now, *_ = list(follow(config, history))[-1]
    if which >= len(shown.pods) or shown.pods[which].reading is None:
        return
    seen = shown.pods[which].reading
    busier = replace(seen, arrived=seen.arrived + more_arrived, in_flight=seen.in_flight + more_in_flight)
    changed = tuple(replace(pod, reading=busier) if n == which else pod for n, pod in enumerate(shown.pods))
    _, decision = step(config, state, shown, now)
    _, harder = step(config, state, replace(shown, pods=changed), now)
    assert harder.replicas >= decision.replicas


@given(configs, histories)
@settings(deadline=None, max_examples=150)
def test_what_cannot_be_read_never_takes_replicas_away(config, history):
    """With some or all readings of a look lost, it asks for no fewer than were there, or than the whole look does."""
    for state, shown, now, _, decision in follow(config, history, replicas=max(1, config.min_replicas)):
        blind = replace(shown, pods=tuple(replace(pod, reading=None) for pod in shown.pods), waiting=0, arrived=0)
        _, without = step(config, state, blind, now)
        if shown.replicas > 0:
            assert without.replicas >= min(shown.replicas, config.max_replicas)
        half = replace(
            shown, pods=tuple(replace(pod, reading=None if n % 2 else pod.reading) for n, pod in enumerate(shown.pods))
        )
        _, partly = step(config, state, half, now)
        assert partly.replicas >= min(shown.replicas, decision.replicas)


@given(configs, histories)
@settings(deadline=None, max_examples=60)
def test_a_gap_takes_nothing_away(config, history):
    *_, state, last = list(follow(config, history))[-1]
    replicas = last.replicas
    if replicas == 0:
        return
    later = (state.at or T0) + 100_000
    quiet = Sample(replicas, tuple(Pod(True, Reading(0, 0, 0), 5.0) for _ in range(replicas)))
    _, decision = step(config, state, quiet, later)
    assert decision.replicas >= replicas


@pytest.mark.parametrize("config", CONFIGS[:4], ids=str)
@pytest.mark.parametrize("load", [0.4, 3.0, 11.0, 47.0])
def test_a_constant_load_settles(config, load):
    state, replicas = settled(config, load, 1200)
    _, decisions = run(config, range(1200, 3000), steady(load), state, replicas)
    assert {decision.replicas for decision in decisions} == {replicas}
    assert decisions[-1].reason in (Reason.STEADY, Reason.MINIMUM, Reason.MAXIMUM, Reason.COOLING_DOWN)


def test_the_state_of_a_large_service_is_bounded():
    config = Config(min_replicas=1, max_replicas=1000)

    def busy(second, replicas):
        each = 0.05 + (second * 7919 % 4001) / 17
        return Sample(replicas, tuple(Pod(True, Reading(each, each * 3.7, each * 3.3, 0.777), 33.3) for _ in range(60)))

    state, _ = run(config, range(2000), busy, replicas=60)
    assert len(state.to_json()) <= 16384
    assert json.loads(state.to_json())["version"] == 1
