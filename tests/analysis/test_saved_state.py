"""States that were saved: their size, and those of the first version."""

import json

import numpy as np
import pytest

from ekiben.analysis import Block, Config, Counts, Histogram, State, StateError, initial, step, verdict

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
        {"version": 3},
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
