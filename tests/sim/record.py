"""What many histories came to, kept in a file, chunk by chunk."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .table import Transition

Chunk = tuple[str, int, int]
"""(level, first seed, the seed after the last)"""

_ROOT = Path(__file__).resolve().parents[2]
_CODE = ("operator/ekiben/**/*.py", "tests/sim/*.py", "tests/rollout/world.py", "docs/rollouts.md")


@dataclass
class Sum:
    """What many histories came to."""

    histories: int = 0
    looks: int = 0
    writes: int = 0
    seconds: float = 0.0
    """How long the worker took."""
    cpu: float = 0.0
    """Seconds of processor time."""
    taken: Counter[Transition] = field(default_factory=Counter)
    violations: list[tuple[int, list[str]]] = field(default_factory=list)

    def add(self, other: Sum) -> None:
        """Add what other histories came to."""
        self.histories += other.histories
        self.looks += other.looks
        self.writes += other.writes
        self.seconds += other.seconds
        self.cpu += other.cpu
        self.taken.update(other.taken)
        self.violations += other.violations


class Record:
    """A file with one line for each finished chunk; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        """Read what is there.

        Raises:
            SystemExit: it was written by other code, whose histories are other ones.
        """
        self.done: dict[Chunk, Sum] = {}
        self._path = path
        self._code = _digest() if path is not None else ""
        if path is None or not path.exists():
            return
        for line in path.read_text().splitlines():
            found = json.loads(line)
            if found.pop("code") != self._code:
                raise SystemExit(f"{path} is of other code: its histories are not today's; delete it to begin anew")
            level, first, end = found.pop("chunk")
            taken = Counter({(state, turn, after): count for state, turn, after, count in found.pop("taken")})
            violations = [(seed, what) for seed, what in found.pop("violations")]
            self.done[level, first, end] = Sum(**found, taken=taken, violations=violations)

    def add(self, chunk: Chunk, part: Sum) -> None:
        """Write a finished chunk down."""
        self.done[chunk] = part
        if self._path is None:
            return
        taken = [[*transition, count] for transition, count in sorted(part.taken.items())]
        with self._path.open("a") as file:
            file.write(json.dumps({"code": self._code, "chunk": chunk, **vars(part), "taken": taken}) + "\n")


def _digest() -> str:
    found = hashlib.sha256()
    for path in sorted(path for pattern in _CODE for path in _ROOT.glob(pattern)):
        found.update(str(path.relative_to(_ROOT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
