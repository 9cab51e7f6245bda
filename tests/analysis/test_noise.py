"""Pods that differ: against integration, and what the guard lets through."""

from math import exp, log

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln

from ekiben.analysis import POOLED, Block, Config, Counts, initial, step
from ekiben.analysis.noise import ERRORS, QUIET, REJECTED, Noise, log_discount, log_ratios, observe

CHANNELS = ((ERRORS, 1.0), (REJECTED, 1.0))


def by_integration(x: tuple[int, ...], mean: tuple[float, ...], kappa: float) -> float:
    def with_frailties(v: float) -> float:
        logs = sum(
            gammaln(kappa + a)
            - gammaln(kappa)
            + a * log(exp(v) * e / kappa)
            - (kappa + a) * np.log1p(exp(v) * e / kappa)
            for a, e in zip(x, mean, strict=True)
        )
        return float(np.exp(logs))

    def without(v: float) -> float:
        return float(np.exp(sum(a * log(exp(v) * e) - exp(v) * e for a, e in zip(x, mean, strict=True))))

    return log(quad(with_frailties, -8, 8, limit=300)[0] / quad(without, -8, 8, limit=300)[0])


@pytest.mark.parametrize("kappa", [1.0, 10.0, 100.0])
@pytest.mark.parametrize(
    ("x", "mean"), [((3, 1, 0), (1.5, 1.5, 1.0)), ((8, 2), (5.0, 5.0)), ((30, 20, 9), (20, 20, 19))]
)
def test_the_ratio_is_the_integrals(x, mean, kappa):
    found = log_ratios(np.array([x], float), np.array([mean], float), (kappa,), 48)[0, 0]
    assert found == pytest.approx(by_integration(x, mean, kappa), abs=2e-3)


def test_large_counts_are_no_special_case():
    few, many = (np.array([[n, n + 40, n - 40]], float) for n in (4000, 4100))
    ratios = [log_ratios(x, np.full((1, 3), x.mean()), (100.0,), 48)[0, 0] for x in (few, many)]
    assert ratios[0] == pytest.approx(ratios[1], abs=0.05)


def test_no_events_say_nothing():
    assert (log_ratios(np.zeros((2, 3)), np.zeros((2, 3)), (1.0, 10.0), 32) == 0).all()


def arms(rng, canary_rates, stable_rates, requests=400):
    def arm(rates):
        each = requests // len(rates)
        return {str(i): Counts(each, int(rng.binomial(each, p))) for i, p in enumerate(rates)}

    return arm(canary_rates), arm(stable_rates)


def test_followed_pods_are_bounded_and_none_is_lost():
    noise = Noise(CHANNELS)
    for n in range(5):
        pods = {f"pod {n} {i}": Counts(10, 1) for i in range(30)}
        noise = observe(noise, Block(str(n), n, {"c": Counts(10, 2)}, pods))
    assert sum(pod.key[0] == "b" for pod in noise.pods) <= 24
    assert sum(pod.seen[0] for pod in noise.pods) == 5 * 32
    assert sum(pod.expected[0] for pod in noise.pods) == pytest.approx(5 * 32, abs=0.05)


def test_a_pod_that_was_replaced_is_not_one_more():
    noise, state = Noise(CHANNELS), initial(Config(), None)
    for n in range(30):
        # Each new one stands beside the one before for a moment.
        pods = {f"pod {k}": Counts(100, 1) for k in ({n // 10, n // 10 - 1} if n % 10 < 2 and n > 9 else {n // 10})}
        block = Block(str(n), n, {"c": Counts(10, 0)}, pods)
        noise = observe(noise, block)
        state, said = step(state, block)
        assert noise.baseline_pods == 1
        assert said.note.startswith("PodNoiseUnknown: with fewer than 3")
    assert sum(pod.key[0] == "b" for pod in noise.pods) == 3


def test_pods_whose_counts_grow_long_are_grouped_and_none_is_lost():
    noise = Noise((*CHANNELS, (0.1, 1.2), (0.2, 1.2), (0.5, 1.2)))
    hist = (10**9, 10**8, 10**8, 10**8)
    for n in range(30):
        arms = [{f"{arm}{i}": Counts(2 * 10**9, 10**8, hist, 10**7) for i in range(20)} for arm in "cb"]
        noise = observe(noise, Block(str(n), n, *arms, (0.1, 0.2, 0.5)))
    assert len(str([[pod.key, pod.seen, pod.expected] for pod in noise.pods]).replace(" ", "")) < 4300
    assert [sum(pod.seen[channel] for pod in noise.pods) for channel in (0, 1)] == [30 * 40 * 10**8, 30 * 40 * 10**7]
    assert sum(pod.expected[0] for pod in noise.pods) == pytest.approx(30 * 40 * 10**8)
    followed = [pod.key[0] for pod in noise.pods if pod.key[1] != "~"]
    assert abs(followed.count("b") - followed.count("c")) <= 1


def test_whole_arms_say_nothing_about_pods():
    block = Block("1", 1, {POOLED: Counts(10, 2)}, {POOLED: Counts(90, 9)})
    assert observe(Noise(CHANNELS), block) == Noise(CHANNELS)
    state, said = step(initial(Config(), None), block)
    assert state.pods is None
    assert said.note.startswith("PodNoiseUnknown")


def test_with_few_stable_pods_there_is_no_guard_and_it_is_said():
    rng = np.random.default_rng(0)
    state = initial(Config(), None)
    for n in range(30):
        state, said = step(state, Block(str(n), n, *arms(rng, [0.3], [0.0, 0.0])))
    assert log_discount(state.pods, [0]) == QUIET
    assert said.kind == "Regressed"
    assert "fewer than 3" in said.note


def run(seed: int, canary: list[float], stable: list[float], blocks: int = 150) -> tuple[str, set[str]]:
    rng, state, problems = np.random.default_rng(seed), initial(Config(), None), set()
    for n in range(blocks):
        state, said = step(state, Block(str(n), n, *arms(rng, canary, stable)))
        problems.add(said.problem)
        if said.kind == "Regressed":
            break
    return said.kind, problems


def test_a_sick_pod_of_the_canary_among_sick_pods_holds_and_convicts_nobody():
    rates = [0.01, 0.05, 0.002, 0.02, 0.08]
    found = [run(seed, [0.08, 0.01], rates) for seed in range(6)]
    assert all(kind != "Regressed" for kind, _ in found)
    assert any("PodNoise" in problems for _, problems in found)


def test_without_the_guard_it_would_have():
    rng, state = np.random.default_rng(0), initial(Config(), None)
    for n in range(150):
        canary, stable = arms(rng, [0.08, 0.01], [0.01, 0.05, 0.002, 0.02, 0.08])
        pooled = [
            {POOLED: Counts(sum(p.n for p in arm.values()), sum(p.errors for p in arm.values()))}
            for arm in (canary, stable)
        ]
        state, said = step(state, Block(str(n), n, *pooled))
    assert said.kind == "Regressed"


def test_alike_pods_do_not_hide_a_regression():
    assert all(run(seed, [0.08, 0.08], [0.01] * 5)[0] == "Regressed" for seed in range(6))


def test_noise_drawn_anew_in_each_block_convicts_nobody():
    rng, state = np.random.default_rng(4), initial(Config(), None)
    for n in range(150):
        canary, stable = arms(rng, rng.beta(0.5, 50, 2), rng.beta(0.5, 50, 5))
        state, said = step(state, Block(str(n), n, canary, stable))
    assert said.kind != "Regressed"
