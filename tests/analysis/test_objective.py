"""Objectives: the bounds are exact, the state survives, and what is missed is told with its numbers."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from ekiben.analysis import objective
from ekiben.analysis.block import Counts
from ekiben.analysis.objective import State, goals, judge, start
from ekiben.analysis.one_sample import FEWER, MORE, Wealth, advance, even, log_factor
from ekiben.analysis.state import StateError
from ekiben.api.rollout import Analysis, Objectives

BOUNDS = (0.1, 0.25, 0.5, 1.0)
BOTH = Objectives.model_validate({"errorRate": 0.01, "latency": {"quantile": 0.99, "below": "250ms"}})
RATES = st.floats(0.0005, 0.5)
HISTORIES = st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1)), max_size=6)


def _after(odds: tuple[float, ...], rate: float, history: list[tuple[int, float]]) -> Wealth:
    wealth = even(odds)
    for trials, part in history:
        wealth = advance(wealth, odds, rate, round(part * trials), trials)
    return wealth


def _expected(wealth: Wealth, odds: tuple[float, ...], rate: float, true: float, trials: int) -> float:
    """Return the expected factor of the next block."""
    after = [advance(wealth, odds, rate, x, trials).log_wealth for x in range(trials + 1)]
    pmf = binom.pmf(np.arange(trials + 1), trials, true)
    return float(sum(p * exp(one - wealth.log_wealth) for p, one in zip(pmf, after, strict=True)))


@given(RATES, HISTORIES, st.integers(1, 60), st.sampled_from([MORE, FEWER]))
def test_at_the_objective_the_factor_is_expected_to_be_1(rate, history, trials, odds):
    assert _expected(_after(odds, rate, history), odds, rate, rate, trials) == pytest.approx(1, abs=1e-10)


@given(RATES, HISTORIES, st.integers(1, 60), st.floats(1e-9, 1))
def test_on_the_right_side_of_it_at_most_1(rate, history, trials, part):
    below, above = part * rate, rate + part * (1 - rate)
    assert _expected(_after(MORE, rate, history), MORE, rate, below, trials) <= 1 + 1e-10
    assert _expected(_after(FEWER, rate, history), FEWER, rate, above, trials) <= 1 + 1e-10


@pytest.mark.parametrize("odds", [*MORE, *FEWER])
def test_the_factor_is_the_ratio_of_two_binomial_likelihoods(odds):
    rate = 0.02
    p = odds * rate / (1 - rate + odds * rate)
    for x, n in ((0, 5), (3, 40), (40, 40)):
        assert log_factor(odds, rate, x, n) == pytest.approx(binom.logpmf(x, n, p) - binom.logpmf(x, n, rate))


@given(RATES, HISTORIES)
def test_shares_sum_to_1_and_no_trials_change_nothing(rate, history):
    wealth = _after(MORE, rate, history)
    assert sum(wealth.shares) + wealth.reserve == pytest.approx(1)
    assert advance(wealth, MORE, rate, 0, 0) == wealth


@given(RATES, HISTORIES, st.integers(1, 40), st.integers(0, 39))
def test_one_more_error_never_speaks_for_the_revision(rate, history, trials, events):
    events = min(events, trials - 1)
    for odds, sign in ((MORE, 1), (FEWER, -1)):
        wealth = _after(odds, rate, history)
        fewer, more = (advance(wealth, odds, rate, events + d, trials).log_wealth for d in (0, 1))
        assert sign * (more - fewer) >= -1e-9


def _count(state: State, pods: list[Counts]) -> State:
    return objective.count(state, pods, BOUNDS)


def _served(rng: np.random.Generator, state: State, rate: float, blocks: int, n: int = 50) -> tuple[State, int]:
    for block in range(1, blocks + 1):
        errors = int(rng.binomial(n, rate))
        state = _count(state, [Counts(n, errors, (n - errors, 0, 0, 0, 0))])
        if state.missed:
            return state, block
    return state, 0


def test_alpha_holds_for_a_revision_that_just_meets_its_objectives():
    rng = np.random.default_rng(7)
    asked = goals(Objectives(error_rate=0.02))
    begun = start(asked, Analysis(false_rollback=0.1), 0.0)
    missed = sum(_served(rng, begun, 0.02, 120)[0].missed for _ in range(300))
    # 300 x 0.1, and three standard errors.
    assert missed <= 30 + 3 * (300 * 0.1 * 0.9) ** 0.5


def test_a_revision_that_misses_is_found_soon_also_after_a_good_hour():
    rng = np.random.default_rng(3)
    begun = start(goals(BOTH), Analysis(), 0.0)
    broken, block = _served(rng, begun, 0.2, 100)
    assert broken.missed
    assert block <= 3
    good, _ = _served(rng, begun, 0.001, 1200)
    assert judge(good)[0] == "NotWorse"
    late, block = _served(rng, good, 0.2, 100)
    assert late.missed
    assert block <= 6


def test_slow_answers_are_those_beyond_the_bound_at_or_above_the_boundary():
    begun = start(goals(BOTH), Analysis(), 0.0)
    state = _count(begun, [Counts(100, 0, (50, 45, 3, 1, 1)), Counts(100, 0, (100, 0, 0, 0, 0))])
    latency = state.watched[1]
    assert (latency.events, latency.trials) == (5, 200)
    between = goals(Objectives.model_validate({"latency": {"below": "300ms"}}))
    state = _count(start(between, Analysis(), 0.0), [Counts(100, 0, (50, 45, 3, 1, 1))])
    assert state.watched[0].events == 2


def test_a_boundary_that_no_bucket_shows_is_said_and_convicts_nobody():
    asked = goals(Objectives.model_validate({"latency": {"below": "5s"}}))
    state = start(asked, Analysis(), 0.0)
    for _ in range(50):
        state = _count(state, [Counts(100, 0, (0, 0, 0, 0, 100))])
    kind, message, _ = judge(state)
    assert kind == "Unknown"
    assert "buckets end below 5 s" in message


def test_the_verdict_has_its_numbers():
    state = start(goals(BOTH), Analysis(), 0.0)
    assert judge(state)[0] == "Unknown"
    state = _count(state, [Counts(412, 37, (375, 0, 0, 0, 0))])
    kind, message, metrics = judge(state)
    assert kind == "Regressed"
    assert "37 of 412 requests failed (8.98 %), the objective is at most 1 %" in message
    assert metrics[0].regressed >= 1
    assert (metrics[0].canary_events, metrics[0].canary_requests) == (37, 412)
    assert _count(state, [Counts(1000, 0)]) == state


@given(st.lists(st.tuples(st.integers(0, 200), st.floats(0, 0.1)), max_size=8))
def test_a_restored_state_goes_on_alike(blocks):
    state = start(goals(BOTH), Analysis(), 12.5)
    for n, part in blocks:
        errors = round(part * n)
        pods = [Counts(n, errors, (n - errors, 0, 0, 0, 0))]
        again = State.from_json(state.to_json())
        assert again == state
        state = _count(state, pods)
        assert _count(again, pods) == state
    assert len(state.to_json()) < 3000


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2}', '{"version": 1}'])
def test_what_is_no_state_is_refused(text):
    with pytest.raises(StateError):
        State.from_json(text)


def test_evidence_is_the_mean_over_the_objectives():
    begun = start(goals(BOTH), Analysis(), 0.0)
    state = _count(begun, [Counts(100, 5, (95, 0, 0, 0, 0))])
    each = [exp(one.missed.log_wealth) for one in state.watched]
    assert objective.log_evidence(state) == pytest.approx(log(sum(each) / 2))
    assert objective.log_evidence(start((), Analysis(), 0.0)) == 0


def test_a_bad_minute_after_a_million_good_requests_is_no_more_than_that():
    state = start(goals(Objectives(error_rate=0.05)), Analysis(false_rollback=1e-9), 0.0)
    for _ in range(300):
        state = _count(state, [Counts(5000, 0)])
    for _ in range(20):
        state = _count(state, [Counts(5000, 2500)])
    assert state.missed
    assert np.isfinite(objective.log_evidence(state))
