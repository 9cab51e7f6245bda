"""Services become EndpointSlices, and a gateway takes over HTTPRoutes: who may get requests at a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ekiben.cluster import kinds

from .clock import text

if TYPE_CHECKING:
    from .world import World

Json = dict[str, Any]
Shares = dict[str, int]
"""Service name -> weight."""


class Endpoints:
    """The EndpointSlice controller."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._due = False

    def changed(self, _body: Json) -> None:
        """A pod or a Service was written: look soon."""
        if not self._due:
            self._due = True
            self._world.later(0.05 + self._world.some_lag(), self._sync)

    def _sync(self) -> None:
        self._due = False
        server = self._world.server
        pods = [pod for pod in server.all(kinds.POD) if (pod.get("status") or {}).get("podIP")]
        for service in server.all(kinds.SERVICE):
            if service["spec"].get("selector"):
                self._write(service, pods)

    def _write(self, service: Json, pods: list[Json]) -> None:
        selector, meta = service["spec"]["selector"].items(), service["metadata"]
        endpoints = [
            _endpoint(pod)
            for pod in pods
            if all(pod["metadata"]["labels"].get(key) == value for key, value in selector)
        ]
        name = f"{meta['name']}-slice"
        before = self._world.server.peek(kinds.ENDPOINT_SLICE, meta["namespace"], name)
        owner = {"kind": "Service", "name": meta["name"], "uid": meta["uid"], "controller": True}
        labels = {**(meta.get("labels") or {}), "kubernetes.io/service-name": meta["name"]}
        own = {"name": name, "namespace": meta["namespace"], "labels": labels, "ownerReferences": [owner]}
        # One of a Service that was deleted goes with it, though there is another of that name by now.
        kept = {key: value for key, value in (before or {}).get("metadata", {}).items() if key in own}
        if before is None or before.get("endpoints") != endpoints or kept != own:
            self._world.server.put(kinds.ENDPOINT_SLICE, {"metadata": own, "endpoints": endpoints})


def _endpoint(pod: Json) -> Json:
    ending = pod["metadata"].get("deletionTimestamp") is not None
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready and not ending, "serving": ready, "terminating": ending},
        "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"]},
    }


class Gateway:
    """A gateway controller and its proxies.

    What a route asks for takes hold somewhere between its write and the moment when the status says so: until then
    both the weights before and the weights after may be in effect.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.answers = True
        self.delay = 0.5
        self._acknowledged: dict[str, Json] = {}
        self._asked: dict[str, list[Json]] = {}
        self._last: dict[str, float] = {}

    def changed(self, body: Json) -> None:
        """An HTTPRoute was written."""
        name, told = body["metadata"]["name"], (body.get("status") or {}).get("parents") or []
        if any(_generation(parent) >= body["metadata"]["generation"] for parent in told):
            return
        self._asked.setdefault(name, []).append(body)
        self._world.later(self.delay * self._world.rng.uniform(0.5, 1.5), self._take_over, name)

    def deleted(self, body: Json) -> None:
        """An HTTPRoute is gone: its proxies answer 404 soon."""
        self._acknowledged.pop(body["metadata"]["name"], None)
        self._asked.pop(body["metadata"]["name"], None)

    def wake(self) -> None:
        """Answer again."""
        self.answers = True
        for name in list(self._asked):
            self._world.later(self.delay, self._take_over, name)

    def exposed(self) -> Shares:
        """Return the largest weight that each Service may have in any proxy now."""
        found: Shares = {}
        for name in {*self._acknowledged, *self._asked}:
            if name.endswith("-preview"):
                continue  # testers'
            specs = [self._acknowledged[name]] if name in self._acknowledged else []
            for body in [*specs, *self._asked.get(name, [])]:
                for service, weight in shares(body).items():
                    found[service] = max(found.get(service, 0), weight)
        return found

    def quiet(self, service: str) -> float:
        """Return the seconds since which no proxy sends a Service anything."""
        return 0.0 if self.exposed().get(service) else self._world.now - self._last.get(service, float("-inf"))

    def _take_over(self, name: str) -> None:
        server, namespace = self._world.server, self._world.namespace
        body = server.peek(kinds.HTTP_ROUTE, namespace, name)
        if body is None or not self.answers:
            return
        generation = body["metadata"]["generation"]
        self._last |= {service: self._world.now for service, weight in self.exposed().items() if weight}
        self._acknowledged[name] = body
        self._asked[name] = []
        conditions = [
            {"type": kind, "status": "True", "reason": "Accepted", "observedGeneration": generation}
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parents = [
            {"parentRef": ref, "controllerName": "sim.test/gateway", "conditions": conditions}
            for ref in body["spec"].get("parentRefs") or ()
        ]
        server.put(kinds.HTTP_ROUTE, {**body, "status": {"parents": parents}}, subresource="status")


def shares(route: Json) -> Shares:
    """Return Service name -> the largest share, per cent, that a rule for everybody gives it."""
    found: Shares = {}
    for rule in route["spec"].get("rules") or ():
        if any(match.get("headers") for match in rule.get("matches") or ()):
            continue  # testers'
        backends = rule.get("backendRefs") or ()
        total = sum(backend.get("weight", 1) for backend in backends)
        for backend in backends:
            share = round(100 * backend.get("weight", 1) / total) if total else 0
            found[backend["name"]] = max(found.get(backend["name"], 0), share)
    return found


def mirrors(route: Json) -> set[str]:
    """Return the Services that get copies of requests."""
    return {
        entry["requestMirror"]["backendRef"]["name"]
        for rule in route["spec"].get("rules") or ()
        for entry in rule.get("filters") or ()
        if entry.get("type") == "RequestMirror"
    }


def _generation(parent: Json) -> int:
    return min((int(one.get("observedGeneration") or 0) for one in parent.get("conditions") or ()), default=0)


def gateway_body(now: float) -> Json:
    """Return a Gateway that works."""
    conditions = [
        {"type": kind, "status": "True", "reason": kind, "lastTransitionTime": text(now)}
        for kind in ("Accepted", "Programmed")
    ]
    return {
        "metadata": {"name": "ekiben", "namespace": "ekiben-gateway"},
        "spec": {"gatewayClassName": "sim", "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]},
        "status": {"conditions": conditions},
    }
