"""A world for decide(): Deployments, pods, a gateway and a clock, as plain data.

It carries plans out as the operator would, and checks the invariants of docs/rollouts.md after each pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.rollout import Rollout
from ekiben.api.status import MetricEvidence, Status
from ekiben.rollout import plan as p
from ekiben.rollout import times
from ekiben.rollout.asleep import known
from ekiben.rollout.capacity import Owner
from ekiben.rollout.decide import decide
from ekiben.rollout.observation import (
    Activator,
    Autoscaler,
    Drain,
    Evidence,
    Feature,
    Observation,
    Pod,
    Revision,
    Route,
    Target,
)


def needed(weight: int, total: int) -> int:
    """Return the replicas that `weight` per cent of the requests need, where `total` replicas serve all of them.

    Rounded up, and at least 1 for any weight above 0: 5 % of 2 replicas is 1, 50 % of 5 is 3.
    """
    if weight <= 0:
        return 0
    return max(1, math.ceil(total * weight / 100))


@dataclass
class Deployed:
    number: int
    model: dict[str, Any]
    created: float
    wanted: int
    ready: int = 0
    autoscaler: Autoscaler | None = None
    scaled_object: Autoscaler | None = None
    handing_over: tuple[Autoscaler, float] | None = None
    """The bounds of KEDA's own autoscaler, whose ScaledObject is gone, and when it goes too."""
    budget: bool = False
    trouble: Pod | None = None
    startable: bool = True
    unmade: str = ""

    @property
    def bounds(self) -> Autoscaler | None:
        """Within which somebody else than ekiben moves the replicas; None where nobody does."""
        return self.autoscaler or self.scaled_object or (self.handing_over[0] if self.handing_over else None)


