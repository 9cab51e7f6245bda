"""How long the local cluster takes and how much memory it needs, beside what it may take.

python -m bench.cluster            reads what `ekiben cluster up` recorded, and looks at the running cluster
python -m bench.cluster --warm 3   takes it down and up again three times first; everything in it is lost
python -m bench.cluster --cold     builds everything once more in an empty cache of its own; the cluster stays up
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ekiben import localcluster
from ekiben.localcluster import build
from ekiben.localcluster.native import parts_images
from ekiben.localcluster.progress import Lines
from ekiben.localcluster.settings import Settings

FIRST_SECONDS, WARM_SECONDS, MEMORY_MIB = 15 * 60, 20, 2560
_MIB = 2**20


def records(settings: Settings) -> list[dict[str, Any]]:
    """Return what each `up` recorded, the oldest first."""
    try:
        lines = (settings.cache / "timings.jsonl").read_text().splitlines()
    except OSError:
        return []
    return [json.loads(line) for line in lines]


def row(name: str, value: str, limit: str, ok: bool | None) -> None:
    verdict = {True: "ok", False: "TOO MUCH", None: "not measured"}[ok]
    print(f"{name:<44}{value:>14}{limit:>14}  {verdict}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--warm", type=int, default=0, metavar="N", help="take it down and up again N times first")
    parser.add_argument("--cold", action="store_true", help="build everything in an empty cache, which is then removed")
    arguments = parser.parse_args()
    settings = Settings()
    if arguments.cold:
        build_cold()
    for _ in range(arguments.warm):
        localcluster.down(settings, Lines())
        localcluster.up(settings, Lines())
    found = records(settings)
    cold = [one["seconds"] for one in found if one["cold"] and one["fresh"]]
    warm = [one["seconds"] for one in found if not one["cold"] and one["fresh"]][-max(arguments.warm, 1) :]
    print(f"{'':<44}{'measured':>14}{'limit':>14}")
    first_ok = cold[-1] <= FIRST_SECONDS if cold else None
    row("first up, empty cache (seconds)", f"{cold[-1]:.0f}" if cold else "-", str(FIRST_SECONDS), first_ok)
    warm_ok = statistics.median(warm) <= WARM_SECONDS if warm else None
    row(
        f"warm up, median of {len(warm)} (seconds)",
        f"{statistics.median(warm):.1f}" if warm else "-",
        str(WARM_SECONDS),
        warm_ok,
    )
    status = localcluster.status(settings)
    own = [part for part in status.parts if part.name != "other pods"]
    memory = sum(part.memory for part in own) / _MIB
    memory_ok = memory <= MEMORY_MIB if own else None
    row("resident memory, without users' pods (MiB)", f"{memory:.0f}", str(MEMORY_MIB), memory_ok)
    for part in sorted(own, key=lambda part: -part.memory):
        if part.memory:
            print(f"    {part.name:<40}{part.memory / _MIB:>14.0f}")
    print_build(settings)
    return 0 if False not in (first_ok, warm_ok, memory_ok) else 1


def build_cold() -> None:
    """Do what a first `up` does before it starts anything: download, compile, make images."""
    with tempfile.TemporaryDirectory(prefix="ekiben-cold-") as folder:
        began = time.monotonic()
        parts = build.ensure(Path(folder), Lines())
        parts_images.prepare(Path(folder), parts, Lines())
        print(f"from an empty cache to all parts and images: {time.monotonic() - began:.0f} s")
        print((parts.bin.parent / "timings.json").read_text())


def print_build(settings: Settings) -> None:
    """Print where the time of the build in the cache went."""
    parts = build.locate(settings.cache)
    if parts is None:
        return
    print("\nbuild in the cache (seconds; a part whose packages were in the Go cache already takes less)")
    for name, timings in json.loads((parts.bin.parent / "timings.json").read_text()).items():
        print(
            f"    {name:<20}"
            + "   ".join(f"{what.removesuffix('_seconds')} {value}" for what, value in timings.items())
        )


if __name__ == "__main__":
    sys.exit(main())
