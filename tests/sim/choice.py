"""Which turn comes next: any may, and those that lead on, or that the present state is there for, come more often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import turns
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
}  # fmt: skip
IN: dict[str, dict[str, float]] = {
    "Stable": {"new": 30, "policy": 6, "size": 4, "back": 6, "retry": 6, "undo": 6, "provider": 1, "breaks_stable": 1},
    "Bake": {"breaks_stable": 8, "kill_stable": 4, "souring": 6, "back": 5, "undo": 5, "retry": 3, "new": 4},
    "First": {"late": 4, "breaks": 4, "recover": 6, "new": 4},
    "Starting": {"late": 5, "promote": 3, "undo": 3},
    "Step": {"late": 5, "skip": 4, "approve": 4, "undo": 3, "new": 4, "opinion": 6},
    "Preview": {"approve": 5, "skip": 3, "undo": 3, "back": 3},
    "Shadow": {"approve": 5, "skip": 3, "undo": 3, "opinion": 6},
    "Promoting": {"late": 6, "abort": 4, "new": 4, "back": 4, "undo": 3, "souring": 4},
    "RollingBack": {"silence": 4, "lose_status": 4, "undo": 4},
    "Clearing": {"abort": 4, "new": 4, "back": 4, "undo": 4, "scale_child": 4},
    "Replacing": {"breaks": 8, "late": 5, "abort": 4, "new": 4, "back": 4, "undo": 4},
    "Restoring": {"breaks_stable": 5, "new": 4, "back": 4, "undo": 4, "late_stable": 4},
}
_NAMED: dict[str, Turn] = {
    name: getattr(turns, name)
    for name in {*_ANYWHERE, *(name for state in IN.values() for name in state)}
    if hasattr(turns, name)
}
_NAMED |= {"pause_it": turns.REQUESTS["pause"], "resume_it": turns.REQUESTS["resume"]}
_NAMED |= {name: turns.REQUESTS[name] for name in ("approve", "promote", "skip", "abort", "retry", "undo")}
RELEASED = 0.35
"""How often, where something holds everything up, that ends."""


def weights(state: str) -> dict[str, float]:
    """Return how often each turn is made in a state."""
    more = IN[state]
    return {name: _ANYWHERE.get(name, 0) + more.get(name, 0) for name in {**_ANYWHERE, **more}}


def choose(story: Story) -> Turn:
    """Return the next turn."""
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


_WEIGHTS = {state: weights(state) for state in IN}
