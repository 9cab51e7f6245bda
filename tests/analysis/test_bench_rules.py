"""The rules that the bench compares with: each against a hand count or another implementation."""

import numpy as np
import pytest
from bench.analysis import latencies, oracle, rivals, told
from bench.analysis.families import FAMILIES, MINUTE, Streams, draw, worse
from bench.analysis.guard import broken, interval, sees
from bench.analysis.rivals import NEVER
from scipy.stats import mannwhitneyu


def _streams(errors_each_minute: list[int], n: int = 100) -> Streams:
    """Return one stream whose canary has so many errors among n requests in each minute."""
    looks = MINUTE * len(errors_each_minute)
    counts = np.zeros((1, looks, 8), np.int64)
    failed = np.zeros_like(counts)
    counts[0, ::MINUTE, 0], failed[0, ::MINUTE, 0] = n, errors_each_minute
    counts[0, ::MINUTE, 5] = 900
    some = np.ones(looks, bool)
    nothing = np.zeros((1, 24, 6), np.int64)
    return Streams(counts, failed, np.zeros((1, looks)), np.full(looks, 0.1), some, some, (nothing, nothing))


@pytest.mark.parametrize(
    ("errors", "argo", "flagger"),
    [
        ([5, 5, 5, 5, 5, 5], NEVER, 5),
        ([6, 0, 6, 0, 6, 6, 6], 6, 7),
        ([1] * 20, NEVER, NEVER),
        ([2, 2, 2, 2, 1, 2], NEVER, 6),
    ],
)
def test_argo_takes_the_fourth_failure_below_95_and_flagger_the_fifth_below_99(errors, argo, flagger):
    streams = _streams(errors)
    assert rivals.argo(streams)[0] == argo * MINUTE
    assert rivals.flagger(streams)[0] == flagger * MINUTE


def test_a_minute_without_requests_counts_for_nobody():
    assert rivals.flagger(_streams([0] * 10, n=0))[0] == NEVER


@pytest.mark.parametrize("seed", range(20))
def test_kayentas_interval_at_no_shift_is_the_rank_test(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0.6, 1, 30), rng.normal(0, 1, 30)
    # A quarter of the estimate moved away first: what is left is the one-sided test of 1 %.
    shift = 0.25 * abs(float(np.median(x[:, None] - y[None, :])))
    p = mannwhitneyu(x - shift, y, alternative="greater", method="asymptotic").pvalue
    assert rivals._high(x, y) == (p < 0.01 and x.mean() >= y.mean())


def test_kayenta_passes_what_is_the_same():
    same = np.full(30, 0.02)
    assert not rivals._high(same, same)
    assert not rivals._high(np.zeros(10), np.zeros(10))


def test_the_quantile_is_linear_inside_a_bucket():
    hist = np.zeros((1, 16), np.int64)
    hist[0, 6], hist[0, 7] = 98, 2
    assert rivals._quantile(hist, 0.99)[0] == pytest.approx(0.75)
    assert np.isnan(rivals._quantile(np.zeros((1, 16), np.int64), 0.99)[0])


@pytest.mark.parametrize(("n_c", "n_b", "m", "cap"), [(20, 180, 9, 3.0), (50, 50, 7, 40.0), (3, 300, 5, 1.5)])
def test_the_oracles_boosted_factor_is_expected_to_be_1(n_c, n_b, m, cap):
    null, e = oracle._one_alternative(np.array([n_c]), np.array([n_b]), np.array([m]), 5.0)
    assert (null * e).sum() == pytest.approx(1)
    factor = oracle._boost(null, e, np.array([cap]))[0]
    assert (null * np.minimum(factor * e, cap)).sum() == pytest.approx(1)
    assert factor >= 1


