"""The whole analysis, block by block."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekiben.analysis import (
    Block,
    BlockError,
    Config,
    Counts,
    Histogram,
    LatencyMode,
    State,
    StateError,
    initial,
    log_evidence,
    settle_seconds,
    step,
    verdict,
)
from ekiben.api.rollout import Analysis

BOUNDS = (0.01, 0.1, 1.0)
STABLE = Histogram(BOUNDS, (500, 9000, 450, 50))


def counts(n: int, errors: int, slow: int = 0) -> Counts:
    return Counts(n, errors, (0, n - errors - slow, slow, 0))


def block(name: object, canary: Counts, baseline: Counts) -> Block:
    return Block(str(name), 0.0, {"c": canary}, {"b": baseline}, BOUNDS)


def run(state: State, blocks: list[Block]) -> State:
    for each in blocks:
        state, _ = step(state, each)
    return state


@st.composite
def blocks(draw: st.DrawFn, most: int = 60) -> list[Block]:
    made = []
    for name in range(draw(st.integers(1, 8))):
        arms = []
        for _ in range(2):
            n = draw(st.integers(0, most))
            errors = draw(st.integers(0, n))
            arms.append(counts(n, errors, draw(st.integers(0, n - errors))))
        made.append(block(name, *arms))
    return made


@given(blocks())
@settings(deadline=None, max_examples=50)
def test_restoring_after_each_block_is_the_same_as_going_on(stream):
    straight, restored = initial(Config(), STABLE), initial(Config(), STABLE)
    for each in stream:
        straight, said = step(straight, each)
        text = restored.to_json()
        assert len(text) <= 8192
        restored, said_again = step(State.from_json(text), each)
        assert restored == straight
        assert said_again == said == verdict(restored)


@given(blocks())
@settings(deadline=None, max_examples=50)
def test_a_repeated_block_changes_nothing(stream):
    state = initial(Config(), STABLE)
    for each in stream:
        state, said = step(state, each)
        again, said_again = step(state, each)
        assert again == state
        assert said_again == said


@given(blocks(), st.integers(0, 50))
@settings(deadline=None, max_examples=50)
def test_blocks_of_one_arm_alone_change_nothing_but_the_ids(stream, n):
    state = run(initial(Config(), STABLE), stream)
    lone = counts(n, n // 2)
    after = run(state, [block("one arm", lone, Counts()), block("other arm", Counts(), lone)])
    assert replace(after, ids=()) == replace(state, ids=())


def test_a_late_regression_is_found():
    healthy = [block(n, counts(20, n % 5 == 0), counts(180, 2)) for n in range(500)]
    ill = [block(f"ill {n}", counts(20, 2), counts(180, 2)) for n in range(20)]
    state = run(initial(Config(), STABLE), healthy)
    assert not state.regressed
    assert run(state, ill).regressed


def test_regressed_stays():
    state = run(initial(Config(), STABLE), [block(n, counts(20, 10), counts(180, 1)) for n in range(3)])
    assert state.regressed
    after, said = step(state, block("fine", counts(2000, 0), counts(18000, 9000)))
    assert said.kind == "Regressed"
    assert after == state


@pytest.mark.parametrize("which", ["errors", "latency"])
def test_one_metric_convicts_alone(which):
    state = initial(Config(), STABLE)
    canary = counts(20, 6, 0) if which == "errors" else counts(20, 0, 18)
    state = run(state, [block(n, canary, counts(180, 1, 9)) for n in range(30)])
    said = verdict(state)
    assert said.kind == "Regressed"
    assert [metric.name for metric in said.metrics if metric.regressed >= 1] == [which]
    assert log_evidence(state) == pytest.approx(log(100), abs=0.02)


def test_every_metric_has_to_pass():
    fine = [block(n, counts(20, 0, 1), counts(180, 1, 9)) for n in range(60)]
    undecided = [block(n, counts(20, 0, 2), counts(180, 1, 9)) for n in range(60)]
    assert verdict(run(initial(Config(), STABLE), fine)).kind == "NotWorse"
    assert verdict(run(initial(Config(latency_tolerance=3), STABLE), undecided)).kind == "Unknown"


def test_regressed_wins_a_tie():
    state = run(initial(Config(), STABLE), [block(n, counts(20, 0, 1), counts(180, 1, 9)) for n in range(60)])
    assert verdict(state).kind == "NotWorse"
    assert verdict(replace(state, regressed=True)).kind == "Regressed"


def test_a_slowdown_within_tolerance_is_no_regression():
    rng = np.random.default_rng(5)
    bounds = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

    def answers(n: int, median: float) -> Counts:
        drawn = np.exp(rng.normal(log(median), 0.6, n))
        return Counts(n, 0, tuple(int(c) for c in np.histogram(drawn, [0, *bounds, np.inf])[0]))

    stable = Histogram(bounds, answers(20_000, 0.08).hist)
    verdicts = {}
    for slower in (1.05, 1.5):
        state = initial(Config(), stable)
        for name in range(300):
            state, _ = step(
                state, Block(str(name), 0, {"c": answers(20, 0.08 * slower)}, {"b": answers(180, 0.08)}, bounds)
            )
        verdicts[slower] = state.regressed
    assert verdicts == {1.05: False, 1.5: True}


def test_without_a_histogram_latency_is_left_out_and_said():
    state = run(initial(Config(), None), [block(n, counts(20, 0), counts(180, 1)) for n in range(80)])
    said = verdict(state)
    assert state.mode is LatencyMode.ABSENT
    assert said.kind == "NotWorse"
    assert "latency: left out" in said.because
    assert [metric.name for metric in said.metrics] == ["errors", "rejected"]


def test_without_answers_latency_is_undecided_and_never_passes():
    state = initial(Config(), Histogram((), (0,)))
    state = run(state, [Block(str(n), 0, {"c": Counts(20)}, {"b": Counts(180, 100, (), 80)}) for n in range(200)])
    said = verdict(state)
    assert state.mode is LatencyMode.PENDING
    assert said.kind == "Unknown"
    assert "latency: undecided" in said.because


@pytest.mark.parametrize("bounds", [(), BOUNDS])
def test_a_server_that_answers_and_exports_no_histogram_leaves_latency_out(bounds):
    state = initial(Config(), Histogram((), (0,)))
    canary = Counts(20, 0, (0, 20, 0, 0) if bounds else ())
    made = [Block(str(n), 0, {"c": canary}, {"b": Counts(15)}, bounds) for n in range(400)]
    first, _ = step(state, made[0])
    assert first.mode is LatencyMode.PENDING
    state = run(state, made)
    said = verdict(state)
    assert state.mode is LatencyMode.ABSENT
    assert said.kind == "NotWorse"
    assert "latency: left out, because the stable exports no latency histogram" in said.because
    assert sum(metric.share for _, metric in state.metrics) == pytest.approx(1)


def test_a_canary_without_the_histogram_that_the_stable_has_is_never_proven_and_it_is_said_why():
    made = [Block(str(n), 0, {"c": Counts(20)}, {"b": counts(180, 1)}, BOUNDS) for n in range(80)]
    said = verdict(run(initial(Config(), STABLE), made))
    assert said.kind == "Unknown"
    assert "latency: undecided, because none of the canary's answers stands in a histogram" in said.because
    assert "no requests of both revisions" not in said.because


def test_a_canary_with_other_buckets_is_compared_at_those_that_both_have():
    stable = Histogram((0.01, 0.1, 0.25, 1.0, 2.5), (100, 500, 300, 90, 10, 0))
    state = initial(Config(), stable)
    assert state.boundary == 0.25
    shared = (0.01, 1.0, 2.5)
    made = [
        Block(str(n), n, {"c": Counts(20, 0, (2, 17, 1, 0))}, {"b": Counts(180, 1, (17, 151, 10, 1))}, shared)
        for n in range(300)
    ]
    first, said = step(state, made[0])
    assert first.boundary == 1.0
    assert said.needs is None  # nothing was counted there yet
    assert verdict(run(first, made[1:])).kind == "NotWorse"
    slow = [replace(one, canary={"c": Counts(20, 0, (2, 8, 10, 0))}) for one in made]
    assert run(first, slow[1:]).regressed


def test_what_is_known_of_pods_errors_is_kept_where_latency_begins_to_be_compared():
    state = initial(Config(), Histogram((), (0,)))
    pods = {f"b{n}": Counts(50, 5, (30, 10, 5, 0)) for n in range(4)}
    state = run(state, [Block("1", 0, {"c": Counts(20, 2, (18, 0, 0, 0))}, pods, BOUNDS)])
    assert state.mode is LatencyMode.FIXED
    assert state.pods is not None
    assert all(sum(pod.seen[:2]) and not sum(pod.seen[2:]) for pod in state.pods.pods)
    assert len(state.pods.drawn) == len(state.pods.channels) > 2
    state, _ = step(state, Block("2", 1, {"c": Counts(20, 2, (18, 0, 0, 0))}, pods, BOUNDS))
    assert state.from_json(state.to_json()) == state


@given(st.integers(0, 15), st.integers(0, 15))
def test_what_was_kept_for_latency_is_handed_on_and_nothing_more(canary, baseline):
    state = replace(initial(Config(), Histogram((), (0,))), rejected=None)
    before = run(state, [Block("1", 0, {"c": Counts(15, canary)}, {"b": Counts(15, baseline, (), 15 - baseline)})])
    after, _ = step(before, Block("2", 0, {}, {"b": Counts(20)}))
    if not before.regressed:
        assert (before.mode, after.mode) == (LatencyMode.PENDING, LatencyMode.ABSENT)
        assert log_evidence(after) == pytest.approx(log_evidence(before), abs=1e-9)


def test_a_histogram_that_comes_late_is_judged():
    state = initial(Config(), Histogram((), (0,)))
    state = run(state, [Block("0", 0, {"c": Counts(2)}, {"b": Counts(10)}), block(1, counts(2, 0), counts(18, 0))])
    assert state.mode is LatencyMode.PENDING
    state = run(state, [block(2, counts(2, 0), counts(18, 0))])
    assert state.mode is LatencyMode.FIXED


def test_a_late_boundary_rests_on_earlier_blocks_alone():
    state = initial(Config(), Histogram((), (0,)))
    state, said = step(state, block(0, counts(20, 0, 20), counts(180, 0)))
    assert state.boundary == 0.1
    assert said.metrics[1].canary_requests == 0
    _, said = step(state, block(1, counts(20, 0, 1), counts(180, 0, 9)))
    assert (said.metrics[1].canary_events, said.metrics[1].canary_requests) == (1, 20)


def test_words_carry_the_numbers():
    state = run(initial(Config(), STABLE), [block(0, counts(412, 37), counts(3710, 4))])
    said = verdict(state)
    assert said.because.startswith(
        "errors: 37 of 412 requests of the canary against 4 of 3,710 of the stable (odds ratio about 82); "
        "evidence of a regression 100 : 1, needs 100 : 1; latency: 0 of 375 answers of the canary slower than 100 ms"
    )
    assert len(said.because) <= 2048


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version":2}', '{"version":1}', '{"version":1,"config":7}'])
def test_a_state_that_cannot_be_read_is_a_clear_error(text):
    with pytest.raises(StateError):
        State.from_json(text)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Block("", 0), "1 to 64 characters"),
        (lambda: Block("a", 0, bounds=(1.0, 0.5)), "bounds rise"),
        (lambda: Block("a", 0, bounds=(0.0,)), "above 0"),
        (lambda: Block("a", 0, {"p": Counts(-1)}), "canary, pod 'p': a count is negative"),
        (lambda: Block("a", 0, {}, {"p": Counts(1, 2)}), "baseline, pod 'p': 2 errors among only 1 requests"),
        (lambda: Block("a", 0, {"p": Counts(1, 0, (1,))}, bounds=(0.1,)), "1 buckets, its bounds make 2"),
    ],
)
def test_a_block_that_contradicts_itself_is_refused(made, message):
    with pytest.raises(BlockError, match=message):
        made()


@pytest.mark.parametrize("wrong", [{"alpha": 0}, {"beta": 1}, {"delta": 2}, {"error_tolerance": 0.9}, {"rho": 1}])
def test_numbers_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Config(**wrong)


def test_the_defaults_are_the_resources():
    assert Config.of(Analysis()) == Config()


def test_settle_time():
    assert settle_seconds(1, None, 60) == 2
    assert settle_seconds(1, 0.2, 60) == 1
    assert settle_seconds(1, 0.7, 60) == 1.4
    assert settle_seconds(1, 10, 60) == 20
    assert settle_seconds(1, 50, 60) == 60


def test_rejected_requests_are_no_errors_and_fit_beside_them():
    assert Counts(10, 3, (), 7).rejected == 7
    with pytest.raises(BlockError, match="canary, pod 'p': 3 errors and 8 rejected among only 10 requests"):
        Block("a", 0, {"p": Counts(10, 3, (), 8)})
    with pytest.raises(BlockError, match="the weight lies between 0 and 1, not 10"):
        Block("a", 0, weight=10)
