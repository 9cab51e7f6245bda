"""Running many histories on several processes, and telling what came of them."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from .outcome import Outcome
from .quick import Quick
from .story import Story
from .table import Transition, transitions

_CHUNK = 25
_TOLD_EVERY = 10.0


@dataclass
class Sum:
    """What many histories came to."""

    histories: int = 0
    looks: int = 0
    writes: int = 0
    cpu: float = 0.0
    """Seconds of processor time."""
    taken: Counter[Transition] = field(default_factory=Counter)
    violations: list[tuple[int, list[str]]] = field(default_factory=list)

    def add(self, other: Sum) -> None:
        """Add what other histories came to."""
        self.histories += other.histories
        self.looks += other.looks
        self.writes += other.writes
        self.cpu += other.cpu
        self.taken.update(other.taken)
        self.violations += other.violations


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


def run(histories: int, seed: int, workers: int, least: int, level: str, *, keep_going: bool) -> int:
    """Run histories, and print what came of them; returns 1 where something is wrong."""
    started, total, told = time.monotonic(), Sum(), time.monotonic()
    for part in _parts(histories, seed, workers, level):
        total.add(part)
        for number, what in part.violations:
            print(f"history {number}: {what[0]}", flush=True)
        if time.monotonic() - told > _TOLD_EVERY:
            told = time.monotonic()
            rate = total.histories / (told - started)
            print(f"{total.histories} histories, {rate:.1f}/s, {len(total.violations)} violations", flush=True)
        if total.violations and not keep_going:
            break
    return _report(total, time.monotonic() - started, least)


def _parts(histories: int, seed: int, workers: int, level: str) -> Iterator[Sum]:
    chunks = [(start, min(start + _CHUNK, seed + histories), level) for start in range(seed, seed + histories, _CHUNK)]
    if workers < 2:
        yield from map(_chunk, chunks)
        return
    with multiprocessing.Pool(workers) as pool:
        yield from pool.imap_unordered(_chunk, chunks)


def _chunk(part: tuple[int, int, str]) -> Sum:
    total, started = Sum(), time.process_time()
    first, end, level = part
    for seed in range(first, end):
        found = one(seed, level)
        violations = [(seed, found.violations)] if found.violations else []
        total.add(Sum(1, found.looked, found.writes, taken=found.looks.taken, violations=violations))
    total.cpu = time.process_time() - started
    return total


def _report(total: Sum, seconds: float, least: int) -> int:
    expected = transitions()
    counts = {transition: _count(total.taken, transition) for transition in expected}
    print(f"{'state':12} {'turn':18} {'then':12} {'taken':>8}")
    for (state, turn, after), count in sorted(counts.items()):
        print(f"{state:12} {turn:18} {after:12} {count:8d}{'  <' if count < least else ''}")
    rare = [transition for transition, count in counts.items() if count < least]
    print(
        f"{total.histories} histories, {total.looks} looks, {total.writes} writes in {seconds:.0f} s "
        f"({total.histories / seconds:.1f} histories/s, {total.cpu / max(1, total.histories):.3f} s of processor time "
        f"each): {len(total.violations)} violations"
    )
    if total.violations:
        print("show one with: python -m tests.sim --replay SEED")
    if rare:
        print(f"{len(rare)} of {len(counts)} transitions were taken fewer than {least} times")
    return 1 if total.violations or rare else 0


def _count(taken: Counter[Transition], transition: Transition) -> int:
    state, turn, after = transition
    # The bake is the stable state with the former revision still up.
    return taken[transition] + (taken[state, turn, "Bake"] if after == "Stable" else 0)