def test_an_oracle_that_knows_the_rates_finds_what_there_is_and_little_else():
    bad = draw(FAMILIES[0], 0.01, 5.0, 50, 40, 240)
    good = draw(FAMILIES[0], 0.01, 1.0, 50, 200, 240)
    assert np.isfinite(oracle.two_rates(bad, 5.0, 0.01)).all()
    assert np.isfinite(oracle.two_rates(good, 5.0, 0.01)).mean() <= 0.03


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_has_the_rates_that_it_claims(family):
    streams = draw(family, 0.02, 3.0, 200, 6, 240)
    canary, stable = streams.n[:, :, :2], streams.n[:, :, 2:]
    assert (streams.errors <= streams.n).all()
    shares = canary.sum((0, 2)) / np.maximum(streams.n.sum((0, 2)), 1)
    if not (family.gaps or family.slow):
        assert np.abs(shares - streams.weights).max() < 0.12
    late = streams.late & streams.settled
    expected = streams.rates.mean(0)[late].mean()
    seen = streams.errors[:, late, 2:].sum() / stable[:, late].sum()
    assert seen == pytest.approx(expected, rel=0.35)
    seen = streams.errors[:, late, :2].sum() / canary[:, late].sum()
    assert seen == pytest.approx(np.asarray(worse(streams.rates, 3.0)).mean(0)[late].mean(), rel=0.5)


def test_the_guard_allows_chance_and_no_more():
    from bench.analysis.compare import Case

    case = Case(FAMILIES[0], 0.01, 1.0, 100, 120)
    fine, bad = np.full(100, np.inf), np.full(100, np.inf)
    fine[:2], bad[:12] = 5.0, 5.0
    assert broken([(case, {"ekiben": fine})]) == []
    assert len(broken([(case, {"ekiben": bad})])) == 2
    # 100 streams of a family, and the same together: each is one test of two.
    assert "more than 6 of a family's 100" in sees([(case, {"ekiben": fine})])


def test_intervals_hold_what_may_be_true():
    assert interval(0, 20) == pytest.approx((0, 0.1684), abs=1e-4)
    assert interval(3, 30) == pytest.approx((0.0211, 0.2653), abs=1e-4)
    assert interval(5, 5)[1] == 1


def test_slow_successes_settle_as_long_as_the_operator_waits():
    settled = draw(FAMILIES[7], 0.02, 1.0, 50, 1, 60).settled
    assert FAMILIES[7].slow
    # Twice the 99th percentile, which lies under 30 s, and at most the request timeout.
    assert (~settled).sum() * 5 == 60


def test_ratios_have_an_error_and_say_what_was_not_found():
    from bench.analysis.goals import Cell, _errors, _estimate

    from ekiben.analysis import Config

    streams, best = _errors(Cell(0.05, 10.0, 0.5, 6))
    found = _estimate(streams, best, Config(error_tolerance=1.0, latency_tolerance=1.0))
    assert best.shape == (6,)
    assert found.found == 1
    assert 1 < found.ratio < 3
    assert 0 < found.error < 1
    assert _estimate(streams, best, Config(alpha=1e-300)).found == 0


def test_what_is_slower_at_every_latency_needs_no_more_requests_for_being_ordered():
    shift, modes = latencies.SLOWER[0], latencies.SLOWER[-1]
    assert latencies.ordered_bound(shift, 0.1, 0.01) == pytest.approx(latencies.bound(shift, 0.1, 0.01))
    # Its slow mode leaves a bucket behind, where it is quicker than the stable: that must not convict.
    assert latencies.ordered_bound(modes, 0.1, 0.01) > 1.4 * latencies.bound(modes, 0.1, 0.01)


def test_a_test_of_latencies_that_is_told_finds_what_there_is_and_little_else():
    slow, alike = latencies.SLOWER[2], latencies.EQUAL[0]
    assert np.isfinite(told.ordered(latencies.draw(slow, 50, 30, 60), slow, 0.1, 0.01)).all()
    assert np.isfinite(told.ordered(latencies.draw(alike, 10, 200, 60), slow, 0.1, 0.01)).mean() <= 0.03
