"""Scale to zero: when a model may sleep, and what keeps it awake.

A model sleeps when min_replicas is 0 and for the idle window nothing came, nothing was in flight and nothing was
hidden. Its requests then come to the activator, which holds them; the first one wakes it.
"""

from __future__ import annotations

from .config import Config
from .sample import Sample
from .state import State
from .traffic import Traffic


def busy_after(before: float | None, traffic: Traffic, now: float) -> float:
    """Return when there was last a request, or a pod that may have had one unseen."""
    quiet = traffic.arrived == 0 and traffic.serving == 0 and traffic.waiting == 0 and traffic.missing == 0
    return before if before is not None and quiet else now


def sleeps(config: Config, state: State, sample: Sample, now: float) -> bool:
    """Return whether no replica is needed."""
    if config.min_replicas > 0 or not sample.may_sleep or state.busy_at is None or state.panic is not None:
        return False
    return now - state.busy_at >= config.idle_window
