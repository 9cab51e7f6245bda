"""Promotion by evidence: the nearest null against a numerical oracle, and E0[e] <= 1 over the whole null."""

from math import exp, isfinite, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, nchypergeom_fisher

from ekiben.analysis.block import Table
from ekiben.analysis.noninferiority import log_increment, log_odds_increment, nearest_null, pooled_rate

MARGINS = st.tuples(st.floats(0.001, 0.3), st.floats(1.01, 10))
TRIALS = st.integers(1, 2000)
RATES = st.floats(1e-5, 0.9)


def divergence(q: float, p: float) -> float:
    return q * log(q / p) + (1 - q) * log((1 - q) / (1 - p))


@pytest.mark.parametrize("delta", [1 - 2**-53, 1 - 2**-52, 1 - 1e-12, 5e-324])
def test_a_margin_next_to_its_end_has_a_factor(delta):
    past = Table(3, 20, 9, 180)
    a, b = nearest_null(pooled_rate(past), 20, 180, delta, 1.5)
    assert 0 < b < a < 1
    for events in (0, 1, 20):
        assert isfinite(log_increment(past, Table(events, 20, 1, 180), delta, 1.5))


@given(RATES, TRIALS, TRIALS, MARGINS)
@settings(deadline=None, max_examples=200)
def test_nearest_null_is_what_a_numerical_search_finds(q, canary, baseline, margins):
    delta, rho = margins

    def objective(b: float) -> float:
        return canary * divergence(q, max(b + delta, rho * b)) + baseline * divergence(q, b)

    top = min(q, 1 - delta, 1 / rho)
    found = minimize_scalar(
        objective, bounds=(top * 1e-9, top * (1 - 1e-9)), method="bounded", options={"xatol": 1e-12}
    )
    a, b = nearest_null(q, canary, baseline, delta, rho)
    assert a == max(b + delta, rho * b)
    assert 0 < b < 1
    assert 0 < a < 1
    assert objective(b) <= found.fun * (1 + 1e-6) + 1e-9


@given(RATES, st.integers(1, 300), st.integers(1, 300), MARGINS, st.floats(1e-6, 0.99), st.floats(0, 1))
@settings(deadline=None, max_examples=300)
def test_evidence_is_not_expected_to_grow_anywhere_in_the_null(q, canary, baseline, margins, b, beyond):
    delta, rho = margins
    least = max(b + delta, rho * b)
    if least >= 1:
        return
    a = least + beyond * (1 - least) * 0.999
    star_a, star_b = nearest_null(q, canary, baseline, delta, rho)
    # The expectation of a product over independent trials.
    per_canary = a * q / star_a + (1 - a) * (1 - q) / (1 - star_a)
    per_baseline = b * q / star_b + (1 - b) * (1 - q) / (1 - star_b)
    assert canary * log(per_canary) + baseline * log(per_baseline) <= 1e-7


def test_the_factor_is_the_likelihood_ratio():
    past, table = Table(1, 50, 9, 450), Table(1, 20, 2, 180)
    q = pooled_rate(past)
    assert q == pytest.approx(10.5 / 530.5)
    a, b = nearest_null(q, 20, 180, 0.01, 1.5)
    expected = binom.logpmf(1, 20, q) + binom.logpmf(2, 180, q) - binom.logpmf(1, 20, a) - binom.logpmf(2, 180, b)
    assert log_increment(past, table, 0.01, 1.5) == pytest.approx(expected, abs=1e-9)


def test_without_trials_in_an_arm_nothing_is_learnt():
    assert log_increment(Table(), Table(0, 0, 3, 100), 0.01, 1.5) == 0
    assert log_increment(Table(), Table(3, 100, 0, 0), 0.01, 1.5) == 0


def reaches(canary_rate: float, baseline_rate: float, seconds: int, seed: int, *, canary=5, baseline=45) -> int | None:
    rng = np.random.default_rng(seed)
    past, log_e = Table(), 0.0
    for second in range(seconds):
        table = Table(
            int(rng.binomial(canary, canary_rate)), canary, int(rng.binomial(baseline, baseline_rate)), baseline
        )
        log_e += log_increment(past, table, 0.01, 1.5)
        past += table
        if log_e >= log(20):
            return second
    return None


def test_a_canary_beyond_the_margin_seldom_passes():
    passed = sum(reaches(0.02, 0.01, 300, seed) is not None for seed in range(200))
    # 5 % is the bound; 19 of 200 would come up by chance once in 500 times at the bound itself.
    assert passed < 19


def test_a_healthy_canary_passes_about_when_expected():
    times = sorted(reaches(0.01, 0.01, 3000, seed) or 3000 for seed in range(40))
    assert 60 < times[20] < 600


def test_with_no_errors_the_time_is_known():
    # 50 requests/s, weight 5 %: blocks of 2 s; the specification expects 128 s for delta = .005.
    past, log_e, seconds = Table(), 0.0, 0
    while log_e < log(20):
        table = Table(0, 5, 0, 95)
        log_e += log_increment(past, table, 0.005, 1.5)
        past += table
        seconds += 2
    assert 100 < seconds < 260
    assert exp(log_e) >= 20


@given(st.integers(1, 60), st.integers(1, 60), st.data(), st.floats(1.01, 5), st.floats(1, 20))
@settings(deadline=None, max_examples=100)
def test_by_odds_the_expectation_is_1_at_the_margin_and_at_most_1_beyond(canary, baseline, data, odds, beyond):
    events = data.draw(st.integers(0, canary + baseline))
    possible = np.arange(max(0, events - baseline), min(canary, events) + 1)
    tables = [Table(int(x), canary, events - int(x), baseline) for x in possible]
    factors = np.exp([log_odds_increment(table, odds) for table in tables])
    for truth in (odds, odds * beyond):
        null = nchypergeom_fisher.pmf(possible, canary + baseline, events, canary, truth)
        assert null @ factors <= 1 + 1e-9
        assert truth > odds or null @ factors == pytest.approx(1, abs=1e-9)


def test_by_odds_many_trials_cost_no_more():
    found = log_odds_increment(Table(20_000, 2_000_000, 20_000, 2_000_000), 1.15)
    # A normal approximation: as many events in each arm, where 40,000 at odds 1.15 would be 21,393 and 18,607.
    assert found == pytest.approx(1393**2 / (2 * 40_000 / 4), rel=0.05)
