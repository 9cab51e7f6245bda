"""Samples of made-up fleets, and runs of the scaler over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from ekiben.scaling import Config, Decision, Kind, Metric, Pod, Reading, Sample, State, initial, step

T0 = 1_700_000_000.0
BY_TARGET = Config(min_replicas=1, max_replicas=100, metrics=(Metric(Kind.CONCURRENCY, 10),), limit=20)
BY_LIMIT = Config(min_replicas=1, max_replicas=100, limit=10)
SERVICE = 0.5


def reading(at_once: float, service: float = SERVICE, limit: float | None = None) -> Reading:
    """What a pod with so many requests at once counts in a steady second."""
    working = at_once if limit is None else min(at_once, limit)
    return Reading(at_once, at_once / service, working / service)


def sample(
    replicas: int,
    load: float,
    *,
    ready: int | None = None,
    unread: int = 0,
    service: float = SERVICE,
    started_in: float | None = 5.0,
    waiting: float = 0.0,
    slots: float = 20,
) -> Sample:
    """A fleet that shares `load` requests at once evenly; of the ready pods `unread` could not be read.

    A pod works on `slots` at once, the others wait; what comes would make the load if there were pods for all of it.
    """
    ready = replicas if ready is None else ready
    each = reading(load / ready, service, slots) if ready else None
    pods = [Pod(True, each if n >= unread else None, started_in) for n in range(ready)]
    pods += [Pod(False)] * (replicas - ready)
    return Sample(replicas, tuple(pods), waiting=waiting)


def run(
    config: Config,
    seconds: Iterable[int],
    make: Callable[[int, int], Sample],
    state: State | None = None,
    replicas: int = 1,
) -> tuple[State, list[Decision]]:
    """Step through seconds; `make` gets (second, replicas). What is decided is there a second later."""
    state, decisions = state or initial(), []
    for second in seconds:
        state, decision = step(config, state, replace(make(second, replicas), replicas=replicas), T0 + second)
        decisions.append(decision)
        replicas = decision.replicas
    return state, decisions


def steady(load: float, **more: object) -> Callable[[int, int], Sample]:
    """The same load each second."""
    return lambda _, replicas: sample(replicas, load, **more)


def settled(config: Config, load: float, seconds: int = 600) -> tuple[State, int]:
    """State and replicas after a long steady load."""
    state, decisions = run(config, range(seconds), steady(load), replicas=max(1, config.min_replicas))
    return state, decisions[-1].replicas
