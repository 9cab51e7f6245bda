"""An API server in memory, as much of it as the operator asks for, and an operator without watches on it."""

import copy
import itertools
from dataclasses import dataclass, field

import pytest

from ekiben.cluster import kinds
from ekiben.cluster.errors import ConflictError, NotFoundError
from ekiben.objects.settings import Settings as Rendering
from ekiben.operator.apply import Applier
from ekiben.operator.evidence import Watchers
from ekiben.operator.gateways import Gateways
from ekiben.operator.metrics import Metrics
from ekiben.operator.observe import Observer
from ekiben.operator.queue import Key, WorkQueue
from ekiben.operator.reconcile import Reconciler
from ekiben.operator.scale.scalers import Scalers
from ekiben.operator.settings import Settings


def merge(base, patch):
    """Server-side apply for objects whose lists have one owner; a selector is one value."""
    if isinstance(base, dict) and isinstance(patch, dict):
        merged = {key: merge(None if key == "selector" else base.get(key), value) for key, value in patch.items()}
        return {**base, **merged}
    return copy.deepcopy(patch)


@dataclass
class FakeCluster:
    objects: dict = field(default_factory=dict)
    writes: list = field(default_factory=list)
    refuse: dict = field(default_factory=dict)
    """(verb, kind) -> the error to answer with."""
    versions: itertools.count = field(default_factory=lambda: itertools.count(1))

    def put(self, kind, body):
        meta = body["metadata"]
        key = (kind.kind, meta.get("namespace"), meta["name"])
        before = self.objects.get(key)
        if before is not None and {**before, "metadata": {**before["metadata"], "resourceVersion": ""}} == {
            **body,
            "metadata": {**meta, "resourceVersion": ""},
        }:
            return before
        stored = copy.deepcopy(body)
        stored["metadata"].setdefault("uid", f"uid-{meta['name']}-{kind.kind}")
        stored["metadata"]["resourceVersion"] = str(next(self.versions))
        self.objects[key] = stored
        return copy.deepcopy(stored)

    def drop(self, kind, namespace, name):
        del self.objects[kind.kind, namespace, name]

    def note(self, verb, kind, name):
        if (verb, kind.kind) in self.refuse:
            raise self.refuse[verb, kind.kind]
        self.writes.append(f"{verb} {kind.kind} {name}")

    async def get(self, kind, namespace, name):
        found = await self.find(kind, namespace, name)
        if found is None:
            raise NotFoundError(f"{kind.kind} {name} not found", 404)
        return found

    async def find(self, kind, namespace, name):
        return copy.deepcopy(self.objects.get((kind.kind, namespace, name)))

    async def list(self, kind, namespace, labels="", fields=""):
        wanted = dict(part.split("=") for part in labels.split(",") if part)
        return [
            copy.deepcopy(item)
            for (found, where, _), item in self.objects.items()
            if found == kind.kind
            and where == namespace
            and wanted.items() <= (item["metadata"].get("labels") or {}).items()
        ]

    async def serves(self, kind):
        return True

    async def create(self, kind, namespace, body):
        if (kind.kind, namespace, body["metadata"]["name"]) in self.objects:
            raise ConflictError("already exists", 409)
        self.note("create", kind, body["metadata"]["name"])
        return self.put(kind, body)

    async def apply(self, kind, namespace, body, resource_version=""):
        before = self.objects.get((kind.kind, namespace, body["metadata"]["name"]))
        self.check(before, resource_version)
        self.note("apply", kind, body["metadata"]["name"])
        return self.put(kind, merge(before or {}, body))

    async def merge(self, kind, namespace, name, patch):
        self.note("merge", kind, name)
        return self.put(kind, merge(self.objects[kind.kind, namespace, name], patch))

    async def scale(self, kind, namespace, name, replicas, resource_version):
        before = self.objects[kind.kind, namespace, name]
        self.check(before, resource_version)
        self.note("scale", kind, f"{name} {replicas}")
        return self.put(kind, merge(before, {"spec": {"replicas": replicas}}))

    async def replace(self, kind, namespace, body, subresource=""):
        before = self.objects[kind.kind, namespace, body["metadata"]["name"]]
        self.check(before, body["metadata"]["resourceVersion"])
        self.note(f"update {subresource}".strip(), kind, body["metadata"]["name"])
        return self.put(kind, {**before, "status": body["status"]} if subresource == "status" else body)

    async def delete(self, kind, namespace, name, uid):
        if self.objects[kind.kind, namespace, name]["metadata"]["uid"] != uid:
            raise ConflictError("another object", 409)
        self.note("delete", kind, name)
        self.drop(kind, namespace, name)

    def check(self, before, version):
        if version and (before is None or before["metadata"]["resourceVersion"] != version):
            raise ConflictError("the object has been modified", 409)


