"""One cluster with one ModelDeployment in it: an API server, its controllers, a gateway, a clock."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from ekiben.cluster import kinds
from ekiben.cluster.kinds import Kind
from ekiben.objects.names import RESOURCE_LABEL, REVISION_LABEL

from .apiserver import ApiServer, target
from .autoscaling import Autoscalers
from .clock import EPOCH, VirtualLoop, text
from .counters import Counters
from .network import Endpoints, Gateway, gateway_body
from .patches import merge
from .schema import NAMESPACE, Info
from .testimony import Senses
from .workloads import Nature, Workloads, is_ready

Json = dict[str, Any]
Watcher = Callable[[str, Info, Json], None]

PEOPLE = "kubectl"


class World:
    """Everything but the operator."""

    namespace = "shop"
    name = "iris"
    front = "front"
    """Name of the user's own HTTPRoute."""

    def __init__(self, loop: VirtualLoop, rng: random.Random) -> None:
        self.loop = loop
        self.rng = rng
        self.watchers: list[Watcher] = []
        self.natures: dict[str, Nature] = {}
        self.server = ApiServer(clock=lambda: text(self.now), listener=self._written)
        self.workloads = Workloads(self)
        self.endpoints = Endpoints(self)
        self.gateway = Gateway(self)
        self.autoscalers = Autoscalers(self)
        self._changed = {
            "deployments": (self.workloads.changed,),
            "pods": (self.endpoints.changed, self._pod_written),
            "services": (self.endpoints.changed,),
            "httproutes": (self.gateway.changed,),
            "horizontalpodautoscalers": (self.autoscalers.changed,),
        }
        self._collecting = False
        self.senses = Senses()
        self.counters: Counters | None = None
        """Where each request is counted; without it evidence is told by hearsay."""
        self.lag = 0.2
        """Seconds by which controllers and pods are late at most: each at its own moment, which takes a look each."""
        self.actor: Any = None
        """The operator's process whose request is being done."""
        for name in ("ekiben-gateway", self.namespace):
            self.server.put(NAMESPACE, {"metadata": {"name": name}})
        self.server.put(kinds.GATEWAY, gateway_body(self.now))

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return EPOCH + self.loop.passed

    def later(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        """Have something done in virtual time."""
        self.loop.call_later(seconds, call, *args)

    def some_lag(self) -> float:
        """Return how late somebody is now."""
        return self.rng.uniform(0, self.lag) if self.lag else 0.0

    def nature(self, image: str) -> Nature:
        """Return how the pods of an image behave."""
        found = self.natures.get(image)
        if found is None:
            found = self.natures[image] = Nature()
        return found

    def exposed(self) -> dict[str, int]:
        """Return the Service of each revision -> the largest share of anybody's requests that it may get now.

        Who asks the Service NAME gets what it selects; of several revisions each by its ready pods.
        """
        found = {name: weight for name, weight in self.gateway.exposed().items() if name != self.name}
        by_front = self.gateway.exposed().get(self.name, 0) if "httpRoute" in self.traffic else 0
        for name, share in self.selected().items():
            found[name] = max(found.get(name, 0), share if self.by_replicas else share * by_front // 100)
        return found

    @property
    def traffic(self) -> Json:
        """spec.traffic, as it is."""
        found: Json = ((self.resource or {}).get("spec") or {}).get("traffic") or {}
        return found

    @property
    def by_replicas(self) -> bool:
        """Whether the Service NAME is how requests come."""
        return self.traffic.get("provider") == "replicaRatio"

    def selected(self) -> dict[str, int]:
        """Return the Service of each revision -> its share of what the Service NAME selects."""
        service = self.server.peek(kinds.SERVICE, self.namespace, self.name)
        selector = ((service or {}).get("spec") or {}).get("selector") or {}
        if REVISION_LABEL in selector:
            return {f"{self.name}-{selector[REVISION_LABEL]}": 100}
        if RESOURCE_LABEL not in selector:
            return {}
        ready = Counter(
            f"{self.name}-{pod['metadata']['labels'][REVISION_LABEL]}"
            for pod in self.server.all(kinds.POD)
            if is_ready(pod) and pod["metadata"].get("deletionTimestamp") is None
        )
        total = sum(ready.values())
        return {name: max(1, 100 * count // total) for name, count in ready.items()}

    # The resource, as people write it.

    @property
    def resource(self) -> Json | None:
        """The server's own ModelDeployment: read only."""
        return self.server.peek(kinds.MODEL_DEPLOYMENT, self.namespace, self.name)

    @property
    def status(self) -> Json:
        """Its status: read only."""
        return (self.resource or {}).get("status") or {}

    def create(self, spec: Json) -> None:
        """Make the resource."""
        meta = {"name": self.name, "namespace": self.namespace}
        self.server.put(kinds.MODEL_DEPLOYMENT, {"metadata": meta, "spec": spec}, PEOPLE)

    def open_front(self) -> None:
        """Make the user's own HTTPRoute, with the Service NAME as a backend."""
        rules = [{"backendRefs": [{"name": self.name, "port": 80}]}]
        parents = [{"name": "ekiben", "namespace": "ekiben-gateway"}]
        meta = {"name": self.front, "namespace": self.namespace}
        spec = {"parentRefs": parents, "hostnames": ["iris.example.com"], "rules": rules}
        self.server.put(kinds.HTTP_ROUTE, {"metadata": meta, "spec": spec}, PEOPLE)

    def edit(self, spec: Json) -> None:
        """Replace the spec."""
        body = self.resource
        if body is not None:
            self.server.put(kinds.MODEL_DEPLOYMENT, {**body, "spec": spec}, PEOPLE)

    def annotate(self, kind: Kind, name: str, **pairs: str | None) -> None:
        """Write annotations; None takes one away."""
        self.change(kind, name, {"metadata": {"annotations": pairs}})

    def change(self, kind: Kind, name: str, patch: Json, manager: str = PEOPLE, subresource: str = "") -> None:
        """Merge a patch into an object, if it is there."""
        body = self.server.peek(kind, None if kind is NAMESPACE else self.namespace, name)
        if body is not None:
            self.server.put(kind, merge(body, patch), manager, subresource=subresource)

    def touch(self, path: str) -> None:
        """Have somebody write the object of a path in between."""
        where = target(path)
        if where.name and self.server.peek(where.info.kind, *where.key) is not None:
            note = {"metadata": {"annotations": {"touched": str(self.server.version)}}}
            self.change(where.info.kind, where.name, note)

    # What follows from each write.

    def _written(self, event: str, info: Info, body: Json) -> None:
        plural = info.kind.plural
        if event != "DELETED":
            for changed in self._changed.get(plural, ()):
                changed(body)
        else:
            self._removed(plural, body)
        for watcher in self.watchers:
            watcher(event, info, body)

    def _removed(self, plural: str, body: Json) -> None:
        if plural == "pods":
            self.endpoints.changed(body)
            self._pod_written(body)
        elif plural == "httproutes":
            self.gateway.deleted(body)
        if plural in ("modeldeployments", "deployments", "replicasets", "services") and not self._collecting:
            self._collecting = True
            self.later(self.rng.uniform(0.2, 3), self._collect)

    def _pod_written(self, pod: Json) -> None:
        """A pod that is deleted is replaced; one that has become ready is counted."""
        owner = pod["metadata"]["ownerReferences"][0]["name"].rpartition("-")[0]
        deployment = self.server.peek(kinds.DEPLOYMENT, self.namespace, owner)
        if deployment is not None:
            self.workloads.changed(deployment)

    def _collect(self) -> None:
        self._collecting = False
        found = self.server.orphans()
        for kind, namespace, name in found:
            body = self.server.peek(kind, namespace, name)
            if kind is kinds.POD and body is not None:
                self.workloads.end(body)
            elif body is not None:
                self.server.remove(kind, namespace, name)
        if any(kind is not kinds.POD for kind, *_ in found):
            self._collecting = True
            self.later(0.5, self._collect)
