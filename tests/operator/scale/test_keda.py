"""KEDA's ScaledObject: only where it is installed and the type is allowed, and never beside another owner."""

import pytest
from tests.operator.conftest import KEY, World

from ekiben.cluster import kinds
from ekiben.cluster.errors import NotFoundError
from ekiben.operator import keda
from ekiben.operator.gateways import Gateways
from ekiben.operator.observe import Observer

KEDA = {"keda": {"triggers": [{"type": "cron", "metadata": {"timezone": "UTC", "desiredReplicas": "5"}}]}}


class KedaWorld(World):
    """A cluster in which KEDA may be installed."""

    def __init__(self, *triggers, installed=True):
        super().__init__()
        self.installed = installed
        rendering = self.reconciler._rendering
        self.reconciler._observer = Observer(
            self.cluster, rendering, Gateways(self.cluster, rendering, 0), keda_triggers=triggers
        )
        self.asked = []

        async def serves(kind):
            self.asked.append(kind)
            return installed

        self.cluster.serves = serves

    def of(self, kind):
        return [item for (found, _, _), item in self.cluster.objects.items() if found == kind]

    @property
    def writer(self):
        return self.status["scaling"]["revisions"][0]["writer"]


async def test_triggers_pass_through_and_an_autoscaler_of_ours_is_gone_before(monkeypatch):
    world = KedaWorld("cron", "cpu")
    world.apply()
    await world.settle()
    assert len(world.of("HorizontalPodAutoscaler")) == 1
    world.cluster.writes.clear()
    world.apply(scaling={**KEDA, "maxReplicas": 7})
    await world.settle()
    [scaled] = world.of("ScaledObject")
    assert scaled["spec"]["triggers"] == [
        {"type": "cron", "metadata": {"timezone": "UTC", "desiredReplicas": "5"}},
    ]
    assert (scaled["spec"]["minReplicaCount"], scaled["spec"]["maxReplicaCount"]) == (2, 7)
    assert scaled["spec"]["scaleTargetRef"] == {"name": scaled["metadata"]["name"]}
    owners = [write for write in world.cluster.writes if "Autoscaler" in write or "ScaledObject" in write]
    assert [write.split()[0] for write in owners] == ["delete", "apply"]
    assert world.writer == "KEDA"
    assert world.condition("ScalingActive")["reason"] == "Keda"
    world.cluster.writes.clear()
    await world.settle()
    assert not world.cluster.writes


async def test_the_way_back_waits_for_what_keda_leaves():
    world = KedaWorld("cron")
    world.apply(scaling=KEDA)
    await world.settle()
    [scaled] = world.of("ScaledObject")
    meta = {**scaled["metadata"], "name": f"keda-hpa-{scaled['metadata']['name']}", "uid": "k"}
    own = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "x", "uid": "y", "controller": True}
    theirs = {"metadata": {**meta, "ownerReferences": [own]}, "spec": {"maxReplicas": 9}}
    world.cluster.put(kinds.AUTOSCALER, theirs)
    world.apply(scaling={"metrics": [{"type": "cpu", "target": 70}]})
    await world.settle()
    assert not world.of("ScaledObject")
    assert world.of("HorizontalPodAutoscaler") == [
        world.cluster.objects["HorizontalPodAutoscaler", "shop", meta["name"]]
    ]
    assert world.condition("ScalingActive")["reason"] == "HandingOver"
    assert world.writer == "KEDA"
    world.cluster.drop(kinds.AUTOSCALER, "shop", meta["name"])
    await world.settle()
    assert len(world.of("HorizontalPodAutoscaler")) == 1
    assert world.writer == "HorizontalPodAutoscaler"


@pytest.mark.parametrize(
    ("triggers", "installed", "said"),
    [
        ((), True, "EKIBEN_KEDA_TRIGGERS"),
        (("kafka",), True, "allows (kafka)"),
        (("cron",), False, "KEDA is not installed here"),
    ],
)
async def test_where_it_cannot_be_had_replicas_stay_and_the_condition_says_what_to_do(triggers, installed, said):
    world = KedaWorld(*triggers, installed=installed)
    world.apply(scaling=KEDA)
    await world.settle()
    assert not world.of("ScaledObject")
    assert world.condition("ScalingActive")["status"] == "False"
    assert said in world.condition("ScalingActive")["message"]
    [deployment] = world.of("Deployment")
    assert deployment["spec"]["replicas"] == 2
    assert world.condition("Available")["status"] == "True"
    await world.reconciler.look(KEY)
    assert bool(world.asked) == bool(triggers), "without a trigger in the settings the role lets nobody ask"


