"""Which turn comes next: any may, and those that lead on, or that the present state is there for, come more often.

Each history aims at one cell of the tables of docs/rollouts.md, in turn, so that rare ones are not left to chance: its
first rollout is of a strategy that has the state, and in that state the turn comes often.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from . import turns
from .table import transitions
from .turns import Turn

if TYPE_CHECKING:
    from .story import Story

_ANYWHERE = {
    "new": 3, "back": 3, "pause": 3, "freeze": 2, "lose_status": 2, "lose_child": 2, "change_child": 2,
    "scale_child": 1, "size": 1, "policy": 1, "path": 0.2, "provider": 0.4, "front": 0.3, "remove": 0.3, "shared": 0.5,
    "ask_oddly": 1,
    "breaks": 4, "breaks_stable": 2, "kill": 3, "kill_stable": 2, "late": 2, "trouble": 1, "opinion": 3, "silence": 3,
    "traffic": 1.5, "counters": 1, "load": 0.5,
    "dies": 1, "dies_writing": 1.5, "fails": 1, "slow": 0.4, "deaf": 0.6, "stale": 0.5, "second": 0.5,
    "approve": 2, "promote": 2, "skip": 2, "pause_it": 2, "resume_it": 2, "abort": 2, "retry": 2, "undo": 2,
    "wake": 0.5,
}  # fmt: skip
IN: dict[str, dict[str, float]] = {
    "Stable": {"new": 30, "policy": 6, "size": 4, "back": 6, "retry": 6, "undo": 6, "provider": 1, "breaks_stable": 1},
    "Bake": {"breaks_stable": 8, "kill_stable": 4, "souring": 6, "back": 5, "undo": 5, "retry": 3, "new": 4},
    "First": {"breaks": 4, "recover": 3, "lose_status": 3, "pause_it": 3, "resume_it": 3, "abort": 2, "silence": 2},
    "Starting": {"late": 5, "promote": 3, "undo": 3},
    "Step": {"late": 5, "skip": 4, "approve": 4, "undo": 3, "new": 4, "opinion": 6},
    "Preview": {"approve": 5, "skip": 3, "undo": 3, "back": 3},
    "Shadow": {"approve": 5, "skip": 3, "undo": 3, "opinion": 6},
    "Promoting": {"late": 6, "abort": 4, "new": 4, "back": 4, "undo": 8, "souring": 4, "lose_status": 4},
    "RollingBack": {"silence": 4, "lose_status": 4, "undo": 4},
    "Clearing": {"abort": 4, "new": 4, "back": 4, "undo": 4, "scale_child": 4},
    "Replacing": {"breaks": 8, "late": 5, "abort": 4, "new": 4, "back": 4, "undo": 4},
    "Restoring": {"breaks_stable": 5, "new": 4, "back": 4, "undo": 4, "late_stable": 4, "retry": 4},
}
_NAMED: dict[str, Turn] = {
    name: getattr(turns, name)
    for name in {*_ANYWHERE, *(name for state in IN.values() for name in state)}
    if hasattr(turns, name)
}
_NAMED |= {"pause_it": turns.REQUESTS["pause"], "resume_it": turns.REQUESTS["resume"]}
_NAMED |= {name: turns.REQUESTS[name] for name in ("approve", "promote", "skip", "abort", "retry", "undo", "wake")}
RELEASED = 0.35
"""How often, where something holds everything up, that ends."""

_OF_SO_MANY = 5
"""One of so many histories is about scaling too; no divisor of the number of aims, so that each aim comes with it."""

_ASLEEP = (("Stable", ("wake",)), ("Bake", ("wake",)))
"""Aims that only a model that sleeps meets."""

AIMED = 0.5
"""How often, in the state that a history aims at, its turn is made."""
_STRATEGIES = {"Step": "canary", "Promoting": "canary", "Preview": "blueGreen", "Shadow": "shadow"} | dict.fromkeys(
    ("Clearing", "Replacing", "Restoring"), "recreate"
)
_BROUGHT_ABOUT = {
    "regressed": ("souring", "opinion"), "crash": ("breaks",), "canary-down": ("kill",),
    "late": ("late",), "late-pause": ("late",),
    "stable-down": ("kill_stable", "breaks_stable"), "no-evidence": ("traffic", "counters"), "paused": ("pause",),
    "silent": ("silence",), "lost-child": ("lose_child", "change_child"), "lost-status": ("lose_status",),
    "frozen": ("freeze",), "pause": ("pause_it",), "resume": ("resume_it",),
}  # fmt: skip
_UNDECIDED = ("Starting", "Step", "Preview", "Shadow")
_LEADING: dict[str, dict[str, tuple[str, float]]] = {
    # A step has fewer pods than all requests need, so that it takes a while.
    "Promoting": {"Stable": ("new", 0.5), "Bake": ("new", 0.3), "Step": ("promote", 0.5)},
    "Bake": dict.fromkeys(_UNDECIDED, ("promote", 0.25)),
    "RollingBack": dict.fromkeys(("Step", "Shadow", "Promoting"), ("abort", 0.25)),
    "Preview": {"Stable": ("new", 0.4)},
    "Restoring": {"Stable": ("new", 0.4), "Bake": ("new", 0.3), "Replacing": ("abort", 0.5)},
}
"""What leads to the state that is aimed at, and how often it is made in others."""
_ELSEWHERE = {
    ("Stable", "crash"): ("breaks_stable",), ("Bake", "crash"): ("breaks_stable",),
    ("Restoring", "crash"): ("breaks_stable", "breaks"), ("Restoring", "late"): ("late_stable",),
    ("Restoring", "late-pause"): ("late_stable",),
    # A third revision takes over only where the stable one has no pods.
    ("Step", "new"): ("new", "new", "kill_stable", "breaks_stable"),
    # A route without a status: the write of the one succeeded, and that of the other failed.
    ("First", "silent"): ("dies_writing", "dies_writing", "recover", "silence"),
}  # fmt: skip
_SEATS = {
    ("Promoting", "undo"): 6, ("Promoting", "lost-status"): 3, ("First", "silent"): 2, ("Step", "new"): 3,
    ("Restoring", "lost-status"): 3, ("Preview", "undo"): 2,
    ("Bake", "wake"): 4,
}  # fmt: skip
"""How many histories aim at a cell where most have one."""


def weights(state: str) -> dict[str, float]:
    """Return how often each turn is made in a state."""
    more = IN[state]
    return {name: _ANYWHERE.get(name, 0) + more.get(name, 0) for name in {**_ANYWHERE, **more}}


def _aims() -> list[tuple[str, tuple[str, ...]]]:
    found = []
    for state, turn in sorted({(state, turn) for state, turn, _ in transitions()}):
        made = _ELSEWHERE.get((state, turn)) or _BROUGHT_ABOUT.get(turn, (turn,))
        if all(name in _NAMED for name in made):  # the others come by waiting
            found += [(state, made)] * _SEATS.get((state, turn), 1)
    return found


def aim(seed: int) -> tuple[str, tuple[str, ...]]:
    """Return the state at which a history aims, and the turns of which one is made there."""
    return _AIMS[seed % len(_AIMS)]


def served(seed: int) -> float:
    """Return how often a history begins with a second revision that takes over, so that there is one to go back to."""
    return 0.9 if aim(seed)[1][0] in ("undo", "back", "retry", "wake") else 0.4


def slow(seed: int) -> float:
    """Return how often a history begins with pods that do not come up yet, so that there is time to do something."""
    return 0.8 if aim(seed)[0] == "First" else 0.15


def scales(seed: int) -> bool:
    """Whether replicas of a history follow a load, and its model may sleep."""
    return sleeps(seed) or seed % _OF_SO_MANY == _OF_SO_MANY - 2


def sleeps(seed: int) -> bool:
    """Whether a history's aim asks for a model that sleeps, also while its former revision is kept."""
    return aim(seed) in _ASLEEP


def aimed(seed: int, state: str, rng: Random) -> str | None:
    """Return the turn that the history's aim asks for in this state; None where any may come."""
    goal, made = aim(seed)
    if state == goal and rng.random() < AIMED:
        return rng.choice(made)
    leading, often = _LEADING.get(goal, {}).get(state, ("", 0.0))
    return leading if rng.random() < often else None


def strategy(seed: int) -> str | None:
    """Return the strategy of a history's first rollout, or None for any."""
    return _STRATEGIES.get(aim(seed)[0])


def choose(story: Story) -> Turn:
    """Return the next turn."""
    name = aimed(story.seed, story.state, story.rng)
    if name is not None:
        return _NAMED[name]
    held = turns.holding(story)
    if held and story.rng.random() < RELEASED:
        return story.rng.choice(held)
    often = _WEIGHTS[story.state]
    return _NAMED[story.rng.choices(list(often), list(often.values()))[0]]


def names() -> list[str]:
    """Return the names of all turns."""
    return list(_NAMED)


def named(name: str) -> Turn:
    """Return a turn by its name."""
    return _NAMED[name]


_AIMS = _aims()
_WEIGHTS = {state: weights(state) for state in IN}
