"""With rollouts: shares, limits, ratios, sleep."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekiben.scaling import (
    Config,
    Kind,
    Learned,
    Metric,
    Phase,
    Pod,
    Profile,
    Reason,
    Sample,
    Wish,
    awake,
    divide,
    idle,
    initial,
    nearest,
    needed,
    profile,
    reachable,
    step,
    together,
)
from ekiben.scaling.trend import Trend

from .fleet import BY_LIMIT, BY_TARGET, T0, run, sample, settled

TOTAL = Profile(arrived=200.0, learned=Learned(busy=50, done=100, started_in=30.0))
"""200 requests a second of half a second: 100 at once."""


# What a share needs


@pytest.mark.parametrize(("weight", "replicas"), [(0, 0), (1, 1), (5, 1), (20, 3), (50, 6), (100, 11)])
def test_a_share_needs_its_part_and_room_of_its_own(weight, replicas):
    assert needed(BY_LIMIT, TOTAL, weight) == replicas


@given(st.integers(0, 100), st.integers(0, 100), st.floats(0, 5000), st.floats(0, 5000), st.floats(0, 600))
def test_more_weight_more_load_and_more_time_never_need_fewer(a, b, load, more, seconds):
    trend = Trend(load, 0.3, 1.0, 0.1)
    total = replace(TOTAL, arrived=load, trend=trend)
    heavier = replace(total, arrived=load + more, trend=replace(trend, level=load + more))
    light, heavy = sorted((a, b))
    assert needed(BY_LIMIT, total, light) <= needed(BY_LIMIT, total, heavy)
    assert needed(BY_LIMIT, total, light) <= needed(BY_LIMIT, heavier, light)
    assert needed(BY_LIMIT, total, light) <= needed(BY_LIMIT, total, light, seconds=seconds)


def test_a_slower_canary_needs_more_for_the_same_share():
    slower = Learned(busy=100, done=100)
    assert needed(BY_LIMIT, TOTAL, 50, learned=slower) == 11
    assert needed(BY_LIMIT, TOTAL, 50, learned=Learned()) == 6, "the stable's pods speak for it until it has answered"


def test_a_growing_load_is_met_where_it_will_be():
    growing = replace(TOTAL, trend=Trend(200, 2.0, 2.0, 0.1))
    now, later = needed(BY_TARGET, growing, 100), needed(BY_TARGET, growing, 100, seconds=60)
    assert now == 10
    assert later == pytest.approx((200 + 120 + 2 * 6.3) * 0.5 / 10, abs=1)
    falling = replace(TOTAL, trend=Trend(200, -2.0, 2.0, 0.1))
    assert needed(BY_TARGET, falling, 100, seconds=60) >= now


def test_where_nobody_knows_what_a_pod_takes_nothing_is_claimed():
    assert needed(BY_LIMIT, Profile(50.0), 50) is None
    assert needed(replace(BY_LIMIT, metrics=(Metric(Kind.REQUEST_RATE, 10),)), Profile(50.0), 50) == 3
    assert needed(BY_LIMIT, Profile(0.0), 50) == 1


def test_a_profile_is_what_the_scaler_saw():
    state, replicas = settled(BY_LIMIT, 100)
    seen = profile(BY_LIMIT, state, T0 + 599)
    assert seen.arrived == pytest.approx(200)
    assert seen.trend.slope == pytest.approx(0, abs=0.01)
    assert needed(BY_LIMIT, seen, 100) <= replicas
    assert profile(BY_LIMIT, initial(), T0) is None


def test_weights_that_move_are_no_trend():
    """The canary takes over half of the requests: together the load is as it was."""
    config = BY_LIMIT
    stable, _ = run(config, range(300), lambda s, n: sample(n, 100 - s / 6), replicas=10)
    canary, _ = run(config, range(300), lambda s, n: sample(n, 1 + s / 6), replicas=10)
    both = together(profile(config, stable, T0 + 299), profile(config, canary, T0 + 299))
    assert both.arrived == pytest.approx(202, rel=0.15)
    assert both.trend.slope == pytest.approx(0, abs=0.02)
    assert together(both, None) == both


# Who gets what


@given(st.integers(1, 60), *[st.integers(0, 40)] * 4)
def test_a_limit_holds_for_the_sum_and_the_stable_comes_first(most, a, b, c, d):
    stable, canary = Wish(a, b), Wish(c, d)
    shares = divide(most, stable, canary)
    assert min(shares.stable, shares.canary) >= 0
    assert shares.stable + shares.canary <= most
    if a + min(c, 1) <= most:
        assert shares.stable >= a
    if c and most >= 1:
        assert shares.canary >= 1, "requests are never left without a pod"
    assert shares.too_heavy == (shares.stable < a or shares.canary < c)
    if max(a, b) + max(c, d) <= most:
        assert (shares.stable, shares.canary, shares.short) == (max(a, b), max(c, d), 0)
        assert shares.message == ""
    else:
        assert shares.short > 0
        assert "raise maxReplicas" in shares.message


def test_progress_comes_before_the_way_back():
    shares = divide(10, Wish(4, 8), Wish(4, 8))
    assert (shares.stable, shares.canary, shares.short) == (4, 6, 6)


@given(st.integers(1, 40), st.integers(2, 30))
@settings(max_examples=200)
def test_a_rollout_gets_to_the_end_in_any_limit_with_room_for_two_more_pods(load, room):
    def need(weight: int) -> int:
        return -(-load * weight // 100)

    most, weight, weights = load + room, 0, [0]
    while weight < 100 and len(weights) < 200:
        weight = reachable(most, weight, 100, lambda w: need(w), lambda w: max(1, need(w)))
        weights.append(weight)
        if weights[-1] == weights[-2]:
            break
        assert need(100 - weights[-2]) + max(1, need(weight)) <= most
    assert weight == 100


def test_where_nothing_fits_the_weight_stays():
    assert reachable(8, 20, 50, lambda _: 8, lambda _: 4) == 20
    assert reachable(12, 20, 50, lambda _: 8, lambda w: w // 10) == 49


# replicaRatio


@given(st.integers(0, 100), st.integers(0, 40), st.integers(1, 60))
def test_a_ratio_holds_the_load_within_the_limit(weight, least, most):
    split = nearest(weight, least, most)
    total = split.stable + split.canary
    assert total <= max(2, most)
    assert total >= min(least, most)
    if 0 < weight < 100:
        assert min(split.stable, split.canary) >= 1
        best = min(
            abs(100 * c / t - weight) for t in range(max(2, min(least, most)), max(2, most) + 1) for c in range(1, t)
        )
        assert abs(split.weight - weight) <= best + 1.0 + 1e-9
    else:
        assert split.weight == (weight if total else 0)


@pytest.mark.parametrize(
    ("weight", "least", "most", "split"),
    [
        (50, 4, 10, (2, 2)),
        (20, 4, 10, (4, 1)),
        (5, 4, 10, (9, 1)),
        (5, 4, 20, (16, 1)),
        (20, 10, 10, (8, 2)),
        (33, 3, 10, (2, 1)),
        (50, 1, 1, (1, 1)),
        (100, 7, 10, (0, 7)),
        (0, 7, 10, (7, 0)),
    ],
)
def test_ratios(weight, least, most, split):
    found = nearest(weight, least, most)
    assert (found.stable, found.canary) == split


def test_a_load_that_grows_keeps_the_ratio():
    weights = [nearest(20, least, 30).weight for least in range(2, 30)]
    assert all(abs(weight - 20) <= 2 for weight in weights)


# Scale to zero

SLEEPY = Config(min_replicas=0, max_replicas=10, limit=4, idle_window=60, scale_down_delay=30)


def _asleep():
    state, decisions = run(SLEEPY, range(400), lambda _, n: sample(n, 0), replicas=1)
    return state, decisions


def test_a_model_sleeps_after_its_idle_window_and_not_before():
    state, decisions = run(SLEEPY, range(100), lambda _, n: sample(n, 2.0), replicas=1)
    state, decisions = run(SLEEPY, range(100, 300), lambda _, n: sample(n, 0.0), state, decisions[-1].replicas)
    first = next(n for n, decision in enumerate(decisions) if decision.replicas == 0)
    assert first == 59
    assert decisions[first].message.startswith("down from 1 to 0: no request for 60 s")
    assert decisions[first - 1].message.startswith("stays at 1: ")
    assert {decision.replicas for decision in decisions[first:]} == {0}


@pytest.mark.parametrize("waiting", [1, 3, 200])
def test_the_first_request_wakes_it(waiting):
    state, decisions = _asleep()
    assert decisions[-1].replicas == 0
    call = Sample(0, waiting=waiting, arrived=waiting)
    _, decision = step(SLEEPY, state, call, T0 + 401)
    assert 1 <= decision.replicas <= 10
    assert decision.replicas >= min(10, waiting // 40)


def test_one_activator_that_cannot_be_read_hides_none_of_what_another_one_holds():
    state, _ = _asleep()
    _, decision = step(SLEEPY, state, Sample(0, waiting=3.0, arrived=3.0, known=False), T0 + 401)
    assert decision.replicas >= 1
    _, decision = step(SLEEPY, state, Sample(0, known=False), T0 + 401)
    assert decision.replicas == 0
    assert decision.reason is Reason.NO_DATA


def test_a_model_that_is_awake_follows_its_load_whatever_becomes_of_an_activator():
    state, decisions = run(SLEEPY, range(100), lambda _, n: sample(n, 20.0), replicas=1)
    before = decisions[-1].replicas
    _, decisions = run(
        SLEEPY, range(100, 130), lambda _, n: replace(sample(n, 200.0), known=False), replicas=before, state=state
    )
    assert decisions[-1].replicas > before
    _, decisions = run(
        SLEEPY, range(130, 600), lambda _, n: replace(sample(n, 0.0), known=False), replicas=before, state=state
    )
    assert decisions[-1].replicas == before, "what it hides may need them"


def test_it_stays_awake_while_its_pod_starts_and_requests_wait():
    state, _ = _asleep()
    _, decisions = run(SLEEPY, range(401, 700), lambda _, n: Sample(n, (Pod(False),) * n, waiting=2.0), state, 0)
    assert all(decision.replicas >= 1 for decision in decisions)


def test_a_restart_wakes_nobody():
    _, decision = step(SLEEPY, initial(), Sample(0), T0)
    assert decision.replicas == 0


def test_without_an_activator_or_with_hidden_pods_it_stays_awake():
    for change in ({"may_sleep": False}, {"known": False}):
        _, decisions = run(SLEEPY, range(400), lambda _, n, c=change: replace(sample(n, 0.0), **c), replicas=1)
        assert decisions[-1].replicas == 1
    _, decisions = run(SLEEPY, range(400), lambda _, n: sample(n, 0.0, unread=1 if n == 2 else 0), replicas=2)
    assert decisions[-1].replicas in (0, 1, 2)


def test_idle_is_what_was_seen_to_be():
    state, _ = _asleep()
    assert idle(SLEEPY, state, T0 + 400)
    assert not idle(SLEEPY, initial(), T0)


@pytest.mark.parametrize(
    ("phase", "quiet", "floors"),
    [
        (Phase.NONE, False, (0, 0)),
        (Phase.STARTING, True, (0, 1)),
        (Phase.SHARED, False, (1, 1)),
        (Phase.SHARED, True, (0, 0)),
    ],
)
def test_a_canary_of_a_sleeping_model_wakes_what_the_verdict_needs(phase, quiet, floors):
    assert awake(SLEEPY, phase, idle=quiet) == floors
    assert awake(Config(min_replicas=2), phase, idle=quiet) == (2, 0 if phase is Phase.NONE else 1)
