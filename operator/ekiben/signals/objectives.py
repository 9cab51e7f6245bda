"""The objectives of the revision that serves, held against what its pods count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ekiben.analysis import StateError, objective
from ekiben.analysis.objective import State
from ekiben.api.rollout import Rollout
from ekiben.api.status import ObjectivesStatus
from ekiben.rollout.observation import Evidence

from .increments import Increment, common_bounds, counts_on

_PERIOD = 3600.0
"""Seconds after which the tests begin anew: a bound for the whole life of a revision would be of no use."""


class Objectives:
    """The tests of one revision's objectives."""

    def __init__(self, policy: Rollout, revision: str, saved: ObjectivesStatus | None = None) -> None:
        """Prepare.

        Args:
            policy: what is asked for, and how sure it has to be.
            revision: the one that serves.
            saved: what the status keeps; of another revision, or of other objectives, it is dropped.
        """
        self.revision = revision
        self._policy = policy
        self._goals = objective.goals(policy.objectives)
        self._state = self._restored(saved)
        self._settled: float | None = None

    def settle(self, until: float) -> None:
        """Count nothing that was counted before then, in seconds since the epoch."""
        self._settled = until

    def pause(self) -> None:
        """Count nothing until `settle`."""
        self._settled = None

    def count(self, counted: Mapping[str, Increment], since: Mapping[str, float], now: float) -> None:
        """Take in what the revision's pods counted, each since its last reading."""
        settled = self._settled
        if not self._goals or settled is None:
            return
        if self._state is None or now - self._state.since >= _PERIOD:
            self._state = objective.start(self._goals, self._policy.analysis, now)
        fresh = {uid: one for uid, one in counted.items() if since[uid] >= settled}
        bounds = common_bounds(fresh.values())
        self._state = objective.count(self._state, counts_on(fresh, bounds).values(), bounds)

    def told(self, about: Evidence) -> Evidence:
        """Return evidence with what the objectives say."""
        if self._state is None:
            return about
        verdict, message, metrics = objective.judge(self._state)
        return replace(
            about,
            stable=self.revision,
            stable_verdict=verdict,
            stable_message=message,
            stable_metrics=metrics,
            stable_state=self._state.to_json(),
        )

    def _restored(self, saved: ObjectivesStatus | None) -> State | None:
        if saved is None or saved.revision != self.revision or not saved.state:
            return None
        try:
            state = State.from_json(saved.state)
        except StateError:
            return None
        return state if state.goals == self._goals else None
