"""Which answers are the canary's: against every choice, one by one."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_hypergeom

from ekiben.analysis.exchange import log_mean, outcomes
from ekiben.analysis.hypergeometric import log_pmf

RATIOS = np.log(np.array([[0.5, 1.0, 1.5, 4.0], [1.0, 1.0, 1.0, 30.0], [0.001, 0.9, 1.1, 1.2]]))


@given(st.lists(st.integers(0, 4), min_size=4, max_size=4), st.data())
@settings(deadline=None, max_examples=60)
def test_the_mean_is_that_over_every_choice(counts, data):
    total = sum(counts)
    if total < 2:
        return
    chosen = data.draw(st.integers(1, total - 1))
    answers = np.repeat(np.arange(4), counts)
    every = [np.exp(RATIOS[:, answers[list(choice)]].sum(axis=1)) for choice in combinations(range(total), chosen)]
    np.testing.assert_allclose(np.exp(log_mean(np.array(counts, float), chosen, RATIOS)), np.mean(every, 0), rtol=1e-12)


@pytest.mark.parametrize(("counts", "chosen"), [((300, 90), 40), ((39_000, 1000), 4000), ((10, 3990), 2000)])
def test_with_two_buckets_it_is_fishers_norm(counts, chosen):
    odds = 5.0
    mean = log_mean(np.array(counts, float), chosen, np.log(np.array([[1.0, odds]])))
    null = log_pmf(chosen, sum(counts) - chosen, counts[1], 0.0)
    low = max(0, counts[1] - (sum(counts) - chosen))
    expected = np.logaddexp.reduce(null + np.arange(low, low + null.size) * np.log(odds))
    assert mean[0] == pytest.approx(expected, rel=1e-10)


def test_equal_ratios_leave_nothing():
    counts = np.array([5000.0, 700.0, 0.0, 3.0])
    np.testing.assert_allclose(log_mean(counts, 600, np.full((2, 4), 3.0)), 600 * 3.0, rtol=1e-12)


def test_the_effort_does_not_grow_with_the_traffic():
    few = log_mean(np.array([900.0, 100.0]), 100, np.log(np.array([[1.0, 2.0]])))
    many = log_mean(np.array([9e6, 1e6]), 1_000_000, np.log(np.array([[1.0, 2.0]])))
    assert many[0] == pytest.approx(10_000 * few[0], rel=0.01)


def test_outcomes_are_those_of_the_multivariate_hypergeometric():
    counts, chosen = (3, 0, 5, 1), 3
    found = outcomes(counts, chosen, 400)
    assert found is not None
    histograms, probabilities = found
    assert (histograms.sum(axis=1) == chosen).all()
    assert probabilities.sum() == pytest.approx(1, abs=1e-12)
    expected = multivariate_hypergeom.pmf(histograms.astype(int), [3, 0, 5, 1], chosen)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-12)
    assert np.exp(log_mean(np.array(counts, float), chosen, RATIOS)) == pytest.approx(
        np.exp(histograms @ RATIOS.T).T @ probabilities
    )


def test_too_many_outcomes_are_not_listed():
    assert comb(8 + 10 - 1, 10) > 400
    assert outcomes((9,) * 8, 10, 400) is None
