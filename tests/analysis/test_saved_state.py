"""States that were saved: their size, and those of the first version."""

import json

import numpy as np
import pytest

from ekiben.analysis import Block, Config, Counts, Histogram, State, StateError, initial, step, verdict
from ekiben.analysis.coarse import coarser

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 180.0)
FIRST = {
    "version": 1,
    "config": {
        "alpha": 0.01,
        "beta": 0.05,
        "error_tolerance": 1.15,
        "latency_tolerance": 1.1,
        "delta": 0.01,
        "rho": 1.5,
    },
    "errors": {
        "share": 0.5,
        "log_w0": 0.13976194237515868,
        "wealth": {"log_wealth": 1.5, "t": 12, "reserve": 0.1, "shares": [0.1] * 9},
        "log_not_worse": 0.4,
        "totals": {"canary_events": 4, "canary_trials": 200, "baseline_events": 9, "baseline_trials": 1800},
    },
    "latency": {
        "share": 0.5,
        "log_w0": 0.2,
        "wealth": {"log_wealth": 0.7, "t": 12, "reserve": 0.1, "shares": [0.1] * 9},
        "log_not_worse": 0.3,
        "totals": {"canary_events": 21, "canary_trials": 196, "baseline_events": 180, "baseline_trials": 1791},
    },
    "mode": "fixed",
    "boundary": 0.25,
    "gathered": None,
    "regressed": False,
    "ids": ["1", "2"],
}


def arm(rng, pods, median):
    made = {}
    for pod in range(pods):
        took = np.exp(rng.normal(np.log(median), 0.6, 30))
        hist = np.histogram(took, [0, *BOUNDS, np.inf])[0]
        made[f"{median}-{pod}-0123456789abcdef"] = Counts(40, 5, tuple(int(one) for one in hist), 5)
    return made


def test_a_state_of_many_pods_fits_into_8_kilobytes():
    rng = np.random.default_rng(1)
    state = initial(Config(), Histogram(BOUNDS, (10**9,) * 16))
    for n in range(40):
        block = Block(f"{1_800_000_000 + n:.6f}", n, arm(rng, 60, 0.0801), arm(rng, 140, 0.08), BOUNDS, 0.3)
        state, _ = step(state, block)
    assert len(state.to_json()) <= 8192


def test_a_state_of_the_second_version_goes_on_with_what_it_knew_of_pods():
    rng = np.random.default_rng(2)
    state = initial(Config(), Histogram(BOUNDS, (100,) * 16))
    for n in range(5):
        state, _ = step(state, Block(str(n), n, arm(rng, 2, 0.08), arm(rng, 6, 0.08), BOUNDS, 0.25))
    data = json.loads(state.to_json())
    data["version"] = 2
    data["pods"][2] = [row[1:] for row in data["pods"][2]]
    read = State.from_json(json.dumps(data))
    assert [row[1:] for row in read.pods.drawn] == [row[1:] for row in state.pods.drawn]
    assert all(row[0] == 0 for row in read.pods.drawn)
    step(read, Block("9", 9, arm(rng, 2, 0.08), arm(rng, 6, 0.08), BOUNDS, 0.25))


@pytest.mark.parametrize("each", [1_000, 10**11])
def test_a_state_fits_however_many_bounds_pods_and_requests_there_are(each):
    rng = np.random.default_rng(3)
    bounds = tuple(float(one) for one in np.cumsum(rng.uniform(0.001, 0.2, 64)))

    def many(name: str, pods: int) -> dict[str, Counts]:
        share = each // 66
        hist = tuple(int(one) for one in rng.integers(share // 2, share, 65))
        return {f"{name}{pod}": Counts(each, each // 100, hist, each // 100) for pod in range(pods)}

    state = initial(Config(), Histogram(bounds, (10**12 + 1,) * 65))
    for n in range(30):
        arms = many("c", 60), many("b", 140)
        state, _ = step(state, Block(f"{1_800_000_000 + n:.6f}", n, *arms, bounds, 1 / 3))
        assert len(state.to_json()) <= 8192
        assert State.from_json(state.to_json()) == state
    assert len(state.answers.baseline.bounds) == 32
    assert state.boundary in state.answers.baseline.bounds
    assert sum(state.answers.baseline.counts) > 65 * 10**12


def test_the_bounds_that_stay_part_the_answers():
    bounds = tuple(0.01 * n for n in range(1, 65))
    histogram = Histogram(bounds, tuple(1000 if 20 <= n < 40 else 1 for n in range(65)))
    made = coarser(histogram, 32, {bounds[0]})
    assert made.total == histogram.total
    assert len(made.bounds) == 32
    assert {bounds[0], *bounds[20:39]} <= set(made.bounds)
    assert histogram.on(made.bounds) == made
    assert coarser(histogram, 64, ()) == histogram


def test_a_state_without_recent_blocks_of_pods_goes_on():
    rng = np.random.default_rng(1)
    state, _ = step(initial(Config(), None), Block("1", 1, arm(rng, 2, 0.1), arm(rng, 3, 0.1), BOUNDS))
    data = json.loads(state.to_json())
    assert data["pods"].pop() == [3]
    assert State.from_json(json.dumps(data)).pods.baseline_pods == 3


def test_a_state_of_the_first_version_goes_on():
    state = State.from_json(json.dumps(FIRST))
    assert state.errors.wealth.log_wealth == 1.5
    assert (state.latency.wealth.log_wealth, state.rejected) == (0.7, None)
    assert verdict(state).kind == "Unknown"
    rng = np.random.default_rng(2)
    for n in range(40):
        state, said = step(state, Block(f"new {n}", n, arm(rng, 2, 0.3), arm(rng, 3, 0.08), BOUNDS, 0.4))
        assert State.from_json(state.to_json()) == state
    assert said.kind == "Regressed"
    assert step(State.from_json(json.dumps(FIRST)), Block("2", 0, {}, {}))[0] == State.from_json(json.dumps(FIRST))


def test_a_first_version_whose_latency_waits_or_is_left_out_goes_on():
    for mode, gathered in (("pending", {"bounds": [0.1], "counts": [3, 1]}), ("absent", None)):
        text = json.dumps({**FIRST, "latency": None, "boundary": None, "mode": mode, "gathered": gathered})
        state = State.from_json(text)
        assert (state.latency, state.answers) == (None, None)
        assert State.from_json(state.to_json()) == state


@pytest.mark.parametrize(
    "broken",
    [
        {"version": 99},
        {"errors": {}},
        {"ids": None},
        {"mode": "?"},
        {"config": {"alpha": 2}},
        {"version": 2, "pods": [1, 2]},
        {"version": 2, "split": [1]},
        {"version": 2, "answers": [[[], []], []]},
    ],
)
def test_a_damaged_one_is_refused_with_a_reason(broken):
    with pytest.raises(StateError, match="state"):
        State.from_json(json.dumps({**FIRST, **broken}))
