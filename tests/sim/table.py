"""The tables of docs/rollouts.md as the transitions that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

STATES = (
    "Stable",
    "Bake",
    "First",
    "Starting",
    "Step",
    "Preview",
    "Shadow",
    "Promoting",
    "RollingBack",
    "Clearing",
    "Replacing",
    "Restoring",
)
REFUSED = "refused"
Transition = tuple[str, str, str]
"""(state before, turn, state after, or refused)"""

_DOC = Path(__file__).resolve().parents[2] / "docs" / "rollouts.md"

_OWNERS = ("Fixed", "HorizontalPodAutoscaler", "ekiben", "KEDA")
_NAPS = ("FallingAsleep", "Asleep", "Waking")
_IN_A_NAP = ("new", "request", "follow", "restart", "lose_status", "dies", "freeze", "traffic", "activators")


def scaling() -> set[Transition]:
    """Return what histories of decisions have to take of scaling: (before, turn, after).

    Each change of who owns the replicas, each turn that people, nature and bad luck make while a model sleeps or is on
    its way, and each way between these; what a turn leads to is said by docs/scale-to-zero.md, not by a cell.
    """
    found = {(before, "follow", after) for before in _OWNERS for after in _OWNERS if before != after}
    found |= {(nap, turn, "any") for nap in _NAPS for turn in _IN_A_NAP}
    found |= {("Load", turn, after) for turn, after in (("moves", "Higher"), ("moves", "Lower"), ("unreadable", "any"))}
    ways = ("Awake", *_NAPS, "Awake")
    found |= {(before, "then", after) for before, after in pairwise(ways)}
    return found | {("FallingAsleep", "then", "Awake")}


def transitions() -> dict[Transition, str]:
    """Return every transition that a cell names, with the cell's text."""
    return {(state, turn, after): text for turn, state, text in _cells() for after in _named(text, state)}


def _cells() -> Iterator[tuple[str, str, str]]:
    """Yield (turn, state, text) of each cell of the tables whose first column is the turn."""
    states: list[str] = []
    for line in _DOC.read_text().splitlines():
        if not line.startswith("|"):
            states = []
            continue
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if row[0] == "turn":
            states = row[1:]
        elif states and not set(row[0]) <= {"-"}:
            for turn in re.findall(r"`([a-z-]+)`", row[0].partition(":")[0]):
                for state, text in zip(states, row[1:], strict=True):
                    yield turn, state, text


def _named(text: str, state: str) -> set[str]:
    """Return the states after that a cell names."""
    if text == "-":
        return set()
    # What comes later is another look's doing.
    text = re.sub(r"\bthen [A-Z]\w+|\bonce [^;|]*", "", text)
    found = {name for name in STATES if re.search(rf"\b{name}\b", text)}
    if re.match(r"same\b", text):
        found = {state}
    if re.search(r"\brefused\b", text):
        found.add(REFUSED)
    return found
