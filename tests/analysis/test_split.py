"""Requests that are not split as the weights say."""

import numpy as np
import pytest

from ekiben.analysis import Block, Config, Counts, initial, step
from ekiben.analysis.split import Split, observe


def block(name: object, canary: int, stable: int, weight: float | None = 0.1, pending: int = 0) -> Block:
    return Block(str(name), 0.0, {"c": Counts(canary, pending=pending)}, {"b": Counts(stable)}, weight=weight)


def after(blocks, split=None):
    split = split or Split()
    for each in blocks:
        split = observe(split, each)
    return split


@pytest.mark.parametrize("weight", [0.01, 0.05, 0.5, 0.9])
def test_a_split_by_chance_is_hardly_ever_doubted(weight):
    rng = np.random.default_rng(7)
    broken = 0
    for _ in range(60):
        split = Split()
        for n in range(200):
            canary = int(rng.binomial(50, weight))
            split = observe(split, block(n, canary, 50 - canary, weight))
            broken += bool(split.broken)
    assert broken == 0


@pytest.mark.parametrize(("canary", "stable", "which"), [(20, 90, "more"), (1, 99, "less"), (0, 100, "less")])
def test_one_that_is_not_is_found_and_forgiven(canary, stable, which):
    split = after(block(n, canary, stable) for n in range(30))
    assert split.broken == which
    mended = after((block(n, 10, 90) for n in range(40)), split)
    assert mended.broken == ""


def test_a_late_proxy_is_no_matter():
    # Three blocks at the former weight of 1 %, after the new one was acknowledged.
    split = after([block(n, 1, 99, 0.5) for n in range(3)])
    assert split.broken == ""
    assert after([block(n, 50, 50, 0.5) for n in range(5)], split).broken == ""


def test_another_weight_begins_anew_and_none_says_nothing():
    split = after(block(n, 1, 99) for n in range(30))
    assert after([block("x", 50, 50, None)], split) == split
    assert after([block("x", 50, 50, 0.5)], split).broken == ""


def test_a_slow_canary_is_not_taken_for_a_wrong_split():
    # It answers nothing for a while, but its requests are on their way.
    assert after(block(n, 0, 90, pending=10) for n in range(30)).broken == ""


def test_nothing_is_decided_while_it_is_broken():
    state = initial(Config(), None)
    for n in range(30):
        state, said = step(state, block(n, 60, 90))
    assert (said.kind, said.problem) == ("Unknown", "NotRandomised")
    assert "many more requests than the 10 %" in said.problem_message
    counted = state.errors.totals
    bad = Block("bad", 0.0, {"c": Counts(600, 500)}, {"b": Counts(900)}, weight=0.1)
    state, said = step(state, bad)
    assert state.errors.totals == counted
    assert said.kind == "Unknown"


def test_without_a_weight_there_is_no_test():
    state = initial(Config(), None)
    for n in range(30):
        state, said = step(state, block(n, 60, 90, None))
        assert said.problem == ""


def test_quiet_traffic_split_by_chance_is_not_doubted_for_its_blocks_of_one_arm():
    """Most blocks are the stable's alone: those in which the canary has something give it far too large a share."""
    rng = np.random.default_rng(0)
    state = initial(Config(), None)
    for n in range(1500):
        canary = int(rng.poisson(0.3))
        state, said = step(state, block(n, canary, int(rng.poisson(2.7))))
        assert said.problem == ""
