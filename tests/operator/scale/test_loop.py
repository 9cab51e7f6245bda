"""ekiben's own loop in the operator: load -> replicas, through the reconcile loop, and nobody else's writes."""

import json
from dataclasses import replace

import pytest
from tests.operator.conftest import KEY
from tests.operator.senses import SensingWorld

from ekiben.cluster import kinds
from ekiben.operator.scale.loop import Loop
from ekiben.signals.counters import MetricsError, PodCounters, Trouble

METRICS = [{"type": "concurrency", "target": 4}]
SCALING = {"metrics": METRICS, "minReplicas": 2, "maxReplicas": 20}


async def _never(*_):
    pass


class Loaded(SensingWorld):
    """Pods that share a load of so many requests a second, each of which takes 1 s."""

    load = 0
    copies = False
    """A shadow gets a copy of each request."""
    still = None
    """(until when, weights): what the gateway goes on with for a while."""

    def pods(self):
        return sorted(
            item["metadata"]["uid"]
            for (kind, _, _), item in self.cluster.objects.items()
            if kind == "Pod" and "uid" in item["metadata"]
        )

    def _ready(self, namespace, name, deployment):
        super()._ready(namespace, name, deployment)
        wanted = {f"{name}-{number}" for number in range(deployment["spec"]["replicas"])}
        for kind, where, pod in list(self.cluster.objects):
            if kind == "Pod" and pod.rpartition("-")[0] == name and pod not in wanted:
                del self.cluster.objects[kind, where, pod]

    async def second(self, look=True):
        for revision, weight in self.weights().items():
            pods = [pod for pod in self.pods() if pod.rpartition("-")[0] == f"iris-{revision}"]
            for place, pod in enumerate(pods):
                share, rest = divmod(round(self.load * weight / 100), len(pods))
                old = self.source.pods.get(pod, PodCounters(0, 0, (0, 0, 0), (0.5, 2.0)))
                done = (0, old.hist[1] + old.in_flight, 0)
                self.source.pods[pod] = replace(
                    old, requests=old.requests + old.in_flight, hist=done, in_flight=share + (place < rest)
                )
        loop = self.scalers._loops.get(KEY)
        if loop is not None:
            await loop.tick(self.now)
        await super().second()
        if look:
            await self.reconciler.look(KEY)
        self.controllers()
        self.now += 1

    async def run(self, seconds):
        for _ in range(seconds):
            await self.second()

    def weights(self):
        status = self.status
        parts = [status.get("stable"), status.get("canary")]
        found = {one["revision"]: one["acknowledgedWeight"] for one in parts if one}
        if self.still is not None and self.now < self.still[0]:
            return self.still[1]
        return dict.fromkeys(found, 100) if self.copies else found

    @property
    def deployed(self):
        return {
            name: item["spec"]["replicas"]
            for (kind, _, name), item in self.cluster.objects.items()
            if kind == "Deployment"
        }

    @property
    def replicas(self):
        [replicas] = self.deployed.values()
        return replicas

    @property
    def scaling(self):
        return self.status["scaling"]["revisions"][0]


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(Loop, "run", _never)
    world = Loaded(monkeypatch)
    yield world
    await world.scalers.close()
    for watchers in world.operators:
        await watchers.close()


async def test_replicas_follow_concurrency_and_status_says_why(world):
    world.apply(scaling=SCALING)
    await world.settle()
    world.now += 70  # for a minute after a rollout, the first one too, its own count comes first
    world.load = 8
    await world.run(10)
    assert world.replicas == 2
    world.load = 40
    await world.run(3)
    assert world.replicas >= 8
    await world.run(10)
    assert (world.scaling["writer"], world.scaling["desired"]) == ("ekiben", world.replicas)
    assert world.scaling["reason"] in ("Panic", "LoadRose", "LoadWillRise")
    assert "requests at once" in world.scaling["message"]
    assert world.scaling["capacity"] == 4
    assert world.status["scaling"]["follows"] == "2 to 20 replicas by concurrency, 4 requests at once a replica"
    assert not [key for key in world.cluster.objects if key[0] == "HorizontalPodAutoscaler"]
    text = world.metrics.exposition().decode()
    assert 'ekiben_scaling_decisions_total{direction="up",name="iris",namespace="shop",' in text
    assert 'ekiben_scaling_capacity{name="iris",namespace="shop",role="stable"} 4.0' in text


async def test_replicas_go_when_fewer_were_enough_for_long_and_not_before(world):
    world.apply(scaling=SCALING)
    await world.settle()
    world.load = 40
    await world.run(20)
    high = world.replicas
    world.load = 4
    await world.run(60)
    assert world.replicas == high
    await world.run(300)
    assert world.replicas == 2


async def test_a_restart_of_the_operator_scales_nothing_down(world):
    world.apply(scaling=SCALING)
    await world.settle()
    world.load = 40
    await world.run(20)
    high = world.replicas
    assert json.loads(world.scaling["learned"])["version"] == 1
    world.load = 4
    for _ in range(5):
        await world.scalers.close()
        world.start()
        await world.run(30)
        assert world.replicas == high


