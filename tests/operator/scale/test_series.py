"""Each change of replicas is counted once, by whomever; what is there is shown for every owner, and goes with it."""

import re
from itertools import pairwise

import pytest
from tests.operator.conftest import KEY, World
from tests.operator.scale.test_keda import KEDA, KedaWorld
from tests.operator.scale.test_loop import SCALING, Loaded, _never

from ekiben.api.status import Status
from ekiben.cluster import kinds
from ekiben.operator.metrics import Metrics
from ekiben.operator.scale.loop import Loop
from ekiben.operator.scale.moves import Move, moves


def series(metrics):
    """Return (name, labels but those of the resource) -> value of what is told of scaling."""
    found = {}
    for line in metrics.exposition().decode().splitlines():
        if line.startswith("ekiben_scaling_"):
            name, labels, value = re.fullmatch(r"ekiben_scaling_(\w+)\{(.*)\} (\S+)", line).groups()
            kept = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            assert (kept.pop("namespace"), kept.pop("name")) == ("shop", "iris")
            found[name, *kept.values()] = float(value)
    return found


def counted(metrics):
    """Return (direction, reason, role) -> times."""
    return {key[1:]: value for key, value in series(metrics).items() if key[0] == "decisions_total"}


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(Loop, "run", _never)
    world = Loaded(monkeypatch)
    yield world
    await world.scalers.close()
    for watchers in world.operators:
        await watchers.close()


def resize(world, replicas):
    [deployment] = [item for (kind, _, _), item in world.cluster.objects.items() if kind == "Deployment"]
    world.cluster.put(kinds.DEPLOYMENT, {**deployment, "spec": {**deployment["spec"], "replicas": replicas}})
    world.controllers()


async def test_a_change_by_the_load_counts_once_and_what_was_only_thought_of_does_not(world):
    world.apply(scaling=SCALING)
    await world.settle()
    begun = counted(world.metrics)
    assert set(begun) == {("up", "NotMeasured", "stable")}
    world.now += 70
    world.load = 8
    await world.run(5)
    assert counted(world.metrics) == begun, "nothing has changed"
    world.load = 40
    sizes = [world.replicas]
    for _ in range(400):
        if len(sizes) == 200:
            world.load = 4
        await world.second()
        sizes.append(world.replicas)
    ups = sum(after > before for before, after in pairwise(sizes))
    downs = sum(after < before for before, after in pairwise(sizes))
    found = counted(world.metrics)
    assert sum(times for (way, _, _), times in found.items() if way == "up") == ups + sum(begun.values())
    assert sum(times for (way, _, _), times in found.items() if way == "down") == downs > 0
    assert {reason for way, reason, _ in found if way == "down"} <= {"LoadFell", "StepLimited", "Minimum"}


async def test_a_rollout_is_counted_with_the_pods_that_it_takes_away(world):
    rollout = {"steps": [{"weight": 50, "duration": "600s"}]}
    world.apply(scaling=SCALING, rollout=rollout)
    await world.settle()
    world.load = 16
    await world.run(30)
    world.apply("x:2", scaling=SCALING, rollout=rollout)
    await world.run(30)
    assert ("up", "Rollout", "canary") in counted(world.metrics)
    assert {role for name, role in (key[:2] for key in series(world.metrics)) if name == "ready_replicas"} == {
        "stable",
        "canary",
    }
    world.apply("x:1", scaling=SCALING, rollout=rollout)
    await world.run(30)
    down = [key for key in counted(world.metrics) if key[0] == "down" and key[2] in ("canary", "former")]
    assert [key[1] for key in down] == ["Rollout"]
    assert ("ready_replicas", "canary") not in series(world.metrics)


async def test_with_an_autoscaler_replicas_and_owner_are_shown_and_its_changes_counted():
    world = World()
    world.apply()
    await world.settle()
    found = series(world.metrics)
    assert found["desired_replicas", "stable"] == found["ready_replicas", "stable"] == 2
    assert found["owner", "stable", "HorizontalPodAutoscaler"] == 1
    begun = counted(world.metrics)
    resize(world, 5)
    await world.settle()
    await world.reconciler.look(KEY)
    more = {key: times for key, times in counted(world.metrics).items() if times != begun.get(key)}
    assert [(way, role) for way, _, role in more] == [("up", "stable")]
    assert series(world.metrics)["desired_replicas", "stable"] == 5


async def test_with_keda_too_and_an_owner_that_is_replaced_goes():
    world = KedaWorld("cron")
    world.apply()
    await world.settle()
    world.apply(scaling=KEDA)
    await world.settle()
    assert [key for key in series(world.metrics) if key[0] == "owner"] == [("owner", "stable", "KEDA")]
    resize(world, 4)
    await world.settle()
    assert counted(world.metrics)["up", "Keda", "stable"] == 1
    world.cluster.drop(kinds.MODEL_DEPLOYMENT, "shop", "iris")
    await world.reconciler.look(KEY)
    assert series(world.metrics) == {}


def test_what_is_counted_of_a_deleted_resource_goes_with_it():
    metrics = Metrics()
    metrics.scaling.moved(KEY, Move("stable", 2, 3, "LoadRose", ""))
    metrics.scaling.moved(KEY, Move("former", 3, 0, "Rollout", ""))
    assert len(counted(metrics)) == 2
    metrics.forget(KEY)
    assert series(metrics) == {}


def test_a_status_from_before_changes_were_noted_is_no_change():
    one = {"revision": "v1", "number": 1, "image": "x", "model": {}, "replicas": 7}
    noted = {"revision": "v1", "writer": "ekiben", "desired": 7, "at": "x", "seen_at": "x", "reason": "Panic"}
    before = Status.model_validate({"stable": one}, by_name=True)
    after = Status.model_validate({"stable": one, "scaling": {"revisions": [noted]}}, by_name=True)
    assert moves(before, after, {}) == []
    assert moves(after, after, {}) == []
    assert moves(Status(), after, {}) == [Move("stable", 0, 7, "Panic", "")]
    assert moves(Status(), after, {"v1": 7}) == [], "a bake had kept it"
