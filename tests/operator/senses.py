"""A cluster whose pods count requests, and an operator that may be killed at any time."""

import asyncio
from dataclasses import replace

from tests.operator.conftest import KEY, OneSource, World

from ekiben.cluster import kinds
from ekiben.objects.settings import Settings as Rendering
from ekiben.operator.apply import Applier
from ekiben.operator.evidence import Watchers
from ekiben.operator.gateways import Gateways
from ekiben.operator.observe import Observer
from ekiben.operator.queue import WorkQueue
from ekiben.operator.reconcile import Reconciler
from ekiben.operator.scale.scalers import Scalers
from ekiben.operator.settings import Settings
from ekiben.operator.watcher import Watcher
from ekiben.signals.counters import MetricsError, PodCounters, Trouble

BOUNDS = (0.01, 0.1, 1.0)


class Counting:
    """Pods whose counters a test moves; the way to them may be broken."""

    interval = 0.0
    drains = True
    pooled = False

    def __init__(self):
        self.pods = {}
        self.down = False

    def histograms(self, runtime):
        return True

    def answer(self, pod, fine=0, errors=0):
        old = self.pods.get(pod, PodCounters(0, 0, (0, 0, 0, 0), BOUNDS))
        hist = (old.hist[0], old.hist[1] + fine, *old.hist[2:])
        self.pods[pod] = replace(old, requests=old.requests + fine + errors, errors=old.errors + errors, hist=hist)

    async def read(self, targets, timeout):  # noqa: ASYNC109
        if self.down:
            trouble = MetricsError(Trouble.SOURCE_DOWN, "Prometheus is away")
            return {target.uid: trouble for target in targets}
        return {target.uid: self.pods.get(target.uid, PodCounters()) for target in targets}

    async def close(self):
        pass


class SensingWorld(World):
    """Pods that are a revision's own, and time that a test moves."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.source = Counting()
        monkeypatch.setattr(Watcher, "run", _never)
        self.operators = []
        self.start()

    def start(self):
        """Start an operator anew, with nothing but what the cluster keeps."""
        rendering = Rendering()
        queue = WorkQueue()
        self.watchers = Watchers(OneSource(self.source), queue, Settings())
        self.operators.append(self.watchers)
        self.scalers = Scalers(self.source, queue, self.metrics)
        self.reconciler = Reconciler(
            self.cluster,
            Observer(self.cluster, rendering, Gateways(self.cluster, rendering, 0)),
            Applier(self.cluster, rendering, lambda _: None),
            self.watchers,
            self.scalers,
            rendering,
            queue,
            self.metrics,
            600.0,
            lambda: self.now,
        )

    def _ready(self, namespace, name, deployment):
        super()._ready(namespace, name, deployment)
        owner = {"kind": "ReplicaSet", "name": f"{name}-h", "uid": f"{name}-h", "controller": True}
        for number in range(deployment["spec"]["replicas"]):
            pod = self.cluster.objects["Pod", namespace, f"{name}-{number}"]
            meta = {
                **pod["metadata"],
                "uid": f"{name}-{number}",
                "ownerReferences": [owner],
                "labels": {**deployment["metadata"]["labels"], "pod-template-hash": "h"},
            }
            status = {"phase": "Running", "podIP": "10.0.0.1"}
            self.cluster.put(kinds.POD, {**pod, "metadata": meta, "status": status})

    async def second(self, look=True):
        """Let a second pass: the watcher ticks, and somebody may look."""
        watcher = self.watchers._watchers.get(KEY)
        if watcher is not None:
            await watcher._tick(self.now)
        if look:
            await self.reconciler.look(KEY)
            self.controllers()
        self.now += 1

    def answer(self, revision, fine=0, errors=0):
        """Let the first pod of a revision answer requests."""
        self.source.answer(f"iris-{revision}-0", fine, errors)

    async def close(self):
        for operator in self.operators:
            await operator.close()


async def _never(self, queue, key):
    await asyncio.Event().wait()
