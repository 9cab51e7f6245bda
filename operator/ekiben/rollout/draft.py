"""A plan in the making."""

from __future__ import annotations

from typing import Any

from ekiben.api.policy import in_force, last_known
from ekiben.api.rollout import Rollout
from ekiben.api.status import Phase, Status
from ekiben.api.traffic import Provider

from .observation import Observation, Revision, Target
from .plan import Action, Event, Plan


class Draft:
    """Collects actions, events and the next status while the rules look at one observation."""

    def __init__(self, observation: Observation, now: float) -> None:
        self.observation = observation
        self.now = now
        self.status: Status = observation.resource.status
        self.actions: list[Action] = []
        self.events: list[Event] = []
        self.look_at: list[float] = []
        self.phase = Phase.PENDING
        self.hold_reason = ""
        self.hold_message = ""
        self._policy: tuple[dict[str, Any], Rollout] | None = None
        self._last: tuple[dict[str, Any], Rollout] | None = None

    @property
    def target(self) -> Target:
        """The revision that should serve: the one that `undo` went back to, or else spec.model's."""
        pinned = self.status.pinned
        if pinned is not None and pinned.instead_of == self.observation.target.revision:
            return Target(pinned.revision, pinned.image, pinned.model)
        return self.observation.target

    @property
    def spec_rollout(self) -> Rollout:
        """spec.rollout as it is now, over its policy; while that cannot be used, as the last rollout had it."""
        if self.observation.policy_problem and self.status.last_policy:
            return self.last_rollout
        return self.observation.rollout or self.observation.resource.spec.rollout

    @property
    def last_rollout(self) -> Rollout:
        """spec.rollout over its policy, as the last rollout had it."""
        written = self.status.last_policy
        if self._last is None or self._last[0] is not written:
            now = self.observation.rollout or self.observation.resource.spec.rollout
            self._last = (written, last_known(written, now))
        return self._last[1]

    @property
    def paused(self) -> str:
        """Why nothing should go on, or an empty text."""
        if self.observation.resource.spec.rollout.paused:
            return "spec.rollout.paused is true"
        if self.status.paused:
            return "somebody asked for a pause: `ekiben resume` ends it"
        return ""

    @property
    def policy(self) -> Rollout:
        """The policy of the rollout that is going on: spec.rollout as it was when it began."""
        running = self.status.rollout
        if running is None or not running.policy:
            return self.spec_rollout
        # To read it costs more than all else in a look, and it is asked for a dozen times.
        if self._policy is None or self._policy[0] is not running.policy:
            self._policy = (running.policy, in_force(running, self.spec_rollout))
        return self._policy[1]

    @property
    def by_replicas(self) -> bool:
        """Whether the number of ready pods splits the requests, not a Gateway."""
        return self.observation.resource.spec.traffic.provider is Provider.REPLICA_RATIO

    def revision(self, name: str | None) -> Revision | None:
        """Return a revision that exists in the cluster."""
        return self.observation.revisions.get(name) if name else None

    def ready(self, name: str | None) -> int:
        """Return the ready replicas of a revision; 0 where it does not exist."""
        revision = self.revision(name)
        return revision.ready if revision else 0

    def act(self, *actions: Action) -> None:
        """Add actions, in order; one that is there already is not repeated."""
        self.actions.extend(action for action in actions if action not in self.actions)

    def tell(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Add an Event."""
        self.events.append(Event("Warning" if warning else "Normal", reason, message[:1000]))

    def look_in(self, seconds: float) -> None:
        """Ask for another look in so many seconds."""
        self.look_at.append(self.now + max(0.05, seconds))

    def update(self, **fields: Any) -> None:
        """Change fields of the status."""
        self.status = self.status.model_copy(update=fields)

    def update_rollout(self, **fields: Any) -> None:
        """Change fields of the running rollout's status."""
        if self.status.rollout is not None:
            self.update(rollout=self.status.rollout.model_copy(update=fields))

    def begin_step(self, **fields: Any) -> None:
        """Begin a step, preview or shadow, this one anew or another: nothing is left of what its clock has seen."""
        self.update_rollout(**{"step_since": None, "still_since": None, "awaits_approval": False, **fields})

    def stop_judging(self) -> None:
        """Begin the analysis deadline anew once the canary is judged again: what is noted of it goes altogether.

        A look that counts and then stops must leave nothing behind: each change would be a write, and a further look.
        """
        self.update_rollout(judged_since=None, judged_at=None, unusable="", unusable_since=None)

    def update_canary(self, **fields: Any) -> None:
        """Change fields of the canary's status."""
        if self.status.canary is not None:
            self.update(canary=self.status.canary.model_copy(update=fields))

    def hold(self, reason: str, message: str) -> None:
        """Say why the rollout does not go on."""
        self.hold_reason, self.hold_message = reason, message

    def plan(self) -> Plan:
        """Return the finished plan."""
        after = min(self.look_at) - self.now if self.look_at else None
        return Plan(tuple(self.actions), self.status, tuple(self.events), after)
