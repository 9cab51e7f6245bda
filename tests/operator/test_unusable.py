"""A spec that cannot be used: what serves is seen to all the same, the way that is there, and none of it applied."""

import json

import pytest
from tests.operator.conftest import KEY
from tests.operator.traffic_stage import CANARY, NAME, STABLE, Stage

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.status import Status
from ekiben.cluster import kinds
from ekiben.objects.problems import problems
from ekiben.objects.settings import Settings as Rendering
from ekiben.operator.status import degraded
from ekiben.operator.writes import BlockedError
from ekiben.rollout.plan import SetWeights

STEPS = {"steps": [{"weight": 50, "duration": "600s"}]}
FOREIGN = {"hostnames": ["iris.other.ekiben.localhost"]}
OWN = ["iris.shop.ekiben.localhost"]


async def looks(world, count=8):
    """Look as often as the operator does, which is told each time that something is not carried out."""
    for _ in range(count):
        with pytest.raises(BlockedError) as blocked:
            await world.reconciler.look(KEY)
        world.controllers()
        world.now += 1
    return blocked.value


def ask(world, verb):
    resource = world.resource
    revision = world.status["canary"]["revision"]
    annotations = {"ekiben.dev/request": f"{verb} {revision} id-1"}
    world.cluster.put(
        kinds.MODEL_DEPLOYMENT, {**resource, "metadata": {**resource["metadata"], "annotations": annotations}}
    )


def weights(world):
    rule = world.cluster.objects["HTTPRoute", *KEY]["spec"]["rules"][-1]
    return {one["name"].removeprefix("iris-"): one["weight"] for one in rule["backendRefs"]}


def hostnames(world):
    return world.cluster.objects["HTTPRoute", *KEY]["spec"]["hostnames"]


async def canary(world):
    world.apply(rollout=STEPS)
    await world.settle()
    world.apply(image="x:2", rollout=STEPS)
    await world.settle()
    assert world.status["canary"]["weight"] == 50
    return world.status["stable"]["revision"], world.status["canary"]["revision"]


async def test_an_abort_is_carried_out_in_the_route_that_is_there(world):
    stable, mine = await canary(world)
    world.apply(image="x:2", rollout=STEPS, traffic={**FOREIGN, "path": "/elsewhere"})
    await looks(world, 3)
    assert weights(world) == {stable: 50, mine: 50}
    ask(world, "abort")
    for _ in range(5):
        await looks(world, 8)
        world.now += 30
    assert [one["outcome"] for one in world.status["requests"]] == ["Done"]
    assert weights(world) == {stable: 100}
    assert world.status["rejectedRevision"] == mine
    assert hostnames(world) == OWN
    assert "elsewhere" not in json.dumps(world.cluster.objects["HTTPRoute", *KEY])
    assert (world.status["phase"], world.condition("Degraded")["reason"]) == ("Degraded", "Unusable")
    world.apply(image="x:1", rollout=STEPS)
    await world.settle()
    assert (world.status["phase"], world.condition("Degraded")) == ("Stable", None)


async def test_it_is_told_once_and_a_settled_resource_is_not_written(world):
    await canary(world)
    world.apply(image="x:2", rollout=STEPS, traffic=FOREIGN)
    blocked = await looks(world, 4)
    assert (blocked.reason, blocked.told, blocked.new) == ("Unusable", True, False)
    assert blocked.again < 60  # a canary is looked at as often as any
    events = [body for (kind, _, _), body in world.cluster.objects.items() if kind == "Event"]
    assert [body["reason"] for body in events].count("Unusable") == 1
    world.cluster.writes.clear()
    await looks(world, 3)
    assert world.cluster.writes == []


async def test_no_new_revision_begins_and_replicas_follow_the_spec(world):
    world.apply(scaling={"replicas": 2})
    await world.settle()
    world.apply(image="x:2", scaling={"replicas": 3}, traffic=FOREIGN)
    await looks(world)
    assert world.status.get("canary") is None
    assert world.condition("Progressing")["reason"] == "Unusable"
    assert [one["spec"]["replicas"] for (kind, *_), one in world.cluster.objects.items() if kind == "Deployment"] == [3]


async def test_a_route_that_is_gone_is_not_made_of_it(world):
    await canary(world)
    world.cluster.drop(kinds.HTTP_ROUTE, *KEY)
    world.apply(image="x:2", rollout=STEPS, traffic=FOREIGN)
    ask(world, "abort")
    await looks(world)
    assert ("HTTPRoute", *KEY) not in world.cluster.objects
    assert [one["outcome"] for one in world.status["requests"]] == ["Done"]