async def test_what_is_not_allowed_any_more_ends():
    """A trigger goes on asking whatever address its author wrote for as long as its object is there."""
    world = KedaWorld("cron")
    world.apply(scaling=KEDA)
    await world.settle()
    assert len(world.of("ScaledObject")) == 1
    rendering = world.reconciler._rendering
    world.reconciler._observer = Observer(
        world.cluster, rendering, Gateways(world.cluster, rendering, 0), keda_triggers=("kafka",)
    )
    await world.settle()
    assert not world.of("ScaledObject")
    assert world.condition("ScalingActive")["reason"] == "NotPossible"
    [deployment] = world.of("Deployment")
    assert deployment["spec"]["replicas"] == 2


async def test_where_keda_is_uninstalled_replicas_stay_and_it_is_told():
    world = KedaWorld("cron")
    world.apply(scaling=KEDA)
    await world.settle()
    [scaled] = world.of("ScaledObject")
    world.cluster.drop(kinds.SCALED_OBJECT, "shop", scaled["metadata"]["name"])
    lists = world.cluster.list

    async def gone(kind, *where):
        if kind is kinds.SCALED_OBJECT:
            raise NotFoundError("there is no such kind", 404)
        return await lists(kind, *where)

    world.cluster.list = gone
    await world.settle()
    assert world.condition("ScalingActive")["reason"] == "NotPossible"
    assert "KEDA is not installed here" in world.condition("ScalingActive")["message"]
    assert [item["spec"]["replicas"] for item in world.of("Deployment")] == [2]


def says(world, *conditions):
    """Let KEDA write its conditions."""
    [scaled] = world.of("ScaledObject")
    told = [
        {"type": kind, "status": status, "reason": reason, "message": text} for kind, status, reason, text in conditions
    ]
    world.cluster.put(kinds.SCALED_OBJECT, {**scaled, "status": {"conditions": told}})


async def test_what_keda_says_of_its_triggers_is_told_and_asked_again_until_they_are_followed():
    world = KedaWorld("cron")
    world.apply(scaling=KEDA)
    await world.settle()
    assert (world.condition("ScalingActive")["status"], world.condition("ScalingActive")["reason"]) == (
        "Unknown",
        "Keda",
    )
    assert await world.reconciler.look(KEY) <= 15, "no watch tells what KEDA says"
    says(world, ("Ready", "False", "ScaledObjectCheckFailed", "error parsing cron metadata: no start"))
    assert await world.reconciler.look(KEY) <= 15
    condition = world.condition("ScalingActive")
    assert (condition["status"], condition["reason"]) == ("False", "ScaledObjectCheckFailed")
    assert condition["message"] == "KEDA says: error parsing cron metadata: no start"
    says(world, ("Ready", "True", "ScaledObjectReady", "fine"), ("Paused", "False", "ScaledObjectUnpaused", ""))
    world.now += 70  # for a minute after a rollout it is looked at anyway
    assert await world.reconciler.look(KEY) > 60
    assert world.condition("ScalingActive")["status"] == "True"
    assert world.condition("ScalingActive")["reason"] == "Keda"
    says(world, ("Ready", "True", "ScaledObjectReady", "fine"), ("Paused", "True", "ScaledObjectPaused", "paused"))
    await world.reconciler.look(KEY)
    assert world.condition("ScalingActive")["reason"] == "ScaledObjectPaused"
    assert world.writer == "KEDA"


def test_what_keda_writes_is_cut_and_need_not_be_whole():
    assert keda.measured(None).pending
    assert keda.measured({"status": {"conditions": None}}).pending
    long = {"type": "Ready", "status": "False", "message": "x" * 5000}
    found = keda.measured({"status": {"conditions": [long]}})
    assert (found.problem, found.reason, len(found.message)) == (True, "NotReady", 1000)
