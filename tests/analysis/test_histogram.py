"""Boundaries and what a tolerated slowdown does to them."""

from itertools import pairwise
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import lognorm

from ekiben.analysis.histogram import Histogram, boundary_nearest, odds_tolerance, quantile

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def lognormal(median: float, sigma: float = 0.6, total: int = 100_000) -> Histogram:
    upto = [0, *lognorm.cdf(BOUNDS, sigma, scale=median), 1]
    return Histogram(BOUNDS, tuple(round(total * (b - a)) for a, b in pairwise(upto)))


@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.99])
def test_quantiles_are_about_right(fraction):
    found = quantile(lognormal(0.08), fraction)
    # As exact as buckets that double in width can be.
    assert found == pytest.approx(lognorm.ppf(fraction, 0.6, scale=0.08), rel=0.3)


def test_quantiles_at_the_edges():
    assert quantile(Histogram((0.1,), (0, 0)), 0.9) is None
    assert quantile(Histogram((), (5,)), 0.9) is None
    assert quantile(Histogram((0.1, 1.0), (0, 0, 9)), 0.9) == 1.0
    assert quantile(Histogram((0.1, 1.0), (10, 0, 0)), 0.9) == pytest.approx(0.09)
    assert quantile(Histogram((0.1, 1.0), (0, 10, 0)), 0.5) == pytest.approx(10**-0.5)


@pytest.mark.parametrize(
    ("counts", "expected"), [((0, 100, 0, 0), 0.1), ((85, 14, 1, 0), 0.01), ((50, 45, 5, 0), 0.1), ((0, 0, 0, 7), 1.0)]
)
def test_the_boundary_is_nearest_to_p90(counts, expected):
    assert boundary_nearest(Histogram((0.01, 0.1, 1.0), counts), 0.9) == expected


def test_no_answers_no_boundary():
    assert boundary_nearest(Histogram((0.01,), (0, 0)), 0.9) is None


@pytest.mark.parametrize("slowdown", [1.0, 1.1, 1.5])
def test_tolerance_is_about_what_the_true_distribution_gives(slowdown):
    boundary = 0.1
    now, then = (lognorm.sf(boundary, 0.6, scale=0.08 * factor) for factor in (1, slowdown))
    true = (then / (1 - then)) / (now / (1 - now))
    assert odds_tolerance(lognormal(0.08), boundary, slowdown) == pytest.approx(true, rel=0.15)


@given(st.lists(st.integers(0, 1000), min_size=12, max_size=12), st.sampled_from(BOUNDS), st.floats(1, 10))
def test_tolerance_is_at_least_one_and_finite(counts, boundary, slowdown):
    tolerance = odds_tolerance(Histogram(BOUNDS, tuple(counts)), boundary, slowdown)
    assert 1 <= tolerance < np.inf


def test_tolerance_by_hand():
    histogram = Histogram((0.1, 1.0), (900_000, 90_000, 10_000))
    below = 0.9 + 0.09 * log(5) / log(10)
    expected = ((1 - below) / below) / (0.01 / 0.99)
    assert odds_tolerance(histogram, 1.0, 2.0) == pytest.approx(expected, rel=1e-4)


def test_a_histogram_fits_its_bounds():
    with pytest.raises(ValueError, match="2 bounds make 3 buckets, not 2"):
        Histogram((0.1, 1.0), (1, 2))