async def test_nothing_is_made_of_one_that_never_served(world):
    world.apply(traffic=FOREIGN)
    await looks(world, 2)
    assert not {kind for kind, *_ in world.cluster.objects} & {"Deployment", "Service", "HTTPRoute"}


async def seen(stage, rendering):
    raw = await stage.cluster.get(kinds.MODEL_DEPLOYMENT, "shop", NAME)
    resource = ModelDeployment.parse(raw)
    return await stage.observer.read(raw, resource, "; ".join(problems(resource, rendering)))


@pytest.mark.parametrize(
    "before",
    [{}, {"hostnames": ["iris.example.com"], "path": "/m"}, {"provider": "replicaRatio"}, {"httpRoute": "mine"}],
)
@pytest.mark.parametrize("after", [FOREIGN, {**FOREIGN, "parentRefs": [{"name": "theirs", "namespace": "ads"}]}])
async def test_whatever_way_there_was_goes_on(before, after):
    stage = Stage(traffic=before)
    stage.users_route()
    stage.revision(STABLE)
    stage.revision(CANARY)
    await stage.set_weights((STABLE, 50), (CANARY, 50))
    stage.apply(traffic=after)
    world = await seen(stage, Rendering())
    assert not world.withheld
    await stage.traffic.set_weights(world, SetWeights(((STABLE, 100), (CANARY, 0))))
    await stage.traffic.select(world, STABLE)
    if "httpRoute" in before:
        assert stage.backends("mine") == {f"iris-{STABLE}": 100, f"iris-{CANARY}": 0}
    elif "provider" in before:
        assert (await stage.seen()).service == STABLE
    else:
        spec = stage.get(kinds.HTTP_ROUTE, NAME)["spec"]
        assert stage.backends(NAME) == {f"iris-{STABLE}": 100, f"iris-{CANARY}": 0}
        assert spec["hostnames"] == before.get("hostnames", OWN)
        assert [ref["name"] for ref in spec["parentRefs"]] == ["ekiben"]
        assert spec["rules"][-1]["matches"][0]["path"]["value"] == before.get("path", "/")
    if before.keys() & {"httpRoute", "provider"}:
        assert stage.get(kinds.HTTP_ROUTE, NAME) is None


async def test_a_setting_that_allows_less_leaves_what_serves_and_makes_nothing_anew():
    stage = Stage(traffic={"hostnames": ["iris.example.com"]})
    stage.revision(STABLE)
    stage.revision(CANARY)
    await stage.set_weights((STABLE, 50), (CANARY, 50))
    tightened = Rendering(hostnames={"shop": ()})
    world = await seen(stage, tightened)
    assert "may not be claimed" in world.unusable
    await stage.traffic.set_weights(world, SetWeights(((STABLE, 100), (CANARY, 0))))
    assert stage.backends(NAME) == {f"iris-{STABLE}": 100, f"iris-{CANARY}": 0}
    stage.server.remove(kinds.HTTP_ROUTE, "shop", NAME)
    world = await seen(stage, tightened)
    assert world.withheld
    await stage.traffic.set_weights(world, SetWeights(((STABLE, 100),)))
    assert stage.get(kinds.HTTP_ROUTE, NAME) is None


async def test_what_sleeps_is_woken_where_it_is_reached():
    stage = Stage(traffic={"hostnames": ["iris.example.com"], "path": "/m"})
    stage.revision(STABLE)
    await stage.traffic.set_weights(await stage.read(), SetWeights(((STABLE, 100),), wake=True))
    stage.apply(traffic=FOREIGN)
    world = await seen(stage, Rendering())
    await stage.traffic.set_weights(world, SetWeights(((STABLE, 100),)))
    spec = stage.get(kinds.HTTP_ROUTE, NAME)["spec"]
    assert stage.backends(NAME) == {f"iris-{STABLE}": 100}
    assert (spec["hostnames"], spec["rules"][-1]["matches"][0]["path"]["value"]) == (["iris.example.com"], "/m")


def test_degraded_is_said_once_whatever_was_said_before():
    once = degraded(Status(), Status(), "Unusable", "no", 1, 0.0)
    twice = degraded(once, once, "RouteUnusable", "neither", 2, 9.0)
    assert [(one.reason, one.observed_generation) for one in twice.conditions] == [("RouteUnusable", 2)]
    assert twice.conditions[0].last_transition_time == once.conditions[0].last_transition_time
