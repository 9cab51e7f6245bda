"""The e-process against exact oracles."""

from math import exp, inf, isfinite, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom, nchypergeom_fisher

from ekiben.analysis.block import Table
from ekiben.analysis.hypergeometric import log_pmf, support
from ekiben.analysis.regression import Wealth, advance, bet, boost, informative

GOAL = log(100)


@st.composite
def tables(draw: st.DrawFn, most: int = 300) -> Table:
    canary, baseline = draw(st.integers(1, most)), draw(st.integers(1, most))
    return Table(draw(st.integers(0, canary)), canary, draw(st.integers(0, baseline)), baseline)


def after(*blocks: Table, w0: float = 1.15, goal: float = GOAL) -> Wealth:
    wealth = Wealth()
    for table in blocks:
        wealth = advance(wealth, table, log_w0=log(w0), log_goal=goal)
    return wealth


@pytest.mark.parametrize("odds", [1.0, 1.15, 4.0])
@pytest.mark.parametrize(("canary", "baseline", "events"), [(5, 45, 3), (20, 180, 190), (500, 300, 650), (3, 4000, 40)])
def test_null_distribution_is_fishers_noncentral_hypergeometric(canary, baseline, events, odds):
    low, high = support(canary, baseline, events)
    expected = nchypergeom_fisher(canary + baseline, canary, events, odds).logpmf(np.arange(low, high + 1))
    ours = log_pmf(canary, baseline, events, log(odds))
    # Only where the oracle itself has digits left.
    np.testing.assert_allclose(ours[expected > -600], expected[expected > -600], rtol=1e-8, atol=1e-8)


@given(tables(), tables(), st.floats(1, 50))
@settings(deadline=None)
def test_wealth_is_not_expected_to_grow_while_the_null_is_true(first, table, w0):
    wealth = after(first, w0=w0)
    if not informative(table) or wealth.log_wealth >= GOAL:
        return
    stake = bet(wealth, table, log(w0))
    assert stake.mixed.sum() == pytest.approx(1, abs=1e-12)
    cap = exp(GOAL - wealth.log_wealth)
    factor = boost(stake.null, stake.mixed, cap)
    boosted = np.minimum(factor * stake.mixed, cap * stake.null).sum()
    assert factor >= 1
    assert boosted <= 1 + 1e-12


@given(tables(60))
@settings(deadline=None)
def test_boosting_wastes_nothing(table):
    if not informative(table):
        return
    stake = bet(Wealth(), table, log(1.15))
    factor = boost(stake.null, stake.mixed, 100)
    assert np.minimum(factor * stake.mixed, 100 * stake.null).sum() == pytest.approx(1, abs=1e-12)


@given(tables(60), st.floats(1, 20))
@settings(deadline=None)
def test_what_advance_does_is_what_the_bet_says(table, w0):
    if not informative(table):
        return
    stake = bet(Wealth(), table, log(w0))
    factor = boost(stake.null, stake.mixed, 100)
    e = np.minimum(factor * stake.mixed / stake.null, 100)[table.canary_events - stake.low]
    assert after(table, w0=w0).log_wealth == pytest.approx(log(e), abs=1e-9)


@given(tables())
def test_an_uninformative_block_changes_nothing(table):
    wealth = after(Table(5, 20, 5, 180))
    empty = Table(0, table.canary_trials, 0, table.baseline_trials)
    full = Table(table.canary_trials, table.canary_trials, table.baseline_trials, table.baseline_trials)
    for block in (Table(), empty, full, Table(0, 0, 3, 9), Table(3, 9, 0, 0)):
        assert advance(wealth, block, log_w0=0.1, log_goal=GOAL) == wealth


@given(st.lists(tables(80), min_size=1, max_size=6))
@settings(deadline=None)
def test_shares_and_reserve_stay_a_whole(blocks):
    wealth = after(*blocks)
    assert wealth.reserve > 0
    if wealth.shares:
        assert wealth.reserve + sum(wealth.shares) == pytest.approx(1, abs=1e-9)
        assert min(wealth.shares) > 0
    assert wealth.log_wealth <= GOAL + 1e-12


