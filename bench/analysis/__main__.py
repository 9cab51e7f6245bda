"""False rollbacks and times to detect, beside the figures that the procedure is specified with.

python -m bench.analysis [--quick] [--streams N]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import inf, isfinite
from statistics import mean, median

from ekiben.analysis import Config

from .simulate import Traffic, faster_looks, one_metric, whole_procedure

ALPHA = 0.01
FALSE = [
    ("p = 1 %, 10 requests/s", Traffic(10), ".007"),
    ("p = 1 %, 200 requests/s", Traffic(200), ".010"),
]
FOUND = [
    ("1 -> 2 % at 10 requests/s", Traffic(10, canary=0.02), "1466 s (94 % found)"),
    ("1 -> 5 % at 10 requests/s", Traffic(10, canary=0.05), "173 s"),
    ("1 -> 10 % at 10 requests/s", Traffic(10, canary=0.1), "58 s"),
    ("1 -> 5 % at 200 requests/s", Traffic(200, canary=0.05), "11.5 s"),
]
WHOLE = [
    ("healthy, 10 requests/s", Traffic(10, look=5)),
    ("healthy, 100 requests/s", Traffic(100)),
    ("1 -> 5 % errors, 10 requests/s", Traffic(10, canary=0.05)),
    ("1 -> 5 % errors, 100 requests/s", Traffic(100, canary=0.05)),
    ("0 -> 50 % errors, 50 requests/s", Traffic(50, stable=0.0, canary=0.5)),
    ("1.05 times slower, 100 requests/s", Traffic(100, slower=1.05)),
    ("1.5 times slower, 10 requests/s", Traffic(10, slower=1.5)),
    ("1.5 times slower, 100 requests/s", Traffic(100, slower=1.5)),
    ("3 times slower, 100 requests/s", Traffic(100, slower=3)),
]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.analysis", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer streams: about a minute and a half")
    parser.add_argument("--streams", type=int, help="measure of the number of streams; 400 with --quick, else 2000")
    options = parser.parse_args()
    streams = options.streams or (400 if options.quick else 2000)
    began = time.monotonic()
    with ProcessPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        _false_rollbacks(pool, 2 * streams)
        _detection(pool, streams // 2)
        _whole(pool, max(20, streams // 10))
    print(f"\n{time.monotonic() - began:.0f} s")


def _false_rollbacks(pool: ProcessPoolExecutor, streams: int) -> None:
    print(f"False rollbacks in an hour: errors alone, alpha {ALPHA}, 10 % weight, a look every 5 s, {streams} streams")
    for name, traffic, specified in FALSE:
        times = _all(pool, partial(one_metric, traffic, alpha=ALPHA), streams)
        share = sum(map(isfinite, times)) / streams
        error = (ALPHA * (1 - ALPHA) / streams) ** 0.5
        print(f"  {name:<28} {share:.4f}   specified {specified}   bound {ALPHA} (one standard error {error:.4f})")


def _detection(pool: ProcessPoolExecutor, streams: int) -> None:
    print(f"\nSeconds to detect: the same, {streams} streams")
    for name, traffic, specified in FOUND:
        times = _all(pool, partial(one_metric, traffic, alpha=ALPHA), streams)
        found = [each for each in times if each < inf]
        print(
            f"  {name:<28} mean {mean(found):7.1f}  median {median(found):7.1f}  found {len(found) / streams:4.0%}"
            f"   specified {specified}"
        )


def _whole(pool: ProcessPoolExecutor, streams: int) -> None:
    print(f"\nThe procedure as it stands: errors and latency, default tolerances, {streams} streams of an hour at most")
    for name, traffic in WHOLE:
        looks = traffic if traffic.requests < 50 else faster_looks(traffic)
        outcomes = list(pool.map(partial(whole_procedure, looks, config=Config()), range(streams), chunksize=4))
        parts = []
        for kind in ("Regressed", "NotWorse", "Unknown"):
            times = [at for said, at in outcomes if said == kind]
            if times:
                when = f", median {median(times):g} s" if isfinite(times[0]) else ""
                parts.append(f"{kind} {len(times) / streams:.0%}{when}")
        print(f"  {name:<36} {'; '.join(parts)}")


def _all(pool: ProcessPoolExecutor, judge: Callable[[int], float], streams: int) -> Sequence[float]:
    return list(pool.map(judge, range(streams), chunksize=16))


if __name__ == "__main__":
    main()
