"""What has to hold for every stream of blocks, whatever the numbers."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekiben.analysis import Block, Config, Counts, Histogram, State, initial, log_evidence, step, verdict

BOUNDS = (0.01, 0.1, 1.0)
STABLE = Histogram(BOUNDS, (500, 9000, 450, 50))


@st.composite
def counted(draw: st.DrawFn, most: int) -> Counts:
    n = draw(st.integers(0, most))
    errors = draw(st.integers(0, min(n, 12)))
    rejected = draw(st.integers(0, min(n - errors, 12)))
    fine = n - errors - rejected
    slow = draw(st.integers(0, fine))
    slowest = draw(st.integers(0, slow))
    return Counts(n, errors, (0, fine - slow, slow - slowest, slowest), rejected, draw(st.integers(-3, 3)))


@st.composite
def streams(draw: st.DrawFn) -> list[Block]:
    blocks = []
    for name in range(draw(st.integers(1, 6))):
        canary = {f"c{i}": draw(counted(40)) for i in range(draw(st.integers(1, 2)))}
        stable = {f"b{i}": draw(counted(120)) for i in range(draw(st.integers(1, 4)))}
        weight = draw(st.sampled_from([None, 0.1, 0.5]))
        blocks.append(Block(str(name), 10.0 + name, canary, stable, BOUNDS, weight))
    return blocks


def run(blocks: list[Block], state: State | None = None) -> State:
    state = state or initial(Config(), STABLE)
    for each in blocks:
        state, _ = step(state, each)
    return state


@given(streams())
@settings(deadline=None, max_examples=40)
def test_replay_and_restore_are_identical(blocks):
    straight, restored = initial(Config(), STABLE), initial(Config(), STABLE)
    for each in blocks:
        straight, said = step(straight, each)
        text = restored.to_json()
        assert len(text) <= 8192
        restored, again = step(State.from_json(text), each)
        assert (restored, again) == (straight, said)
    assert run(blocks) == straight


@given(streams(), st.data())
@settings(deadline=None, max_examples=30)
def test_a_repeated_block_is_ignored_whatever_it_says_now(blocks, data):
    state = run(blocks)
    again = replace(data.draw(streams())[0], id=data.draw(st.sampled_from(blocks)).id)
    assert step(state, again) == (state, verdict(state))


@given(streams(), counted(40))
@settings(deadline=None, max_examples=30)
def test_a_block_of_one_arm_changes_nothing_but_the_ids(blocks, lone):
    state = run(blocks)
    one = Block("one arm", 99.0, {"c0": lone}, {"b0": Counts()}, BOUNDS)
    other = Block("other arm", 99.0, {"c0": Counts()}, {"b0": lone}, BOUNDS)
    assert replace(run([one, other], state), ids=()) == replace(state, ids=())


@given(streams(), st.integers(1, 40), st.integers(1, 120), st.booleans())
@settings(deadline=None, max_examples=30)
def test_no_errors_or_only_errors_leave_the_evidence_of_errors_as_it_is(blocks, canary, stable, all_fail):
    state = run(blocks)
    arms = [{"x": Counts(n, n if all_fail else 0)} for n in (canary, stable)]
    assert run([Block("plain", 99.0, *arms)], state).errors.wealth == state.errors.wealth


@given(streams(), st.data())
@settings(deadline=None, max_examples=40)
def test_an_error_of_the_canary_more_never_lowers_the_evidence(blocks, data):
    # In the last block an answer of the canary fails that did not, and one of the stable's errors did not happen:
    # the block's totals stay, and nothing else is told by it.
    before, last = run(blocks[:-1]), blocks[-1]
    canary, stable = last.canary["c0"], last.baseline["b0"]
    if before.regressed or not stable.errors or canary.n - canary.errors - canary.rejected < 1:
        return
    worse = replace(
        last,
        canary={**last.canary, "c0": replace(canary, errors=canary.errors + 1)},
        baseline={**last.baseline, "b0": replace(stable, errors=stable.errors - 1)},
    )
    now, then = (run([each], before).errors.wealth.log_wealth for each in (last, worse))
    assert then >= now - 1e-9


@given(streams())
@settings(deadline=None, max_examples=30)
def test_regressed_is_said_when_the_evidence_is_there_and_stays(blocks):
    state = initial(Config(), STABLE)
    for each in blocks:
        state, said = step(state, each)
        assert (said.kind == "Regressed") == state.regressed
        assert state.regressed == (log_evidence(state) >= 4.605170185) or state.split.broken
        assert not (said.problem and said.kind == "NotWorse")


@pytest.mark.parametrize("which", ["errors", "rejected", "latency"])
def test_one_metric_convicts_alone(which):
    canary = {
        "errors": Counts(20, 6, (0, 13, 1, 0)),
        "rejected": Counts(20, 0, (0, 13, 1, 0), 6),
        "latency": Counts(20, 0, (0, 2, 18, 0)),
    }[which]
    state = initial(Config(), STABLE)
    for name in range(30):
        stable = Counts(180, 1, (0, 169, 9, 0), 1)
        state, said = step(state, Block(str(name), float(name), {"c": canary}, {"b": stable}, BOUNDS))
    assert said.kind == "Regressed"
    assert [one.name for one in said.metrics if one.regressed >= 1] == [which]


def test_shares_of_alpha_sum_to_1():
    for history, rejected in ((STABLE, True), (STABLE, False), (None, True), (None, False)):
        metrics = initial(Config(), history, rejected=rejected).metrics
        assert sum(metric.share for _, metric in metrics) == pytest.approx(1)
