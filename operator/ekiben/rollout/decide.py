"""Observation -> Plan: the one place where a rollout is decided."""

from __future__ import annotations

from . import (
    adoption,
    asleep,
    bake,
    begin,
    conditions,
    first,
    freeze,
    ledger,
    objectives,
    pins,
    requests,
    steady,
    summary,
    turn,
)
from .draft import Draft
from .observation import Observation
from .plan import Plan


def decide(observation: Observation, now: float) -> Plan:
    """Return what to do about one resource, given everything that is known about it.

    Pure: the same observation and the same time give the same plan, and a plan that has been carried out leads to
    one that changes nothing. `now` is in seconds since the epoch.
    """
    draft = Draft(asleep.known(observation), now)
    if observation.resource.metadata.deletion_timestamp is not None:
        # The owner references take the children away, the route with them.
        return draft.plan()
    if draft.status.stable is None and draft.status.rollout is None:
        adoption.adopt(draft)
    if draft.status.observed_generation == 0:
        requests.refuse(draft, "it was there before this status began, and may have been handled: ask again")
    if observation.frozen:
        freeze.run(draft)
    elif not adoption.lost(draft):
        steady.forget_rejection(draft)
        pins.forget(draft)
        requests.handle(draft)
        if draft.status.stable is None:
            first.run(draft)
        else:
            _serve(draft)
    asleep.write(draft)
    summary.write(draft)
    objectives.write(draft)
    conditions.write(draft)
    ledger.write(draft)
    return draft.plan()


def _serve(draft: Draft) -> None:
    if draft.status.rollout is None:
        bake.judge(draft)
    if draft.status.rollout is None:
        begin.begin(draft)
    if draft.status.rollout is None:
        steady.route(draft)
    else:
        turn.run(draft)
    steady.tidy(draft)
