"""False rollbacks and time to detect, beside the rules of Argo Rollouts, Flagger and Kayenta and the best possible.

python -m bench.analysis [--quick] [--streams N] [--plot FILE]

Ends with status 1 when there are more false rollbacks than alpha and chance allow.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

from . import guard, latencies, tables, times
from .compare import Case, Slow, compare
from .families import FAMILIES, LOOK
from .figures import FIGURES, figure
from .goals import Cell, Shape, cells, measure
from .promotion import CASES, promote

_PICTURE = Path(__file__).resolve().parents[2] / "docs/images/analysis.png"
_CONSTANT = FAMILIES[0]
_NULLS = [family for family in FAMILIES if not family.onset]
_HOUR = int(3600 / LOOK)
_QUICK = 40
_NOISY = 0.005
_MORE = 5
_A, _B = TypeVar("_A"), TypeVar("_B")
Run = Callable[[Callable[[_A], _B], Iterable[_A]], list[_B]]


def main() -> int:
    """Print the tables, draw the picture, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.analysis", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few streams, no picture: under 40 s on two cores")
    parser.add_argument("--streams", type=int, default=24, help="streams of each family in the full form")
    parser.add_argument("--plot", type=Path, help=f"where the picture goes; {_PICTURE.name} in docs/images by default")
    options = parser.parse_args()
    began = time.monotonic()
    tables.rules()
    with ProcessPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:

        def run(work: Callable[[_A], _B], items: Iterable[_A]) -> list[_B]:
            return list(pool.map(work, items))

        found = _quick(run) if options.quick else _full(run, options.streams, options.plot or _PICTURE)
    print(f"\n{time.monotonic() - began:.0f} s")
    for each in found:
        print(f"More false rollbacks than alpha allows: {each}", file=sys.stderr)
    return 1 if found else 0


def _quick(run: Run) -> list[str]:
    """Ten minutes of each family at 1 %, and a few regressions."""
    looks = int(600 / LOOK)
    healthy = run(
        compare,
        [
            *(Case(family, 0.01, 1.0, _QUICK, looks) for family in _NULLS),
            *(Slow(latency, 50, _QUICK, looks) for latency in latencies.EQUAL),
        ],
    )
    tables.false_rollbacks(healthy, "The canary is no worse, 10 minutes")
    print(guard.sees(healthy))
    worse = [Case(_CONSTANT, p0, odds, 12, looks) for p0, odds in ((0.01, 5.0), (0.05, 3.0))]
    slower = [Slow(latency, 50, 6, looks) for latency in latencies.SLOWER[1:3]]
    tables.detection(run(compare, [*worse, *slower]), "The canary is worse, 10 minutes")
    tables.bounds(run(measure, [Cell(0.01, 5.0, 0.1, 8), Shape(latencies.SLOWER[2], 6)]))
    return guard.broken(healthy)


def _full(run: Run, streams: int, picture: Path) -> list[str]:
    healthy = run(compare, [*_healthy(streams), *_latencies(latencies.EQUAL, streams)])
    tables.false_rollbacks(healthy, "The canary is no worse, half an hour")
    print(guard.sees(healthy), flush=True)
    shapes = [Shape(latency, 2 * streams) for latency in latencies.SLOWER]
    tables.bounds(run(measure, [*cells(streams), *shapes]))
    tables.times(run(times.measure, [(case, 2 * streams) for case in times.CASES]), 2 * streams)
    tables.promotions(run(promote, [(case, streams) for case in CASES]))
    rows = run(figure, [(one, 2 * streams) for one in FIGURES])
    tables.figures(rows, f"gone back from within an hour, {2 * streams} streams")
    worse = run(
        compare,
        [
            *(Case(_CONSTANT, p0, odds, streams, _HOUR) for p0 in (0.001, 0.01, 0.05) for odds in (2.0, 5.0, 10.0)),
            *(Case(family, 0.01, 5.0, streams, _HOUR) for family in FAMILIES[1:]),
            *_latencies(latencies.SLOWER, streams // 2),
        ],
    )
    tables.detection(worse, f"The canary is worse, an hour, {streams} streams, of latency {streams // 2}")
    from .plot import draw

    draw(picture, _shown(healthy), _shown(worse), 1.0)
    print(f"\n{picture}")
    return guard.broken(healthy)


def _healthy(streams: int) -> list[Case]:
    """Pods that differ are where alpha is hardest to keep: they get more streams, at the usual rate."""
    cases = []
    for family in _NULLS:
        for p0 in (0.001, 0.01, 0.05):
            many = family.correlation >= _NOISY and p0 == 0.01
            cases.append(Case(family, p0, 1.0, _MORE * streams if many else streams, _HOUR // 2))
    return cases


def _latencies(some: Iterable[latencies.Latency], streams: int) -> list[Slow]:
    return [Slow(latency, 50, streams, _HOUR // 2) for latency in some]


def _shown(results: list[tuple[Case | Slow, dict]]) -> list[tuple[Case | Slow, dict]]:
    """Of each family one rate; of the constant one all."""
    return [
        (case, times)
        for case, times in results
        if isinstance(case, Slow) or case.family.name == _CONSTANT.name or case.p0 == 0.01
    ]


if __name__ == "__main__":
    sys.exit(main())
