"""Scale to zero: when a revision may sleep, and what keeps it awake.

A revision sleeps when min_replicas is 0 and for the idle window nothing came, nothing was in flight and nothing was
hidden. Its requests then come to the activator, which holds them; the first one wakes it.
"""

from __future__ import annotations

from enum import StrEnum

from .config import Config
from .sample import Sample
from .state import State
from .traffic import Traffic


class Phase(StrEnum):
    """Where a rollout stands, as far as sleep is concerned."""

    NONE = "none"
    STARTING = "starting"
    """The canary has to show that it starts; it has no requests yet."""
    SHARED = "shared"
    """Both revisions get requests."""


def busy_after(before: float | None, traffic: Traffic, now: float) -> float:
    """Return when there was last a request, or a pod that may have had one unseen."""
    quiet = traffic.arrived == 0 and traffic.serving == 0 and traffic.waiting == 0 and traffic.missing == 0
    return before if before is not None and quiet else now


def idle(config: Config, state: State, now: float) -> bool:
    """Return whether a revision had no request for the idle window, and everything was seen."""
    return state.busy_at is not None and now - state.busy_at >= config.idle_window


def sleeps(config: Config, state: State, sample: Sample, now: float) -> bool:
    """Return whether a revision needs no replica."""
    if config.min_replicas > 0 or not sample.may_sleep or state.panic is not None:
        return False
    return idle(config, state, now)


def awake(config: Config, phase: Phase, *, idle: bool) -> tuple[int, int]:
    """Return the least replicas of the stable revision and of the canary.

    A verdict compares both under the same load. So once either gets a request, both are awake: the other one would
    otherwise meet its first request cold. While nobody asks for the model there is nothing to compare, and both may
    sleep; the rollout waits. The canary starts in any case, because it has to show that it can.

    Args:
        config: what was asked for; above min_replicas 0 nothing sleeps.
        phase: where the rollout stands.
        idle: whether both revisions are.
    """
    if config.min_replicas > 0:
        return config.min_replicas, 0 if phase is Phase.NONE else 1
    if phase is Phase.NONE:
        return 0, 0
    if phase is Phase.STARTING:
        return 0, 1
    return (0, 0) if idle else (1, 1)