@given(tables(80))
@settings(deadline=None)
def test_an_error_moved_from_the_baseline_to_the_canary_never_lowers_the_evidence(table):
    if table.baseline_events == 0 or table.canary_events == table.canary_trials:
        return
    worse = Table(table.canary_events + 1, table.canary_trials, table.baseline_events - 1, table.baseline_trials)
    assert after(worse).log_wealth >= after(table).log_wealth - 1e-12


@given(tables(80))
@settings(deadline=None)
def test_one_more_error_of_the_canary_never_lowers_the_evidence_before_boosting(table):
    if not informative(table) or table.canary_events == table.canary_trials:
        return
    worse = Table(table.canary_events + 1, table.canary_trials, table.baseline_events, table.baseline_trials)
    if not informative(worse):
        return
    now = bet(Wealth(), table, log(1.15)).log_e(table.canary_events)[0]
    assert bet(Wealth(), worse, log(1.15)).log_e(worse.canary_events)[0] >= now - 1e-12


def test_a_long_stream_stays_a_martingale():
    rng = np.random.default_rng(3)
    wealth = Wealth()
    for number in range(150):
        canary, baseline = int(rng.poisson(100)), int(rng.poisson(900))
        table = Table(int(rng.binomial(canary, 0.012)), canary, int(rng.binomial(baseline, 0.01)), baseline)
        events = table.canary_events + table.baseline_events
        if number % 10 == 0:
            expected = 0.0
            for x in range(min(events, canary) + 1):
                other = advance(wealth, Table(x, canary, events - x, baseline), log_w0=0.0, log_goal=GOAL)
                likely = hypergeom.pmf(x, canary + baseline, events, canary)
                expected += likely * exp(other.log_wealth - wealth.log_wealth)
            assert expected == pytest.approx(1, abs=1e-12)
        wealth = advance(wealth, table, log_w0=0.0, log_goal=GOAL)


@pytest.mark.parametrize("w0", [1.0, 1.15, 4.0])
@pytest.mark.parametrize("table", [Table(40, 400, 300, 3600), Table(4, 30, 900, 1000), Table(0, 10, 1, 4000)])
def test_what_is_not_listed_comes_to_the_same(table, w0, monkeypatch):
    listed = bet(Wealth(), table, log(w0)).log_e(table.canary_events)
    monkeypatch.setattr("ekiben.analysis.regression._LONGEST", 0)
    found = bet(Wealth(), table, log(w0))
    assert not found.null.size
    assert found.log_e(table.canary_events)[0] == pytest.approx(listed[0], abs=1e-9)
    np.testing.assert_allclose(found.log_e(table.canary_events)[1], listed[1], atol=1e-9)


def test_a_block_of_a_million_requests_is_no_special_case():
    wealth = after(Table(60_000, 100_000, 400_000, 900_000))
    assert wealth.log_wealth >= GOAL
    assert after(Table(44_000, 100_000, 400_000, 900_000)).log_wealth < 0


def test_a_goal_out_of_reach_overflows_nothing():
    assert 0 < after(Table(9, 10, 1, 90), goal=log(1e308)).log_wealth < 100
    assert after(Table(9_000, 10_000, 10, 90_000), goal=800).log_wealth == pytest.approx(800)


def test_an_extreme_block_overflows_nothing():
    wealth = after(Table(9_000, 10_000, 10, 90_000))
    assert wealth.log_wealth == pytest.approx(GOAL)
    healthy = after(Table(100, 10_000, 80_000, 90_000))
    assert -5 < healthy.log_wealth < 0


def test_a_sure_conviction_lands_on_the_goal_exactly():
    assert after(*[Table(10, 20, 0, 180)] * 5).log_wealth == pytest.approx(GOAL, abs=1e-12)


def test_a_wealth_without_a_goal_may_grow_beyond_what_a_number_holds():
    wealth = Wealth()
    for _ in range(400):
        wealth = advance(wealth, Table(40, 100, 9, 900), log_w0=0.0, log_goal=inf)
    assert wealth.log_wealth > 800
    again = advance(wealth, Table(1, 100, 9, 900), log_w0=0.0, log_goal=inf)
    assert isfinite(again.log_wealth)