async def test_counters_that_cannot_be_read_change_nothing_and_are_told(world):
    world.apply(scaling=SCALING)
    await world.settle()
    world.load = 40
    await world.run(20)
    high = world.replicas
    world.source.down = True
    await world.run(400)
    assert world.replicas == high
    assert world.condition("ScalingActive")["status"] == "False"
    assert "could be read" in world.condition("ScalingActive")["message"]


async def test_the_metric_changes_hands_without_two_owners_and_without_a_fall(world):
    world.apply()
    await world.settle()
    [autoscaler] = [key for key in world.cluster.objects if key[0] == "HorizontalPodAutoscaler"]
    [name] = world.deployed
    deployment = world.cluster.objects["Deployment", "shop", name]
    world.cluster.put(kinds.DEPLOYMENT, {**deployment, "spec": {**deployment["spec"], "replicas": 7}})
    world.controllers()
    world.apply(scaling=SCALING)
    world.cluster.writes.clear()
    await world.run(100)
    assert autoscaler not in world.cluster.objects
    assert world.replicas == 7, "nobody knows yet whether fewer are enough"
    assert not [write for write in world.cluster.writes if write.startswith("scale")]
    world.apply(scaling={"metrics": [{"type": "cpu", "target": 80}]})
    await world.run(3)
    assert autoscaler in world.cluster.objects
    assert world.replicas == 7
    assert KEY not in world.scalers._loops
    assert world.scaling["writer"] == "HorizontalPodAutoscaler"


async def test_one_pod_that_cannot_be_read_keeps_what_it_may_need(world):
    world.apply(scaling=SCALING)
    await world.settle()
    world.load = 40
    await world.run(20)
    high = world.replicas
    blind = world.pods()[0]
    read = world.source.read

    async def half_blind(targets, timeout):  # noqa: ASYNC109
        found = dict(await read(targets, timeout))
        return {**found, blind: MetricsError(Trouble.TIMEOUT, "late")}

    world.source.read = half_blind
    await world.run(60)
    assert world.replicas >= high - 1


async def test_a_canary_under_a_doubling_load_has_its_pods_and_the_stable_those_for_all(world):
    rollout = {"steps": [{"weight": 20, "duration": "5s"}, {"weight": 50, "duration": "600s"}]}
    world.apply(scaling=SCALING, rollout=rollout)
    await world.settle()
    world.load = 16
    await world.run(30)
    world.apply("x:2", scaling=SCALING, rollout=rollout)
    for second in range(90):
        if second == 30:
            world.load = 32
        await world.second()
    weights = world.weights()
    assert sorted(weights.values()) == [50, 50]
    stable, canary = (world.deployed[f"iris-{revision}"] for revision in weights)
    assert canary >= 4
    assert stable >= 8
    assert stable + canary <= 20
    roles = {one["revision"]: one["writer"] for one in world.status["scaling"]["revisions"]}
    assert roles == dict.fromkeys(weights, "ekiben")
    world.apply("x:1", scaling=SCALING, rollout=rollout)
    await world.run(30)
    left = {name.removeprefix("iris-"): replicas for name, replicas in world.deployed.items()}
    [gone] = [revision for revision in left if revision not in world.weights()]
    assert left.pop(gone) == 0
    assert list(left.values()) >= [8]
    world.load = 100
    await world.run(10)
    assert world.deployed[f"iris-{gone}"] == 0


async def test_copies_of_requests_are_no_load_that_the_stable_revision_might_get(world):
    world.apply(scaling=SCALING)
    await world.settle()
    world.load = 32
    await world.run(240)
    before = world.replicas
    rollout = {"strategy": "shadow", "shadow": {"percent": 100, "duration": "10m"}}
    world.apply("x:2", scaling=SCALING, rollout=rollout)
    await world.run(5)
    world.copies = True
    await world.run(90)
    assert world.status["rollout"]["state"] == "Shadow"
    stable, canary = world.status["stable"]["revision"], world.status["canary"]["revision"]
    assert world.deployed[f"iris-{stable}"] <= before + 1
    assert world.deployed[f"iris-{canary}"] >= 8


async def test_on_the_way_back_nothing_is_taken_from_the_stable_revision(world):
    scaling = {**SCALING, "behavior": {"scaleDownDelay": "0s", "window": "6s"}}
    rollout = {"steps": [{"weight": 50, "duration": "10m"}]}
    world.apply(scaling=scaling, rollout=rollout)
    await world.settle()
    world.load = 40
    await world.run(60)
    world.apply("x:2", scaling=scaling, rollout=rollout)
    await world.run(150)
    stable = f"iris-{world.status['stable']['revision']}"
    assert world.deployed[stable] >= 10
    shares = world.weights()
    world.apply("x:1", scaling=scaling, rollout=rollout)
    world.still = (world.now + 6, shares)
    for _ in range(12):
        await world.second()
        assert world.deployed[stable] >= 10
