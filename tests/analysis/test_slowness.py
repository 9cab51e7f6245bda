"""Slower by the whole histogram: no bet is expected to win against a canary that is not slower."""

from itertools import product
from math import exp, factorial, inf, log, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekiben.analysis.histogram import Histogram, slowed
from ekiben.analysis.slowness import Answers, advance, expectation, log_ratios, tolerated
from ekiben.analysis.wealth import Wealth

BOUNDS = (0.1, 0.2, 0.4)
PAST = Histogram(BOUNDS, (1000, 1000, 1000, 0))
GOAL = log(100)
HISTORY = Answers(Histogram(BOUNDS, (500, 300, 150, 50)), (40, 40, 10, 10))
distributions = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(lambda p: np.array(p) / sum(p))


def histograms(total: int) -> list[tuple[int, ...]]:
    return [one for one in product(range(total + 1), repeat=4) if sum(one) == total]


def likelihood(counts: tuple[int, ...], p: np.ndarray) -> float:
    return factorial(sum(counts)) / prod(map(factorial, counts)) * float(np.prod(p ** np.array(counts)))


def gain(canary: tuple[int, ...], baseline: tuple[int, ...], wealth: Wealth = Wealth(), goal: float = GOAL) -> float:  # noqa: B008
    after = advance(wealth, HISTORY, canary, baseline, slowdown=1.0, goal=goal)
    return exp(after.log_wealth - wealth.log_wealth)


@given(distributions, st.sampled_from([GOAL, inf, 0.3]))
@settings(deadline=None, max_examples=6)
def test_where_both_answer_alike_the_expectation_is_1(p, goal):
    expected = sum(
        likelihood(canary, p) * likelihood(baseline, p) * gain(canary, baseline, goal=goal)
        for canary in histograms(2)
        for baseline in histograms(3)
    )
    assert expected <= 1 + 1e-12
    if goal == inf:
        assert expected == pytest.approx(1, abs=1e-12)


@given(distributions, st.lists(st.floats(0, 1), min_size=3, max_size=3), st.sampled_from([GOAL, inf, 0.3]))
@settings(deadline=None, max_examples=10)
def test_a_faster_canary_is_not_expected_to_look_slower(p, moved, goal):
    # Any share of each bucket's answers goes to the one below: stochastically not slower, whatever the odds within.
    faster = p.copy()
    for index, share in enumerate(moved):
        mass = share * faster[index + 1]
        faster[index] += mass
        faster[index + 1] -= mass
    expected = sum(
        likelihood(canary, faster) * likelihood(baseline, p) * gain(canary, baseline, goal=goal)
        for canary in histograms(2)
        for baseline in histograms(3)
    )
    assert expected <= 1 + 1e-12


@given(st.lists(st.integers(0, 30), min_size=4, max_size=4), st.lists(st.integers(0, 200), min_size=4, max_size=4))
@settings(deadline=None, max_examples=25)
def test_one_slower_answer_of_the_canary_never_lowers_the_evidence(canary, baseline):
    for index in range(3):
        if canary[index]:
            slower = list(canary)
            slower[index] -= 1
            slower[index + 1] += 1
            now, then = (gain(tuple(one), tuple(baseline), goal=inf) for one in (canary, slower))
            assert then >= now * (1 - 1e-9)


@given(st.lists(st.integers(0, 30), min_size=4, max_size=4), st.lists(st.integers(0, 200), min_size=4, max_size=4))
@settings(deadline=None, max_examples=25)
def test_one_slower_answer_of_the_stable_never_raises_it(canary, baseline):
    for index in range(3):
        if baseline[index]:
            slower = list(baseline)
            slower[index] -= 1
            slower[index + 1] += 1
            now, then = (gain(tuple(canary), tuple(one), goal=inf) for one in (baseline, slower))
            assert then <= now * (1 + 1e-9)


@given(distributions, st.lists(st.integers(0, 99), min_size=4, max_size=4))
@settings(deadline=None)
def test_ratios_never_fall(expected, canary):
    baseline = Histogram(BOUNDS, tuple(int(1000 * share) for share in expected))
    ratios = log_ratios(expected, Answers(baseline, tuple(canary)))
    assert (np.diff(ratios, axis=1) >= -1e-12).all()


def test_a_mode_that_answers_faster_does_not_convict():
    # The slowest tenth comes down one bucket: the odds of that bucket rise, which convicted under odds by bucket.
    rng = np.random.default_rng(1)
    answers, wealth = Answers(Histogram(BOUNDS, (500, 300, 100, 100)), (0,) * 4), Wealth()
    for _ in range(300):
        canary = tuple(int(count) for count in rng.multinomial(20, [0.5, 0.3, 0.2, 0.0]))
        baseline = tuple(int(count) for count in rng.multinomial(180, [0.5, 0.3, 0.1, 0.1]))
        wealth = advance(wealth, answers, canary, baseline, slowdown=1.0, goal=GOAL)
        answers = answers.plus(baseline, canary)
        assert wealth.log_wealth < log(20)


@pytest.mark.parametrize(("canary", "baseline"), [((0,) * 4, (9, 1, 0, 0)), ((5, 0, 0, 0), (9, 0, 0, 0))])
def test_what_says_nothing_changes_nothing(canary, baseline):
    assert advance(Wealth(), HISTORY, canary, baseline, slowdown=1.0, goal=GOAL) == Wealth()


def test_the_tolerated_stable_takes_so_many_times_longer():
    # As many in each bucket: the log-uniform guess is the one that tolerates more.
    even = Histogram(BOUNDS, (10**6,) * 4)
    moved = slowed(even, 2.0)
    np.testing.assert_allclose(moved[1], [0, 0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(slowed(even, 1.0), np.eye(4), atol=1e-12)
    assert slowed(even, 1.1)[2][3] == pytest.approx(log(1.1) / log(2), rel=1e-4)
    np.testing.assert_allclose(slowed(Histogram((), (9,)), 1.1), [[1.0]])


@given(st.lists(st.integers(0, 10**6), min_size=4, max_size=4), st.floats(1, 30))
@settings(deadline=None)
def test_slowed_answers_are_shared_out_and_none_gets_quicker(counts, slowdown):
    moved = slowed(Histogram(BOUNDS, tuple(counts)), slowdown)
    np.testing.assert_allclose(moved.sum(axis=1), 1.0)
    assert (moved >= 0).all()
    assert not np.tril(moved, -1).any()


def test_the_same_block_is_moved_alike_and_loses_nothing():
    first = tolerated("17", (50, 40, 30, 20), PAST, 1.3)
    assert first == tolerated("17", (50, 40, 30, 20), PAST, 1.3)
    assert sum(first) == 140
    assert tolerated("17", (50, 40, 30, 20), PAST, 1.0) == (50, 40, 30, 20)
    drawn = np.mean([tolerated(str(n), PAST.counts, PAST, 1.3) for n in range(200)], axis=0)
    np.testing.assert_allclose(drawn / 3000, expectation(PAST, 1.3), atol=0.004)
