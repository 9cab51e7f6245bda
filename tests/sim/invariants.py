"""The invariants of docs/rollouts.md, checked against the server's state at every write of the operator.

What the operator remembers, and what it says about itself, counts for nothing here; only what a look was told may
excuse it, because nobody can act on what happens after he has looked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from ekiben.api.status import Status
from ekiben.cluster import kinds
from ekiben.objects.names import REVISION_LABEL
from ekiben.rollout.asleep import known
from ekiben.rollout.observation import Evidence, Observation
from ekiben.rollout.plan import Plan

from .network import shares
from .rulings import Rulings, began
from .schema import Info
from .workloads import is_ready

if TYPE_CHECKING:
    from .world import World

Json = dict[str, Any]

_RECREATING = ("Clearing", "Replacing", "Restoring")
_QUIET = 5.0
"""Seconds without requests that draining takes at least."""


@dataclass
class Told:
    """What a look was told, and what was true then."""

    seen: Observation
    plan: Plan
    ready: dict[str, int]
    """Service name -> ready addresses."""
    exposed: dict[str, int]


class Invariants:
    """Watches the server."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.violations: list[str] = []
        self.checks = 0
        self._told: dict[Any, Told] = {}
        self._replicas: dict[str, int] = {}
        self._shares: dict[str, dict[str, int]] = {}
        self._inside: dict[str, int] = {}
        self._status: Json = {}
        self._rulings = Rulings(lambda: world.now, self._violated)
        self._served = 0
        """Requests that the canary had answered before."""
        world.watchers.insert(0, self.written)

    def looked(self, process: Any, seen: Observation, plan: Plan) -> None:
        """Note what a look was told, and what it has decided."""
        self._told[process] = Told(seen, plan, self._ready(), self._world.exposed())
        self._rulings.looked(seen, plan)
        running, evidence = seen.resource.status.rollout, seen.evidence
        if evidence is not None and running is not None and evidence.revision == running.revision:
            self._counted(evidence)

    def _counted(self, evidence: Evidence) -> None:
        """No request is counted twice, whatever dies in between."""
        counters = self._world.counters
        if counters is not None:
            most = counters.served[evidence.revision] - self._served
            told = max((metric.canary_requests for metric in evidence.metrics), default=0)
            if max(told, evidence.canary_requests) > most:
                self._violated(4, f"{told} requests of {evidence.revision} were counted, and it had {most}")

    def written(self, event: str, info: Info, body: Json) -> None:
        """Check a write, if it is the operator's, and note it."""
        process, plural = self._world.actor, info.kind.plural
        if process is not None:
            self.checks += 1
            self._check(process, event, plural, body)
        if plural == "deployments":
            gone = event == "DELETED"
            self._replicas[body["metadata"]["name"]] = 0 if gone else int(body["spec"].get("replicas", 1))
        elif plural == "httproutes":
            self._shares[body["metadata"]["name"]] = {} if event == "DELETED" else shares(body)
        elif plural == "modeldeployments":
            self._status = body.get("status") or {}

    def _check(self, process: Any, event: str, plural: str, body: Json) -> None:
        namespace, told = body["metadata"].get("namespace"), self._told.get(process)
        if namespace != self._world.namespace:
            self._violated(7, f"{event} of {plural} {body['metadata']['name']} in namespace {namespace}")
        if told is None:
            return
        if event == "DELETED":
            self._deleted(plural, body)
        elif plural in _CHECKS:
            _CHECKS[plural](self, told, body)

    def _told_status(self, told: Told, body: Json) -> None:
        before, after = Status.model_validate(self._status), Status.model_validate(body.get("status") or {})
        self._rulings.decided(told.seen, before, after, stable_down=self._stable_down())
        if began(before) != began(after) and self._world.counters is not None:
            self._served = self._world.counters.served[after.rollout.revision] if after.rollout is not None else 0

    # 1: capacity

    def _scaled(self, told: Told, body: Json) -> None:
        name, replicas = body["metadata"]["name"], int(body["spec"].get("replicas", 1))
        before = self._replicas.get(name, 0)
        if replicas >= before:
            return
        weight, floor = self._world.exposed().get(name, 0), told.seen.resource.spec.scaling.floor
        if replicas == 0 and floor > 0:
            if weight > 0 or told.exposed.get(name, 0) > 0:
                self._violated(1, f"{name} is scaled to 0 with a weight of {weight}")
            if self._drains(told, name) and self._world.gateway.quiet(name) < _QUIET:
                self._violated(1, f"{name} is scaled to 0 before it has answered what it was sent")
            if self._serves_inside(name):
                self._violated(1, f"{name} is scaled to 0 while the Service {self._world.name} selects it")
            if self._world.server.peek(kinds.AUTOSCALER, self._world.namespace, name) is not None:
                self._violated(2, f"{name} is scaled to 0 before its autoscaler has gone")
            if self._alone(told, name):
                self._violated(5, f"{name}, which served before, alone has ready pods, and is scaled to 0")
        elif floor > 0 and replicas < needed(weight, floor):
            self._violated(1, f"{name} is scaled to {replicas} with a weight of {weight} and a floor of {floor}")

    def _drains(self, told: Told, name: str) -> bool:
        """Whether a revision takes part in a rollout by a gateway: it ends only when it is drained."""
        status = told.seen.resource.status
        part = {f"{self._world.name}-{one.revision}" for one in (status.stable, status.canary) if one is not None}
        had_requests = status.rollout is not None and status.rollout.traffic_since is not None
        return had_requests and name in part and not self._world.by_replicas and self._has_pods(name)

    def _alone(self, told: Told, name: str) -> bool:
        """Whether a bake's former revision is the only one of both that a look saw ready pods of."""
        status, seen = told.seen.resource.status, told.seen.revisions
        former, stable = status.former, status.stable
        if former is None or stable is None or name != f"{self._world.name}-{former.revision}":
            return False
        up = {one for one in (former.revision, stable.revision) if one in seen and seen[one].ready > 0}
        return up == {former.revision} and known(told.seen).sleep != "asleep"

    def _has_pods(self, name: str) -> bool:
        pods = self._world.server.all(kinds.POD)
        return any(is_ready(pod) and pod["metadata"]["name"].startswith(f"{name}-") for pod in pods)

    def _serves_inside(self, name: str) -> bool:
        """Whether callers inside the cluster use this revision by the Service NAME, where another could serve."""
        strategy = ((self._status.get("rollout") or {}).get("policy") or {}).get("strategy")
        return name in self._world.selected() and strategy != "recreate"

    def _autoscaled(self, told: Told, body: Json) -> None:
        revision = (body["metadata"].get("labels") or {}).get(REVISION_LABEL)
        status = told.plan.status
        part = [one.revision for one in (status.stable, status.canary) if one is not None]
        if revision == status.rejected_revision and revision not in part:
            self._violated(2, f"revision {revision} was rolled back and gets an autoscaler")

    def _routed(self, told: Told, body: Json) -> None:
        route, name = body["metadata"]["name"], self._world.name
        if route in (f"{name}-testers", f"{name}-preview"):
            self._tested(told, body)
        if route not in (name, self._world.front):
            return
        after, before = shares(body), self._shares.get(route, {})
        if not 99 <= sum(after.values()) <= 101:
            self._violated(1, f"the weights are {after}")
        self._moved(told, before, after)
        if told.seen.frozen and before and _known(before, told.seen.resource.status, name):
            was, now = self._effect(before), self._effect(after)
            if was != now:
                self._violated(9, f"frozen, and the weights go from {was} to {now}")

    def _tested(self, told: Told, body: Json) -> None:
        rejected = f"{self._world.name}-{told.plan.status.rejected_revision}"
        for rule in body["spec"]["rules"]:
            if any(backend["name"] == rejected for backend in rule["backendRefs"]):
                self._violated(2, f"{rejected} was rolled back, and {body['metadata']['name']} leads to it")

    def _effect(self, weights: dict[str, int]) -> dict[str, int]:
        """Return who gets requests: the Service NAME stands for what it selects."""
        known = {backend: weight for backend, weight in weights.items() if weight}
        return self._world.selected() if known.keys() == {self._world.name} else known

    def _chosen(self, told: Told, _body: Json) -> None:
        """A Service was written: by replicas, the Service NAME is how requests move."""
        if _body["metadata"]["name"] != self._world.name:
            return
        after = self._world.selected()
        if self._world.by_replicas:
            self._moved(told, self._inside, dict.fromkeys(after, 1))
        self._inside = after

    def _moved(self, told: Told, before: dict[str, int], after: dict[str, int]) -> None:
        status, name = told.plan.status, self._world.name
        known = told.seen.resource.status.stable or status.stable
        stable = f"{name}-{known.revision}" if known else None
        for backend, weight in after.items():
            if weight <= before.get(backend, 0) or backend in (stable, name):
                continue
            if backend == f"{name}-{status.rejected_revision}":
                self._violated(2, f"{backend} was rolled back and gets a weight of {weight}")
            self._raised(told, backend, weight, stable)

    def _raised(self, told: Told, backend: str, weight: int, stable: str | None) -> None:
        """Capacity comes before weight."""
        status, ready = told.seen.resource.status, max(told.ready.get(backend, 0), self._ready().get(backend, 0))
        running = told.plan.status.rollout or status.rollout
        if running is not None and running.policy.get("strategy") == "recreate":
            return
        resource = told.seen.resource
        paused = resource.spec.rollout.paused or told.plan.status.paused
        back = running is not None and running.reason == "BakeFailed"
        if paused and running is not None and running.state != "First" and not back and weight < 100:
            self._violated(9, f"paused, and {backend} gets a weight of {weight}")
        alone = self._rulings.record.stable_was_down
        total = self._replicas.get(stable, 0) if stable else 1
        least = 1 if back or alone else needed(weight, max(total, 1))
        if resource.spec.scaling.floor > 0 and ready < least:
            self._violated(1, f"{backend} gets a weight of {weight} with {ready} ready pods of {least}")

    # 5, 6: the stable revision

    def _deleted(self, plural: str, body: Json) -> None:
        revision = (body["metadata"].get("labels") or {}).get(REVISION_LABEL)
        part = {(self._status.get(one) or {}).get("revision") for one in ("stable", "canary")}
        if plural in ("deployments", "services") and revision in part and revision is not None:
            self._violated(6, f"{plural} {body['metadata']['name']} is deleted, and it takes part")
        # Without pods there is nothing that deleting it could take away.
        pods = self._replicas.get(body["metadata"]["name"], 0)
        if (
            pods
            and self._world.exposed().get(body["metadata"]["name"], 0) > 0
            and plural in ("deployments", "services")
        ):
            self._violated(1, f"{plural} {body['metadata']['name']} is deleted while it has weight")

    def _ready(self) -> dict[str, int]:
        return {
            body["metadata"]["labels"]["kubernetes.io/service-name"]: sum(
                endpoint["conditions"]["ready"] for endpoint in body["endpoints"]
            )
            for body in self._world.server.all(kinds.ENDPOINT_SLICE)
        }

    def _stable_down(self) -> bool:
        stable = (self._status.get("stable") or {}).get("revision")
        return not self._ready().get(f"{self._world.name}-{stable}", 0)

    def _violated(self, number: int, what: str) -> None:
        self.violations.append(f"{self._world.loop.passed:.2f} s: invariant {number}: {what}")


_CHECKS: dict[str, Callable[[Invariants, Told, Json], None]] = {
    "deployments": Invariants._scaled,
    "horizontalpodautoscalers": Invariants._autoscaled,
    "httproutes": Invariants._routed,
    "services": Invariants._chosen,
    "modeldeployments": Invariants._told_status,
}


def needed(weight: int, total: int) -> int:
    """Return the pods that a weight needs, where `total` serve all requests: 5 % of 2 is 1, 50 % of 5 is 3."""
    return max(1, ceil(total * weight / 100)) if weight > 0 else 0


def _known(weights: dict[str, int], status: Status, name: str) -> bool:
    """Whether the weights are what the status asks for; what others have changed may be put right."""
    asked = {
        f"{name}-{one.revision}": one.weight for one in (status.stable, status.canary) if one is not None and one.weight
    }
    return {backend: weight for backend, weight in weights.items() if weight} == asked
