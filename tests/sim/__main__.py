"""python -m tests.sim: made-up histories of rollouts, as many as one likes."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from .run import LEVELS, replay, run


def parser() -> argparse.ArgumentParser:
    """Return what knows the options."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--histories", type=int, default=2000, help="how many of this level (2000)")
    parser.add_argument("--cluster", type=int, default=0, help="how many of level cluster besides")
    parser.add_argument("--seed", type=int, default=0, help="the first history's seed; each next one's is one more")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    parser.add_argument("--replay", type=int, metavar="SEED", help="show one history step by step")
    parser.add_argument(
        "--level",
        choices=LEVELS,
        default="cluster",
        help="cluster: the whole operator on an API server in memory; decisions: decide() alone, some ten times faster",
    )
    parser.add_argument("--least", type=int, default=0, help="fail where a transition was taken fewer times than this")
    parser.add_argument("--record", type=Path, help="keep what is done in this file, and go on from there")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first violation")
    return parser


def main() -> int:
    """Parse the command line, and run."""
    given = parser().parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is a part of a history
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.sim", *sys.argv[1:]])
    logging.disable(logging.CRITICAL)
    if given.replay is not None:
        return replay(given.replay, given.level)
    parts = {"cluster": given.cluster, given.level: given.histories}
    return run(parts, given.seed, given.workers, given.least, record=given.record, keep_going=given.keep_going)


if __name__ == "__main__":
    sys.exit(main())