@dataclass
class World:
    spec: dict[str, Any]
    now: float = 1_000_000.0
    generation: int = 1
    status: Status = field(default_factory=Status)
    deployed: dict[str, Deployed] = field(default_factory=dict)
    weights: dict[str, int] | None = None
    mirror: tuple[str, int] | None = None
    preview: str | None = None
    acknowledged: tuple[object, ...] | None = None
    gateway_answers: bool = True
    stable_service: str | None = None
    verdict: str = "Unknown"
    problem: str = ""
    hung: bool = False
    objectives: str = "Unknown"
    request: str = ""
    frozen: str = ""
    unusable: str = ""
    policy: Rollout | None = None
    policy_problem: str = ""
    unsupported: dict[Feature, str] = field(default_factory=dict)
    drift: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    sleep: Literal["awake", "asleep", "waking"] = "awake"
    activator: Activator | None = None
    traffic: bool = True
    counted_since: float | None = None
    events: list[p.Event] = field(default_factory=list)
    writes: int = 0
    seen: Observation | None = None
    """What was looked at last."""
    last_plan: p.Plan | None = None
    seen_ready: dict[str, int] = field(default_factory=dict)
    """Ready replicas of each revision when it was looked at last: what a plan does changes them while it is done."""

    @property
    def target(self) -> Target:
        model = self.spec["model"]
        return Target(model["image"].split(":")[-1], model["image"], model)

    def resource(self) -> ModelDeployment:
        return ModelDeployment.parse(
            {
                "metadata": {"name": "iris", "namespace": "default", "uid": "u", "generation": self.generation},
                "spec": self.spec,
                "status": self.status.model_dump(mode="json", by_alias=True),
            }
        )

    def observe(self) -> Observation:
        revisions = {
            name: Revision(
                name=name,
                number=one.number,
                image=one.model["image"],
                created=one.created,
                model=one.model,
                wanted=one.wanted,
                ready=min(one.ready, one.wanted),
                existing=one.ready if one.unmade else max(one.ready, one.wanted),
                unmade=one.unmade,
                autoscaler=one.autoscaler,
                scaled_object=one.scaled_object,
                handing_over=one.handing_over is not None,
                budget=one.budget,
                pods=(one.trouble,) if one.trouble and one.wanted else (),
            )
            for name, one in self.deployed.items()
        }
        self.seen_ready = {name: one.ready for name, one in revisions.items()}
        route = None
        if self.weights is not None:
            route = Route(
                dict(self.weights),
                acknowledged=self.acknowledged == self._asked(),
                mirror=self.mirror[0] if self.mirror else None,
                preview=self.preview,
            )
        return Observation(
            resource=self.resource(),
            target=self.target,
            revisions=revisions,
            route=route,
            evidence=self._evidence(),
            drains={name: Drain(known=True, quiet_since=0.0) for name in revisions},
            selector={name: f"ekiben.dev/revision={name}" for name in revisions},
            service=self.stable_service,
            rollout=self.policy,
            policy_problem=self.policy_problem,
            request=self.request,
            frozen=self.frozen,
            unusable=self.unusable,
            unsupported=self.unsupported,
            drift=self.drift,
            orphans=self.orphans,
            sleep=self.sleep,
            activator=self.activator,
        )

    def _asked(self) -> tuple[object, ...]:
        return (dict(self.weights or {}), self.mirror, self.preview)

    def _evidence(self) -> Evidence | None:
        running = self.status.rollout
        if running is None or self.status.canary is None:
            stable = self.status.stable
            return self._objectives(stable.revision) if stable else None
        judged = self.status.canary.acknowledged_weight > 0 or running.state == "Shadow"
        usable = self.traffic and judged and not self.problem
        verdict = self.verdict if running.traffic_since and self.traffic and not self.problem else "Unknown"
        metric = MetricEvidence(name="errors", regressed=1.5 if verdict == "Regressed" else 0.1)
        return Evidence(
            revision=running.revision,
            verdict=verdict,
            message="told",
            metrics=(metric,),
            usable=usable,
            canary_requests=100 if usable else 0,
            problem=self.problem,
            problem_message="told" if self.problem else "",
            hung=self.hung and judged,
            state=f"state-{int(self.now)}",
        )

    def _objectives(self, stable: str) -> Evidence:
        """What a revision that serves alone is told to have done."""
        metric = MetricEvidence(name="errors", canary_events=37, canary_requests=412, regressed=1.2)
        return Evidence(
            stable,
            stable=stable,
            stable_verdict=self.objectives,
            stable_message="errors: 37 of 412 requests failed",
            stable_metrics=(metric,),
            stable_state=f"tests-{int(self.now)}",
        )

    def reconcile(self) -> p.Plan:
        self.seen = self.observe()
        plan = decide(self.seen, self.now)
        assert plan == decide(self.observe(), self.now), "the same observation gave another plan"
        self.last_plan = plan
        self._check_timers(plan)
        for action in plan.actions:
            self._carry_out(action)
        if plan.status != self.status:
            self.writes += 1
            self.status = plan.status
        self.events.extend(plan.events)
        self.check()
        return plan

    def _check_timers(self, plan: p.Plan) -> None:
        """Whatever comes by itself has a look that is on time: no event tells of it."""
        running, status = plan.status.rollout, plan.status
        moments = [status.former_until] if running is None else [running.deadline, running.next_look]
        if self.frozen:
            return
        for written in filter(None, moments):
            left = times.moment(written) - self.now
            after = plan.requeue_after
            assert left <= 0 or (after is not None and after <= left + 1), f"nobody looks in {left} s"

    def _carry_out(self, action: p.Action) -> None:
        before = (repr(self.deployed), self._asked(), self.stable_service)
        match action:
            case p.EnsureRevision(name, number, model, replicas):
                if name not in self.deployed:
                    self.deployed[name] = Deployed(number, dict(model), self.now, replicas)
            case p.Scale(name, replicas):
                one = self.deployed[name]
                self._check_scale(name, replicas)
                one.wanted = replicas
            case p.EnsureAutoscaler() | p.DeleteAutoscaler() | p.EnsureScaledObject() | p.DeleteScaledObject():
                self._own(action)
            case p.EnsureDisruptionBudget(name) | p.DeleteDisruptionBudget(name):
                self.deployed[name].budget = isinstance(action, p.EnsureDisruptionBudget)
            case p.DeleteRevision(name):
                assert name not in self.deployed or self.deployed[name].wanted == 0
                assert not (self.weights or {}).get(name)
                self.deployed.pop(name, None)
                self.orphans = tuple(one for one in self.orphans if one != name)
            case p.SetWeights() | p.EnsureStableService():
                self._route(action)
        if before != (repr(self.deployed), self._asked(), self.stable_service):
            self.writes += 1

    def _own(self, action: Owner) -> None:
        one = self.deployed[action.revision]
        match action:
            case p.EnsureAutoscaler(_, least, most):
                assert 1 <= least <= most
                one.autoscaler = Autoscaler(least, most)
            case p.EnsureScaledObject(_, least, most):
                assert 1 <= least <= most
                one.scaled_object = Autoscaler(least, most)
            case p.DeleteAutoscaler():
                one.autoscaler = None
            case p.DeleteScaledObject():
                one.scaled_object = None

    def _route(self, action: p.SetWeights | p.EnsureStableService) -> None:
        match action:
            case p.SetWeights(weights, mirror, preview):
                self._check_weights(dict(weights))
                self.weights, self.mirror, self.preview = dict(weights), mirror, preview
            case p.EnsureStableService(name):
                self.stable_service = name

    def _check_scale(self, name: str, replicas: int) -> None:
        """Invariant 1: a backend that has weight, asked or acknowledged, is never scaled to 0."""
        if replicas == 0 and self.spec.get("scaling", {}).get("replicas") != 0:
            assert not (self.weights or {}).get(name), f"{name} has weight and is scaled to 0"
            seen = self.acknowledged[0] if self.acknowledged else {}
            assert isinstance(seen, dict)
            assert not seen.get(name), f"{name} still has acknowledged weight"
            self._check_former(name)

    def _check_former(self, name: str) -> None:
        """Invariant 5: a bake's way back is not ended while it alone has ready pods."""
        if self.seen is None or known(self.seen).sleep == "asleep":
            return
        former, stable = self.seen.resource.status.former, self.seen.resource.status.stable
        if former is not None and stable is not None and former.revision == name:
            alone = self.seen_ready.get(name, 0) > 0 and self.seen_ready.get(stable.revision, 0) == 0
            assert not alone, f"{name}, which served before, alone has ready pods, and is ended"

    def _check_way_back(self, stable: str, new: dict[str, int]) -> None:
        canary = self.status.canary
        # Where somebody else has changed the route it is put back, whoever serves; who sleeps is asked by activators.
        if self.sleep != "awake" or canary is None or canary.weight <= new.get(canary.revision, 0):
            return
        served = self.seen_ready.get(canary.revision, 0) > 0
        assert self.seen_ready.get(stable, 0) > 0 or not served, f"{canary.revision} serves, and is left for nothing"

    def _check_weights(self, new: dict[str, int]) -> None:
        assert sum(new.values()) == 100, new
        if self._recreates() or self.spec.get("scaling", {}).get("replicas") == 0:
            return  # capacity cannot double: nothing serves in between; or none is wanted
        if self.status.stable is None and self.weights is not None:
            return  # the status was lost: what serves best is taken for the stable revision
        canary = self.status.canary
        for name, weight in new.items():
            if weight > (self.weights or {}).get(name, 0):
                one = self.deployed[name]
                stable = self.status.stable
                if stable is not None and stable.revision == name:
                    self._check_way_back(name, new)
                    continue
                if self.weights is None and canary is not None and canary.revision == name and canary.weight == weight:
                    continue  # a route that somebody deleted comes back as it was
                # A first revision that is late serves with what it has: there is nothing better.
                total = self.deployed[stable.revision].wanted if stable else 1
                # A fixed count is what its author wants, whatever KEDA has left behind.
                total = min(total, self.spec.get("scaling", {}).get("replicas") or total)
                running = self.last_plan.status.rollout if self.last_plan else None
                down = stable is not None and self.seen_ready.get(stable.revision, 0) == 0
                if down or (running is not None and running.reason == "BakeFailed"):
                    total = 1  # what there is, is better than nothing
                assert min(one.ready, one.wanted) >= needed(weight, total), f"{name} gets {weight} % without capacity"

    def _recreates(self) -> bool:
        running = self.last_plan.status.rollout if self.last_plan else None
        if running is None:
            return False
        return running.state in ("Clearing", "Replacing", "Restoring") or running.policy.get("strategy") == "recreate"

    def check(self) -> None:
        status = self.status
        if status.stable is not None:
            assert status.stable.revision in self.deployed, "invariant 6: the stable revision is lost"
        rejected = status.rejected_revision
        if rejected and status.rollout is None:
            assert not (self.weights or {}).get(rejected), "invariant 2: a rolled-back revision has weight"
        total = sum((self.weights or {}).values())
        assert self.weights is None or total == 100

    def tick(self, seconds: float = 1.0) -> None:
        """Let time pass: pods start, the autoscaler keeps its minimum, the gateway answers."""
        self.now += seconds
        for one in self.deployed.values():
            if one.autoscaler and one.wanted < one.autoscaler.min_replicas:
                one.wanted = one.autoscaler.min_replicas
            if one.ready > one.wanted:
                one.ready = one.wanted
            elif one.ready < one.wanted and one.startable:
                one.ready += 1
        if self.gateway_answers and self.weights is not None:
            self.acknowledged = self._asked()

    def run(self, seconds: float, step: float = 1.0) -> None:
        end = self.now + seconds
        while self.now < end:
            self.reconcile()
            self.tick(step)
        self.reconcile()

    def ask(self, verb: str, revision: str, id_: str = "") -> tuple[str, str]:
        """Write a request, look once, and return what came of it."""
        id_ = id_ or f"id-{len(self.status.requests)}-{int(self.now)}-{verb}"
        self.request = f"{verb} {revision} {id_}"
        self.reconcile()
        found = next(one for one in self.status.requests if one.id == id_)
        return found.outcome, found.message

    def apply(self, image: str | None = None, **changes: Any) -> None:
        self.spec = {**self.spec, **changes}
        if image is not None:
            self.spec["model"] = {**self.spec["model"], "image": image}
        self.generation += 1

    def trouble(self, revision: str, **fields: Any) -> None:
        one = self.deployed[revision]
        one.trouble = replace(Pod(name=f"iris-{revision}-x"), **fields)
        one.ready, one.startable = 0, False

    def condition(self, name: str) -> tuple[str, str]:
        found = next(one for one in self.status.conditions if one.type == name)
        return found.status, found.reason

    def told(self) -> list[str]:
        return [event.reason for event in self.events]


STEPS = [{"weight": 10, "duration": "10s"}, {"weight": 50, "duration": "10s"}]


def world(**spec: Any) -> World:
    rollout = {"steps": STEPS, "bake": "5s", "progressDeadline": "60s", **spec.pop("rollout", {})}
    return World({"model": {"image": "registry.test/iris:v1"}, "rollout": rollout, **spec})


def serving(**spec: Any) -> World:
    """A world in which v1 serves."""
    one = world(**spec)
    one.run(10)
    assert one.status.stable is not None
    return one


def promoted(one: World, version: str) -> None:
    """Have a revision take over by request."""
    one.apply(f"registry.test/iris:{version}")
    one.reconcile()
    assert one.ask("promote", version)[0] == "Done"
    one.run(10)
    assert one.status.stable is not None
    assert one.status.stable.revision == version
