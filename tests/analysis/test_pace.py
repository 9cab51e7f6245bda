"""How long it still takes."""

import numpy as np
import pytest

from ekiben.analysis import Block, Config, Counts, initial, step
from ekiben.analysis.block import Table
from ekiben.analysis.pace import Pace, seconds_left


def test_the_pace_is_the_present_one():
    pace = Pace()
    for n in range(200):
        rate = 10 if n < 100 else 40
        pace = pace.after(Block(str(n), 1000.0 + n, {"c": Counts(rate)}, {"b": Counts(9 * rate)}))
    assert (pace.canary, pace.baseline) == (pytest.approx(40, rel=0.02), pytest.approx(360, rel=0.02))


def test_one_block_has_no_pace_and_an_interruption_none_either():
    first = Pace().after(Block("1", 1000.0, {"c": Counts(10)}, {"b": Counts(90)}))
    assert (first.canary, first.baseline) == (0, 0)
    assert first.after(Block("2", 9000.0, {"c": Counts(10)}, {"b": Counts(90)})).canary == 0


def test_without_traffic_or_hope_nothing_can_be_said():
    fine = Table(0, 100, 0, 900)
    assert seconds_left(Pace(), fine, 3.0, 0.01, 1.5) is None
    assert seconds_left(Pace(0, 10, 90), Table(40, 100, 9, 900), 3.0, 0.01, 1.5) is None
    assert seconds_left(Pace(0, 10, 90), fine, 0.0, 0.01, 1.5) == 0


def test_twice_the_traffic_takes_half_the_time():
    slow, fast = (seconds_left(Pace(0, n, 9 * n), Table(10, 1000, 90, 9000), 3.0, 0.01, 1.5) for n in (10, 20))
    assert slow == pytest.approx(2 * fast, rel=0.01)


def test_the_estimate_is_about_right():
    rng, errors = np.random.default_rng(3), []
    for _ in range(15):
        state, said_at = initial(Config(), None), None
        for n in range(600):
            canary, stable = int(rng.poisson(10)), int(rng.poisson(90))
            arms = [{"x": Counts(size, int(rng.binomial(size, 0.01)))} for size in (canary, stable)]
            state, said = step(state, Block(str(n), float(n), *arms))
            if n == 30:
                said_at = said.needs
            if said.kind == "NotWorse":
                errors.append((n - 30) / said_at if said_at else None)
                assert said.needs is None
                break
    known = [one for one in errors if one is not None]
    assert len(known) >= 10
    assert 0.4 < np.median(known) < 2.5
