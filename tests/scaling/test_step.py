"""The scaler, look by look."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ekiben.scaling import Config, Kind, Metric, Pod, Reading, Reason, Sample, initial, step

from .fleet import BY_LIMIT, BY_TARGET, SERVICE, T0, run, sample, settled, steady


@pytest.mark.parametrize(("load", "replicas"), [(0, 1), (5, 1), (95, 10), (300, 30), (5000, 100)])
def test_a_target_is_what_each_pod_gets(load, replicas):
    assert settled(BY_TARGET, load)[1] == replicas


@pytest.mark.parametrize(("load", "replicas"), [(1, 1), (16, 2), (25, 3), (100, 11), (400, 42)])
def test_without_a_target_pods_keep_room_for_chance(load, replicas):
    """R + sqrt(R) requests at once over 10 a pod: the share of room shrinks as the service grows."""
    _, decisions = run(BY_LIMIT, range(100), steady(load), replicas=1)
    assert decisions[-1].replicas == replicas


def test_a_request_rate_is_a_metric_of_its_own():
    config = replace(BY_TARGET, metrics=(Metric(Kind.REQUEST_RATE, 20),))
    # 95 at once of half a second each are 190 a second.
    assert settled(config, 95)[1] == 10


def test_the_most_demanding_metric_wins():
    both = (Metric(Kind.CONCURRENCY, 10), Metric(Kind.REQUEST_RATE, 5))
    for order in (both, both[::-1]):
        state, replicas = settled(replace(BY_TARGET, metrics=order), 50)
        assert replicas == 20
        _, decision = step(replace(BY_TARGET, metrics=order), state, sample(20, 50), T0 + 601)
        assert decision.numbers.metric is Kind.REQUEST_RATE


def test_a_tenfold_step_asks_for_more_within_three_seconds():
    state, replicas = settled(BY_LIMIT, 20)
    _, decisions = run(BY_LIMIT, range(600, 610), steady(200, ready=replicas), state, replicas)
    asked = [decision.replicas for decision in decisions]
    assert asked[0] > replicas
    assert asked[2] >= 21, "R = 200 needs 22 pods of 10"
    assert decisions[0].panicking
    assert decisions[0].message.startswith(f"up from {replicas} to {asked[0]}: ")


def test_a_panic_keeps_replicas_until_a_stable_window_after_it():
    state, replicas = settled(BY_LIMIT, 20)
    config = replace(BY_LIMIT, scale_down_delay=0.0)
    state, burst = run(config, range(600, 606), steady(200, ready=replicas), state, replicas)
    most = burst[-1].replicas
    _, after = run(config, range(606, 900), steady(20), state, most)
    panics = [decision.panicking for decision in after]
    assert panics.index(False) == pytest.approx(60, abs=6)
    assert all(decision.replicas >= most for decision, panic in zip(after, panics, strict=True) if panic)
    assert after[-1].replicas == replicas


def test_fewer_replicas_have_to_be_enough_for_the_whole_delay():
    state, replicas = settled(BY_TARGET, 300)
    _, decisions = run(BY_TARGET, range(600, 1000), steady(100), state, replicas)
    first = next(n for n, decision in enumerate(decisions) if decision.replicas < replicas)
    assert first >= BY_TARGET.scale_down_delay
    assert decisions[60].reason is Reason.COOLING_DOWN
    assert decisions[first].reason is Reason.LOAD_FELL
    assert decisions[-1].replicas in (10, 11), "11 pods are within a tenth of the target"


def test_pods_that_start_slowly_are_kept_for_longer():
    state, replicas = settled(BY_TARGET, 300)
    slow = replace(state, learned=replace(state.learned, started_in=30.0))
    _, decisions = run(BY_TARGET, range(600, 1000), steady(100, started_in=30.0), slow, replicas)
    first = next(n for n, decision in enumerate(decisions) if decision.replicas < replicas)
    assert 240 <= first <= 310


def test_one_step_down_halves_at_most_and_one_up_multiplies_by_the_rate():
    config = replace(BY_TARGET, max_scale_up_rate=2.0, scale_down_delay=0.0)
    state, replicas = settled(config, 640)
    assert replicas == 64
    _, down = run(config, range(600, 700), steady(10), state, replicas)
    assert all(b.replicas >= a.replicas // 2 for a, b in pairwise(down))
    state, replicas = settled(config, 10)
    _, up = run(config, range(600, 602), steady(900, ready=1), state, replicas)
    assert [decision.replicas for decision in up] == [2, 3], "two for each ready pod, and always one more"
    assert up[0].reason is Reason.STEP


def test_limits_hold_and_say_so():
    config = replace(BY_TARGET, min_replicas=3, max_replicas=8)
    state, replicas = settled(config, 500)
    assert replicas == 8
    _, decision = step(config, state, sample(8, 500), T0 + 601)
    assert decision.reason is Reason.MAXIMUM
    assert "scaling.maxReplicas is 8" in decision.message
    state, replicas = settled(config, 5)
    _, decision = step(config, state, sample(3, 5), T0 + 601)
    assert (replicas, decision.reason) == (3, Reason.MINIMUM)


def test_a_load_within_tolerance_of_its_target_changes_nothing():
    state, replicas = settled(BY_TARGET, 100)
    assert replicas == 10
    for load, wanted in ((109, 10), (95, 10), (115, 12)):
        _, decisions = run(BY_TARGET, range(600, 900), steady(load), state, replicas)
        assert decisions[-1].replicas == wanted


def test_growth_is_met_before_it_is_there():
    """A pod takes 60 s to start; the load grows by 1 a second."""
    config = replace(BY_LIMIT, limit=10)
    state, replicas = settled(config, 100)
    state = replace(state, learned=replace(state.learned, started_in=60.0))

    def growing(second, replicas):
        return sample(replicas, 100 + (second - 600), started_in=60.0)

    _, decisions = run(config, range(600, 780), growing, state, replicas)
    assert Reason.LOAD_WILL_RISE in {decision.reason for decision in decisions}
    assert decisions[-1].numbers.forecast == pytest.approx(279 + 60, rel=0.15)
    for second in range(90, 180):
        # What was asked for a start ago. A third of the growth is left out, because chance could have made it.
        assert decisions[second - 60].replicas * 10 >= 0.9 * (100 + second)


def test_what_waits_brings_pods_that_go_when_it_is_worked_off():
    state, replicas = settled(BY_LIMIT, 50)
    waiting = Sample(replicas, tuple(Pod(True, Reading(60.0, 100 / replicas, 20.0), 5.0) for _ in range(replicas)))
    state, decisions = run(BY_LIMIT, range(600, 604), lambda *_: waiting, state, replicas)
    # Six pods with 60 each, of which 10 are worked on: 300 wait, and 75 more at once work them off in 2 s.
    assert decisions[-1].replicas >= 12
    _, after = run(BY_LIMIT, range(604, 1000), steady(50), state, decisions[-1].replicas)
    assert after[-1].replicas <= replicas + 1


# What nobody could read


def test_an_outage_of_the_readings_changes_nothing():
    state, replicas = settled(BY_TARGET, 300)
    _, decisions = run(BY_TARGET, range(600, 1800), steady(0, unread=replicas), state, replicas)
    assert {decision.replicas for decision in decisions} == {replicas}
    assert decisions[-1].reason is Reason.NO_DATA
    assert decisions[-1].message == "stays at 30: none of 30 ready pods could be read"


def test_after_an_outage_nothing_goes_before_the_delay_was_seen_again():
    state, replicas = settled(BY_TARGET, 300)
    state, _ = run(BY_TARGET, range(600, 800), steady(0, unread=replicas), state, replicas)
    _, decisions = run(BY_TARGET, range(800, 1100), steady(50), state, replicas)
    first = next(n for n, decision in enumerate(decisions) if decision.replicas < replicas)
    assert first >= BY_TARGET.scale_down_delay


@pytest.mark.parametrize("unread", [1, 3, 9])
def test_a_pod_that_cannot_be_read_counts_as_full_against_fewer_and_as_idle_for_more(unread):
    state, replicas = settled(BY_TARGET, 100)
    pods = tuple(Pod(True, None if n < unread else Reading(1.0, 2.0, 2.0), 5.0) for n in range(replicas))
    _, decisions = run(BY_TARGET, range(600, 1000), lambda *_: Sample(replicas, pods), state, replicas)
    assert unread <= decisions[-1].replicas <= replicas
    assert max(decision.replicas for decision in decisions) == replicas


def test_pods_that_collapsed_are_not_taken_for_idle():
    state, replicas = settled(BY_TARGET, 300)
    dead = (Pod(True, Reading(0.0, 0.0, 0.0), 5.0), *[Pod(False, None, 5.0)] * (replicas - 1))
    _, decisions = run(BY_TARGET, range(600, 1200), lambda *_: Sample(replicas, dead), state, replicas)
    assert decisions[-1].replicas >= replicas - 1


def test_pods_that_only_start_carry_nothing():
    state, replicas = settled(BY_TARGET, 100)
    _, decisions = run(BY_TARGET, range(600, 900), steady(100, ready=10), state, replicas + 10)
    assert decisions[-1].replicas <= 11


def test_one_unknown_metric_keeps_replicas_from_falling_and_not_from_rising():
    """Without any answer nobody knows how many requests a second a pod takes."""
    config = replace(BY_LIMIT, metrics=(Metric(Kind.CONCURRENCY, 10), Metric(Kind.REQUEST_RATE)))

    def silent(_, replicas):
        return Sample(replicas, tuple(Pod(True, Reading(2.0, 0.0, 0.0), 5.0) for _ in range(replicas)))

    _, decisions = run(config, range(600), silent, replicas=20)
    assert {decision.replicas for decision in decisions} == {20}


# Time and restarts


def test_a_look_that_is_not_later_says_nothing():
    state, replicas = settled(BY_TARGET, 100)
    for now in (T0 + 599, T0 + 570):
        after, decision = step(BY_TARGET, state, sample(replicas, 900), now)
        assert (after, decision.replicas) == (state, replicas)


def test_a_clock_that_was_put_back_begins_anew_with_what_was_learned():
    state, replicas = settled(BY_TARGET, 100)
    after, decision = step(BY_TARGET, state, sample(replicas, 100), T0 - 7200)
    assert after.began == T0 - 7200
    assert after.learned.started_in == state.learned.started_in
    assert decision.replicas == replicas


def test_after_a_restart_nothing_goes_before_the_delay_was_seen():
    state, _ = settled(BY_TARGET, 300)
    _, decisions = run(BY_TARGET, range(600, 900), steady(50), initial(state.learned), 30)
    first = next(n for n, decision in enumerate(decisions) if decision.replicas < 30)
    assert first >= BY_TARGET.scale_down_delay


def test_a_new_deployment_waits_for_its_first_reading():
    state, decision = step(Config(), initial(), sample(2, 0, ready=0), T0)
    assert (decision.replicas, decision.reason) == (2, Reason.NO_DATA)
    assert decision.message == "stays at 2: none of 2 pods is ready yet, and none could be read"
    _, decision = step(Config(), state, sample(1, 0, ready=0), T0 + 1)
    assert decision.replicas == 2, "limits hold even where nothing is known"


def test_changed_limits_apply_at_the_next_look():
    state, replicas = settled(BY_TARGET, 300)
    _, decision = step(replace(BY_TARGET, max_replicas=12), state, sample(replicas, 300), T0 + 601)
    assert decision.replicas in range(12, 16), "as far as one step goes"


# Latency


def _latency(second, replicas, load=60.0, bound_at=4.0):
    """Answers are slow where a pod has more than `bound_at` at once."""
    each = load / replicas
    answered = each / SERVICE
    slow = answered * (0.01 if each <= bound_at else 0.5)
    return Sample(replicas, tuple(Pod(True, Reading(each, answered, answered, slow), 5.0) for _ in range(replicas)))


def test_latency_learns_how_much_a_pod_answers_in_time():
    config = replace(BY_LIMIT, limit=None, metrics=(Metric(Kind.LATENCY, 0.8),), min_replicas=2)
    _, decisions = run(config, range(3600), _latency, replicas=6)
    last = decisions[-1]
    assert 60 / last.replicas <= 4.0
    assert last.replicas <= 40
    assert "what it was seen to answer in 0.8 s" in last.message


def test_latency_that_load_has_nothing_to_do_with_does_not_fill_the_cluster():
    config = replace(BY_LIMIT, metrics=(Metric(Kind.LATENCY, 0.8),), min_replicas=2)
    _, decisions = run(
        config, range(3600), lambda second, replicas: _latency(second, replicas, bound_at=0), replicas=30
    )
    assert decisions[-1].replicas <= 12
    assert "more of them do not help" in decisions[-1].message


# What a pod takes, learned


def test_without_a_limit_it_is_learned():
    """Pods work on 8 at once; more only wait."""
    config = Config(min_replicas=2, max_replicas=60)

    def pods(second, replicas):
        load = 40 + 30 * ((second // 300) % 2)
        each = load / replicas
        answered = min(each, 8.0) / SERVICE
        return Sample(replicas, tuple(Pod(True, Reading(each, answered, answered), 5.0) for _ in range(replicas)))

    state, decisions = run(config, range(7200), pods, replicas=4)
    assert state.learned.knee == pytest.approx(8, rel=0.3)
    assert 70 / 8 <= max(decision.replicas for decision in decisions[-600:]) <= 16
    assert "what pods were seen to take" in decisions[-1].message