class NoSource:
    interval = 0.0
    drains = True
    pooled = False

    def histograms(self, runtime):
        return True

    async def read(self, targets, timeout):  # noqa: ASYNC109
        return {}

    async def close(self):
        pass


class OneSource:
    """Sources that are all the same one."""

    def __init__(self, source):
        self.source = source

    def open(self, wanted, world, revisions):
        return self.source

    def query(self, name):
        return None

    async def close(self):
        pass


KEY = Key("shop", "iris")
GATEWAY = {
    "metadata": {"namespace": "ekiben-gateway", "name": "ekiben"},
    "spec": {"listeners": [{"protocol": "HTTP", "port": 80}]},
    "status": {"conditions": [{"type": "Accepted", "status": "True"}, {"type": "Programmed", "status": "True"}]},
}


class World:
    """A cluster, an operator, and the controllers that make pods and accept routes."""

    def __init__(self):
        self.cluster = FakeCluster()
        self.queue = WorkQueue()
        self.metrics = Metrics()
        self.now = 1_800_000_000.0
        rendering = Rendering()
        self.watchers = Watchers(OneSource(NoSource()), self.queue, Settings())
        self.scalers = Scalers(NoSource(), self.queue, self.metrics)
        self.reconciler = Reconciler(
            self.cluster,
            Observer(self.cluster, rendering, Gateways(self.cluster, rendering, 0)),
            Applier(self.cluster, rendering, lambda action: self.metrics.writes.labels(action).inc()),
            self.watchers,
            self.scalers,
            rendering,
            self.queue,
            self.metrics,
            600.0,
            lambda: self.now,
        )
        self.cluster.put(kinds.GATEWAY, GATEWAY)

    def apply(self, image="x:1", **spec):
        body = {
            "apiVersion": "ekiben.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"namespace": "shop", "name": "iris", "uid": "u1", "generation": 1},
            "spec": {"model": {"image": image}, **spec},
        }
        before = self.cluster.objects.get(("ModelDeployment", "shop", "iris"), {})
        self.cluster.put(kinds.MODEL_DEPLOYMENT, {**body, "status": before.get("status", {})})

    def controllers(self):
        """Every replica that is wanted is ready, every route is accepted."""
        for (kind, namespace, name), item in list(self.cluster.objects.items()):
            if kind == "Deployment":
                self._ready(namespace, name, item)
            if kind == "HTTPRoute":
                condition = {"type": "Accepted", "status": "True", "observedGeneration": 0}
                parents = [{"parentRef": ref, "conditions": [condition]} for ref in item["spec"]["parentRefs"]]
                self.cluster.put(kinds.HTTP_ROUTE, {**item, "status": {"parents": parents}})

    def _ready(self, namespace, name, deployment):
        labels = deployment["metadata"]["labels"]
        endpoints = []
        for number in range(deployment["spec"]["replicas"]):
            meta = {"namespace": namespace, "name": f"{name}-{number}", "labels": labels}
            self.cluster.put(kinds.POD, {"metadata": meta, "spec": {}, "status": {"phase": "Running"}})
            endpoints.append({"conditions": {"ready": True}, "targetRef": {"name": f"{name}-{number}"}})
        meta = {"namespace": namespace, "name": name, "labels": {**labels, "kubernetes.io/service-name": name}}
        self.cluster.put(kinds.ENDPOINT_SLICE, {"metadata": meta, "endpoints": endpoints})

    async def settle(self, looks=6):
        for _ in range(looks):
            await self.reconciler.look(KEY)
            self.controllers()
            self.now += 1

    @property
    def resource(self):
        return self.cluster.objects["ModelDeployment", "shop", "iris"]

    @property
    def status(self):
        return self.resource["status"]

    def condition(self, kind):
        return next((item for item in self.status["conditions"] if item["type"] == kind), None)


@pytest.fixture
async def world():
    world = World()
    yield world
    await world.scalers.close()
    await world.watchers.close()
