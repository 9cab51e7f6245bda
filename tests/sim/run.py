"""Running many histories on several processes, and telling what came of them.

The seeds are cut into chunks, each a job of its own whose result depends on nothing else. With a record, each finished
chunk is a line of it, so that a run that was ended goes on where it was, as long as the code is the same.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .outcome import Outcome
from .quick import Quick
from .record import Chunk, Record, Sum
from .story import Story
from .table import Transition, scaling, transitions

CHUNKS = {"cluster": 25, "decisions": 250}
_TOLD_EVERY = 10.0


LEVELS = {"cluster": Story, "decisions": Quick}


def one(seed: int, level: str = "cluster") -> Outcome:
    """Run one history."""
    return LEVELS[level](seed).run()


def replay(seed: int, level: str) -> int:
    """Show one history as it goes; returns 1 where it breaks an invariant."""
    found = LEVELS[level](seed, print).run()
    for violation in found.violations:
        print(f"VIOLATED  {violation}")
    print(f"{found.looked} looks, {found.writes} writes, {found.seconds:.0f} s of virtual time")
    return 1 if found.violations else 0


def run(parts: dict[str, int], seed: int, workers: int, least: int, *, record: Path | None, keep_going: bool) -> int:
    """Run so many histories of each level, and print what came of them; returns 1 where something is wrong."""
    started, told, total = time.monotonic(), time.monotonic(), Sum()
    kept = Record(record)
    wanted = [chunk for level, number in parts.items() for chunk in _chunks(level, seed, number)]
    for chunk in wanted:
        total.add(kept.done.get(chunk, Sum()))
    before = total.histories
    if before:
        print(f"{before} histories are in {record} already", flush=True)
    for chunk, part in _results([chunk for chunk in wanted if chunk not in kept.done], workers):
        total.add(part)
        kept.add(chunk, part)
        for number, what in part.violations:
            print(f"history {number} of level {chunk[0]}: {what[0]}", flush=True)
        if time.monotonic() - told > _TOLD_EVERY:
            told = time.monotonic()
            rate = (total.histories - before) / (told - started)
            print(f"{total.histories} histories, {rate:.1f}/s, {len(total.violations)} violations", flush=True)
        if total.violations and not keep_going:
            break
    # Only histories of decisions know of sleep and of a load.
    return report(total, least, scaling() if parts.get("decisions") else set())


def _chunks(level: str, seed: int, histories: int) -> list[Chunk]:
    size = CHUNKS[level]
    return [(level, start, min(start + size, seed + histories)) for start in range(seed, seed + histories, size)]


def _results(chunks: list[Chunk], workers: int) -> Iterator[tuple[Chunk, Sum]]:
    if workers < 2:
        yield from map(_chunk, chunks)
        return
    with multiprocessing.Pool(workers) as pool:
        yield from pool.imap_unordered(_chunk, chunks)


def _chunk(chunk: Chunk) -> tuple[Chunk, Sum]:
    total, started, cpu = Sum(), time.monotonic(), time.process_time()
    level, first, end = chunk
    for seed in range(first, end):
        found = one(seed, level)
        violations = [(seed, found.violations)] if found.violations else []
        total.add(Sum(1, found.looked, found.writes, taken=found.looks.taken, violations=violations))
    total.seconds, total.cpu = time.monotonic() - started, time.process_time() - cpu
    return chunk, total


def report(total: Sum, least: int, besides: set[Transition]) -> int:
    """Print the table of transitions and the sums; returns 1 for a violation, or a transition too rarely taken."""
    counts = {transition: count(total.taken, transition) for transition in {*transitions(), *besides}}
    print(f"{'state':23} {'turn':18} {'then':23} {'taken':>8}")
    for transition, taken in sorted(counts.items()):
        print(_row(transition, taken), "  <" if taken < least else "", sep="")
    print("the ten rarest:")
    for transition, taken in sorted(counts.items(), key=lambda item: item[1])[:10]:
        print(_row(transition, taken))
    rare = [transition for transition, taken in counts.items() if taken < least]
    each = max(1, total.histories)
    print(
        f"{total.histories} histories, {total.looks} looks, {total.writes} writes in {total.seconds:.0f} s of workers "
        f"({each / max(total.seconds, 0.001):.1f} histories/s a worker, {total.cpu / each:.3f} s of processor time "
        f"each): {len(total.violations)} violations"
    )
    if total.violations:
        print("show one with: python -m tests.sim --level LEVEL --replay SEED")
    print(f"{len(rare)} of {len(counts)} transitions were taken fewer than {least} times")
    return 1 if total.violations or rare else 0


def _row(transition: Transition, taken: int) -> str:
    state, turn, after = transition
    return f"{state:23} {turn:18} {after:23} {taken:8d}"


def count(taken: Counter[Transition], transition: Transition) -> int:
    """Return how often a transition was taken: the bake is the stable state with the former revision still up."""
    state, turn, after = transition
    return taken[transition] + (taken[state, turn, "Bake"] if after == "Stable" else 0)
