"""Histories of decisions alone: decide() on plain data, without an API server, some thirty times faster.

What it keeps of the world: plans carried out in part (the operator dies between two writes, or before it has written
the status), decisions on a state that is older than the present one, conflicts, a gateway that answers late or not at
all, pods that start, fail and recover. What it leaves out: everything between an object and an observation, events,
and the three ways that requests come: story.py has those. The turns are in quick.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from tests.rollout import world as plain

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.status import Status
from ekiben.api.traffic import Provider
from ekiben.operator.apply import split
from ekiben.rollout import plan as p
from ekiben.rollout.decide import decide
from ekiben.rollout.observation import Observation
from ekiben.rollout.plan import Plan

from . import owners, scaled
from .load import Load
from .looks import Looks, state_of
from .rulings import Rulings

Json = dict[str, Any]

EPOCH = 1_800_000_000.0
_QUIET = 5.0 - 0.001
"""Seconds without requests that draining takes at least, but for the rounding of times to a millisecond."""


class Died(Exception):  # noqa: N818  no error: what happens to an operator
    """The operator is gone before its next write."""


class ConflictError(Exception):
    """What was to be written has changed since it was read."""


class World(plain.World):
    """A world for many looks: what has not changed is not read again, and a look may fail in its middle."""

    def __init__(self, spec: Json) -> None:
        super().__init__(spec, now=EPOCH)
        self.looks = Looks()
        self.looked = 0
        self.dies_in: int | None = None
        """The operator dies before its n-th write from now."""
        self.dies_unsaved = False
        """The operator dies when it has written something, before the status that tells of it."""
        self.conflicts_in: int | None = None
        self.older: Observation | None = None
        """What looks see instead of the present."""
        self.next_look: float | None = None
        self.tell: Callable[[str], None] | None = None
        self.load: Load | None = None
        """What replicas follow; without it an autoscaler only keeps its minimum, and nothing sleeps."""
        self.wake = False
        """The route leads to the activators."""
        self._read: tuple[int, str, ModelDeployment] | None = None
        self._rulings = Rulings(lambda: self.now, self._violated)
        self._led: dict[str, float] = {}
        """Revision -> when the gateway may last have sent it a request."""

    def resource(self) -> ModelDeployment:
        if self._read is None or self._read[0] != self.generation:
            self._read = (self.generation, "", super().resource())
        return self._read[2].model_copy(update={"status": self.status})

    def observe(self) -> Observation:
        if self.older is None:
            seen = super().observe()
            return seen if self.load is None else self.load.told(self, seen)
        self.seen_ready = {name: one.ready for name, one in self.older.revisions.items()}
        return self.older

    def reconcile(self) -> Plan:
        """Look once, and do what was decided as far as it goes."""
        seen = self.seen = self.observe()
        plan = decide(seen, self.now)
        self.looked += 1
        found = self.looks.looked(seen, self.now, plan, dry=bool(self.problem) or not self.traffic)
        before, after = state_of(seen.resource.status), state_of(plan.status)
        if found or before != after:
            self._say(f"    look: {before} -> {after} ({', '.join(turn for _, turn, _ in found)})")
        self.last_plan = plan
        self._check_timers(plan)
        self._rulings.looked(seen, plan)
        if self.load is not None:
            self.load.note(self)
        self.next_look = None if plan.requeue_after is None else self.now + plan.requeue_after
        first, endings = split(plan.actions)
        try:
            written = self.writes
            self._do(first)
            if self.dies_unsaved and self.writes > written:
                self.dies_unsaved = False
                raise Died
            self._write_status(seen, plan)
            self._do(endings)
            self.check()
            if self.load is not None and self.older is None:
                scaled.looked(self, seen, plan)
        except Died:
            self.next_look = self.now + 0.1
            if self.load is not None:
                self.load.forget()
        except ConflictError:
            self.next_look = self.now + 0.1
        return plan

    def _asked(self) -> tuple[object, ...]:
        return super()._asked() if self.load is None else (*super()._asked(), self.wake)

    def _say(self, text: str) -> None:
        if self.tell is not None:
            self.tell(text)

    def _do(self, actions: tuple[p.Action, ...]) -> None:
        for action in actions:
            if self._changes(action):
                self._may_write(stale=self.older is not None)
                self.writes += 1
                self._say(f"        {action}")
                self._carry_out(action)

    def _write_status(self, seen: Observation, plan: Plan) -> None:
        if plan.status != seen.resource.status:
            self._may_write(stale=seen.resource.status != self.status)
            self.writes += 1
            before, after = dict(self.status), dict(plan.status)
            self._say(f"        status: {', '.join(key for key in after if before[key] != after[key])}")
            self._rulings.decided(seen, self.status, plan.status, stable_down=self._stable_down(plan.status))
            self.status = plan.status

    def _stable_down(self, status: Status) -> bool:
        serving = self.deployed.get(status.stable.revision) if status.stable else None
        return serving is None or serving.ready == 0

    def _violated(self, number: int, what: str) -> NoReturn:
        raise AssertionError(f"invariant {number}: {what}")

    def _may_write(self, *, stale: bool) -> None:
        """Die, or meet a conflict, where that was arranged; a write on what has changed since is always one."""
        if stale:
            raise ConflictError
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in < 0:
                self.dies_in = None
                raise Died
        if self.conflicts_in is not None:
            self.conflicts_in -= 1
            if self.conflicts_in < 0:
                self.conflicts_in = None
                raise ConflictError

    def _changes(self, action: p.Action) -> bool:
        """Whether an action finds something to do, as the applier would see it."""
        match action:
            case p.EnsureRevision(name):
                return name not in self.deployed
            case p.EnsureAutoscaler() | p.DeleteAutoscaler() | p.EnsureScaledObject() | p.DeleteScaledObject():
                return owners.changes(self, action)
            case p.Scale(name, replicas):
                return name in self.deployed and self.deployed[name].wanted != replicas
            case p.EnsureDisruptionBudget(name) | p.DeleteDisruptionBudget(name):
                wanted = isinstance(action, p.EnsureDisruptionBudget)
                return name in self.deployed and self.deployed[name].budget != wanted
            case p.EnsureActivation() | p.LeaveActivation():
                return self.load is not None and self.load.activators.changes(*self._activation(action))
            case p.SetWeights(weights, mirror, preview, wake):
                asked = (self.weights, self.mirror, self.preview, self.wake)
                return asked != (dict(weights), mirror, preview, wake)
            case p.EnsureStableService(name):
                return self.stable_service != name
            case p.DeleteRevision(name):
                return name in self.deployed or name in self.orphans
        return True

    def _carry_out(self, action: p.Action) -> None:
        match action:
            case p.EnsureRevision(name, number, model, replicas):
                self.deployed[name] = plain.Deployed(number, dict(model), self.now, replicas)
                self._adopted(name)
            case p.Scale(name, replicas):
                self._check_scale(name, replicas)
                scaled.scaled(self, name, replicas)
                self.deployed[name].wanted = replicas
            case p.EnsureAutoscaler() | p.DeleteAutoscaler() | p.EnsureScaledObject() | p.DeleteScaledObject():
                owners.carry_out(self, action)
            case p.EnsureDisruptionBudget(name) | p.DeleteDisruptionBudget(name):
                self.deployed[name].budget = isinstance(action, p.EnsureDisruptionBudget)
            case p.EnsureActivation() | p.LeaveActivation():
                self._activate(action)
            case p.SetWeights() | p.EnsureStableService():
                if isinstance(action, p.SetWeights):
                    scaled.routed(self, action.wake)
                    if self.seen is not None and self.last_plan is not None:
                        self._rulings.routed(self.seen, self.last_plan, self.weights or {}, dict(action.weights))
                    self.wake = action.wake
                self._route(action)
            case p.DeleteRevision(name):
                part = (self.status.stable, self.status.canary)
                assert name not in {one.revision for one in part if one is not None}, f"{name} takes part"
                assert name not in self.deployed or self.deployed[name].wanted == 0
                assert not (self.weights or {}).get(name)
                self.deployed.pop(name, None)
                self._adopted(name)

    def _activation(self, action: p.EnsureActivation | p.LeaveActivation) -> tuple[p.EnsureActivation | None, int]:
        """Return what the activators are told: None to leave, and the ready pods."""
        if isinstance(action, p.LeaveActivation):
            return None, 0
        return action, self.seen_ready.get(action.revision, 0)

    def _activate(self, action: p.EnsureActivation | p.LeaveActivation) -> None:
        scaled.activated(self, isinstance(action, p.EnsureActivation) and action.in_path)
        if self.load is not None:
            self.load.activators.carry_out(*self._activation(action))

    def _check_scale(self, name: str, replicas: int) -> None:
        serves = (self.weights or {}).get(name, 0) > 0 and self.spec.get("scaling", {}).get("replicas") != 0
        if replicas == 0 and serves and scaled.emptied(self, name):
            return
        super()._check_scale(name, replicas)
        self._check_drained(name, replicas)

    def _check_drained(self, name: str, replicas: int) -> None:
        """What a rollout's revision was sent is answered before its pods go.

        Those of any other, and of a canary that makes room for the load, go once the gateway leaves them out: they
        answer what they hold in their own grace period.
        """
        resource, quiet = self.resource(), self.now - self._led.get(name, -_QUIET)
        part = {one.revision for one in (self.status.stable, self.status.canary) if one is not None}
        running = self.status.rollout
        if replicas > 0 or name not in part or running is None or self.deployed[name].ready == 0:
            return
        if name == running.revision and running.state in ("Starting", "Promoting"):
            return
        by_gateway = resource.spec.traffic.provider is not Provider.REPLICA_RATIO
        if resource.spec.scaling.floor > 0 and by_gateway:
            assert quiet >= _QUIET, f"{name} ends {quiet:.2f} s after its last request"

    def _adopted(self, name: str) -> None:
        """What was left of a revision belongs to its Deployment again, or is gone."""
        self.orphans = tuple(one for one in self.orphans if one != name)

    def _check_way_back(self, stable: str, new: dict[str, int]) -> None:
        if self.load is None or self.load.sleep == "awake":
            super()._check_way_back(stable, new)

    def _check_weights(self, new: dict[str, int]) -> None:
        planned = self.last_plan.status.stable if self.last_plan else None
        if self.status.stable is None and planned is not None:
            return  # the status was lost, and what is taken as the stable one gets what the others had
        running = self.last_plan.status.rollout if self.last_plan else None
        enough = self.load.provided(self, new) if self.load is not None else None
        if enough is None or (running is not None and running.reason == "BakeFailed") or self._recreates():
            super()._check_weights(new)
        else:
            assert sum(new.values()) == 100, new
            assert enough, f"{new} without capacity for the load"

    def check(self) -> None:
        status = self.status
        rejected = status.rejected_revision
        serving = status.stable.revision if status.stable else None
        if rejected and status.rollout is None and rejected != serving:
            assert not (self.weights or {}).get(rejected), "invariant 2: a rolled-back revision has weight"

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with a look whenever something has changed or was asked for."""
        end = self.now + seconds
        self._look()
        while self.now < end:
            self._tick(max(0.01, self._until(end) - self.now))
            self._look()

    def pass_to_next(self, most: float) -> None:
        """Let time pass until the next look, and look."""
        self._look()
        self._tick(max(0.01, self._until(self.now + most) - self.now))
        self._look()

    def _look(self) -> None:
        if self.load is not None:
            self.load.look(self)
        self.reconcile()

    def _until(self, end: float) -> float:
        """Return when something changes by itself."""
        due = self.load.due(self) if self.load is not None else None
        return min(end, self.next_look or end, self.now + 1.0 if self._moves() else end, due or end)

    def away(self, seconds: float) -> None:
        """Let time pass without any look."""
        end = self.now + seconds
        while self.now < end:
            self._tick(min(1.0, end - self.now))
        if self.load is not None:
            self.load.forget()

    def _moves(self) -> bool:
        """Whether pods or the gateway are on their way."""
        for one in self.deployed.values():
            bound = one.autoscaler is not None and one.wanted < one.autoscaler.min_replicas
            if bound or one.ready > one.wanted or (one.ready < one.wanted and one.startable):
                return True
        return self.gateway_answers and self.weights is not None and self.acknowledged != self._asked()

    def _tick(self, seconds: float) -> None:
        seen = self.acknowledged[0] if self.acknowledged else {}
        assert isinstance(seen, dict)
        self.tick(seconds)
        self._led |= {name: self.now for name in self.deployed if seen.get(name) or (self.weights or {}).get(name)}
        if self.load is not None:
            self.load.tick(self)

    def forget_status(self) -> None:
        """Somebody, or something, has emptied the status."""
        self.status = Status()
        self.looks.marks.add("lost-status")
