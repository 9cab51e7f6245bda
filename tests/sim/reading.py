"""Policies of running rollouts, read once: to read one takes longer than the rest of a look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ekiben.api.policy import in_force
from ekiben.api.rollout import Rollout
from ekiben.api.status import RolloutStatus
from ekiben.rollout import draft

_READ: dict[int, tuple[object, Rollout]] = {}


def policy_of(running: RolloutStatus) -> Rollout:
    """Return the policy of a running rollout: the same dictionary is the same policy."""
    found = _READ.get(id(running.policy))
    if found is None or found[0] is not running.policy:
        if len(_READ) > 64:
            _READ.clear()
        found = _READ[id(running.policy)] = (running.policy, Rollout.model_validate(running.policy))
    return found[1]


def _in_force(running: RolloutStatus | None, spec: Rollout) -> Rollout:
    return policy_of(running) if running is not None and running.policy else in_force(running, spec)


@contextmanager
def read_once() -> Iterator[None]:
    """While it is entered, decisions read each policy once."""
    before, draft.in_force = draft.in_force, _in_force
    try:
        yield
    finally:
        draft.in_force = before
