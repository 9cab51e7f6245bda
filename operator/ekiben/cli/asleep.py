"""A model at minReplicas 0 that sleeps or wakes, in a word and in a sentence: pure."""

from __future__ import annotations

from typing import Literal

from ekiben.api.status import RevisionStatus
from ekiben.cli import words
from ekiben.cli.seen import Seen

State = Literal["", "asleep", "falling asleep", "waking"]
_STATES: dict[str, State] = {"Asleep": "asleep", "FallingAsleep": "falling asleep", "Waking": "waking"}


def state(seen: Seen) -> State:
    """Return where the model stands; empty where it is awake."""
    told = seen.condition("Asleep")
    return _STATES.get(told.reason, "") if told is not None and seen.status.stable is not None else ""


def headline(seen: Seen, now: float) -> str:
    """Return what there is to say of it first; empty where it is awake, or a rollout is what there is to say."""
    told, stable, found = seen.condition("Asleep"), seen.status.stable, state(seen)
    if told is None or stable is None or not found or seen.status.rollout is not None:
        return ""
    name, lasts = f"Revision {stable.number}", words.span(now - words.moment(told.last_transition_time))
    if found == "asleep":
        return f"{name} has been asleep for {lasts}: no replica runs, and the next request wakes it."
    if found == "falling asleep":
        return f"{name} is falling asleep: nobody asks for it, and its last replicas go when nothing is left."
    healthy = seen.condition("Healthy")
    if healthy is not None and healthy.reason == "CannotWake":
        return f"{name} has been waking for {lasts}, and cannot: {words.shortened(healthy.message)}."
    return f"{name} has been waking for {lasts}: {held(stable)}."


def held(stable: RevisionStatus) -> str:
    """Return what happens to requests while a revision wakes."""
    return f"the activators hold requests until a replica is ready ({stable.ready} of {stable.replicas})"
