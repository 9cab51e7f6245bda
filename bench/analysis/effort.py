"""What a block costs, and how large the state becomes: `python -m bench.analysis.effort`.

Processor time of `step` for each metric, the goal being 1 ms, and the state as JSON, the goal being 8 KB; for traffic
and pods that grow.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from ekiben.analysis import Block, Config, Counts, Histogram, initial, step

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 180.0)
"""The buckets of a bentoml server."""
_CASES = ((10, 3, 1), (100, 9, 1), (1_000, 20, 5), (50_000, 20, 5), (1_000_000, 150, 50))
"""(requests a block, stable pods, canary pods)"""
_BLOCKS = 100
_WEIGHT = 0.1


def main() -> None:
    """Print the table."""
    print("requests a block   pods     ms a block and metric: median   worst     state")
    for requests, stable, canary in _CASES:
        taken, size = measured(requests, stable, canary)
        print(
            f"{requests:>16,}   {stable + canary:>4}   {1e3 * median(taken):>30.2f} {1e3 * max(taken):>7.2f}"
            f"   {size:>5,} bytes"
        )


def measured(requests: int, stable: int, canary: int) -> tuple[list[float], int]:
    """Return seconds of processor time for each block and metric, and the largest state in bytes."""
    rng = np.random.default_rng([requests, stable])
    history = sum((np.array(one.hist) for one in _arm(rng, 10_000, 1).values()), np.zeros(len(BOUNDS) + 1, dtype=int))
    # Out of reach, so that every block is judged to the end.
    state = initial(Config(alpha=1e-300), Histogram(BOUNDS, tuple(int(count) for count in history)))
    taken, size = [], 0
    for number in range(_BLOCKS):
        mine = int(rng.binomial(requests, _WEIGHT))
        block = Block(
            f"{number}", number, _arm(rng, mine, canary), _arm(rng, requests - mine, stable), BOUNDS, weight=_WEIGHT
        )
        began = time.process_time()
        state, said = step(state, block)
        taken.append((time.process_time() - began) / len(said.metrics))
        size = max(size, len(state.to_json()))
    return taken, size


def _arm(rng: np.random.Generator, requests: int, pods: int) -> dict[str, Counts]:
    return {f"pod-{pods}-{index}": _pod(rng, requests // pods) for index in range(pods)}


def _pod(rng: np.random.Generator, requests: int) -> Counts:
    errors, rejected = (int(count) for count in rng.binomial(requests, (0.01, 0.02)))
    # So many answers are drawn one by one, and the rest is spread like them.
    answers = requests - errors - rejected
    took = np.histogram(np.exp(rng.normal(np.log(0.08), 0.6, 2_000)), [0.0, *BOUNDS, np.inf])[0] / 2_000
    return Counts(requests, errors, tuple(int(count) for count in rng.multinomial(answers, took)), rejected)


if __name__ == "__main__":
    main()
