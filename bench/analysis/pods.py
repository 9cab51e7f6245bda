"""False rollbacks where pods differ, with many streams: `python -m bench.analysis.pods [--streams 1000]`.

The canary is no worse, nothing is tolerated, half an hour each, 1 % errors, 200
requests/s: the streams of the bench's own table, and as many more as it takes to tell 1 % from 2 %.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from . import guard, ours
from .compare import STRICT
from .families import FAMILIES, LOOK, Family, draw

_PART = 25
_LOOKS = int(1800 / LOOK)


def main() -> None:
    """Print the rates, with intervals of 95 %."""
    parser = argparse.ArgumentParser(prog="python -m bench.analysis.pods", description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=1000, help="of each family")
    streams = parser.parse_args().streams
    parts = range(1, streams // _PART + 1)
    with ProcessPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        for family in (one for one in FAMILIES if one.correlation):
            gone = sum(pool.map(_gone, [family] * len(parts), parts))
            low, high = guard.interval(gone, _PART * len(parts))
            claimed = "" if family.claimed else "   alpha is not claimed"
            print(
                f"{family.name:<28}{gone:>4} of {_PART * len(parts)} gone back from "
                f"({100 * low:.1f} - {100 * high:.1f} %){claimed}",
                flush=True,
            )


def _gone(family: Family, part: int) -> int:
    drawn = draw(family, 0.01, 1.0, family.rps, _PART, _LOOKS, part)
    return sum(bool(np.isfinite(ours.judge(drawn, stream, STRICT).look)) for stream in range(_PART))


if __name__ == "__main__":
    main()
