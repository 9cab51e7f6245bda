"""Objectives: the pods of the revision that serves are read, judged, and in a bake gone back from."""

import pytest
from tests.operator.senses import SensingWorld

from ekiben.cluster import kinds

ROLLOUT = {
    "strategy": "blueGreen",
    "blueGreen": {"duration": "1s"},
    "bake": "600s",
    "objectives": {"errorRate": 0.01, "latency": {"quantile": 0.9, "below": "100ms"}},
}


@pytest.fixture
async def world(monkeypatch):
    made = SensingWorld(monkeypatch)
    yield made
    await made.close()


async def serve(world, seconds, **answers):
    for _ in range(seconds):
        world.answer(world.status["stable"]["revision"], **answers)
        await world.second()


async def first(world, rollout=ROLLOUT):
    world.apply("x:1", rollout=rollout)
    await world.settle()
    await serve(world, 12, fine=50)
    return world.status["stable"]["revision"]


def told(world, decision):
    return next((one for one in world.status["decisions"] if one["decision"] == decision), None)


async def test_the_first_revision_is_held_to_them(world):
    revision = await first(world)
    assert world.status["objectives"]["verdict"] == "Unknown"
    await serve(world, 12, fine=30, errors=20)
    assert world.status["objectives"]["verdict"] == "Regressed"
    decision = told(world, "ObjectiveMissed")
    assert decision["revision"] == revision
    assert decision["metrics"][0]["canaryEvents"] >= 20
    assert "the objective is at most 1 %" in decision["message"]


async def test_a_bake_that_misses_them_is_gone_back_from(world):
    old = await first(world)
    world.apply("x:2", rollout=ROLLOUT)
    for _ in range(30):
        await world.second()
        if world.status["stable"]["revision"] != old and "rollout" not in world.status:
            break
    new = world.status["stable"]["revision"]
    assert new != old
    await serve(world, 12, fine=50)
    assert world.status["stable"]["revision"] == new
    await serve(world, 3, fine=30, errors=20)
    for _ in range(90):
        await world.second()
    assert world.status["stable"]["revision"] == old
    assert world.status["rejectedRevision"] == new
    decision = told(world, "BakeFailed")
    assert (decision["revision"], decision["verdict"]) == (new, "Regressed")
    assert "ObjectiveMissed" in decision["message"]


async def test_after_a_restart_it_goes_on_from_the_status(world):
    await first(world)
    await serve(world, 70, fine=50)
    before = world.status["objectives"]["metrics"][0]["canaryRequests"]
    assert before > 0
    world.start()
    await serve(world, 70, fine=50)
    after = world.status["objectives"]["metrics"][0]["canaryRequests"]
    assert after > before


async def test_an_outage_of_the_source_is_no_miss(world):
    await first(world)
    world.source.down = True
    await serve(world, 120, errors=50)
    assert world.status["objectives"]["verdict"] != "Regressed"


async def test_the_stable_is_held_to_them_beside_a_canary(world):
    steps = {"steps": [{"weight": 20, "duration": "600s"}], "objectives": ROLLOUT["objectives"]}
    await first(world, steps)
    world.apply("x:2", rollout=steps)
    for _ in range(8):
        await world.second()
    assert world.status["canary"]["acknowledgedWeight"] == 20
    canary = world.status["canary"]["revision"]
    for _ in range(20):
        world.answer(canary, fine=20)
        await serve(world, 1, fine=30, errors=20)
    assert world.status["objectives"]["verdict"] == "Regressed"
    assert world.status["canary"]["revision"] == canary


async def test_without_objectives_nobody_reads_a_revision_alone(world):
    await first(world, {"bake": "0s"})
    assert "objectives" not in world.status
    assert not world.watchers._watchers


async def test_a_bake_is_held_to_those_of_a_policy_that_is_gone(world):
    policy = {"metadata": {"namespace": "shop", "name": "one", "uid": "p"}, "spec": {"rollout": ROLLOUT}}
    world.cluster.put(kinds.ROLLOUT_POLICY, policy)
    old = await first(world, {"policyRef": "one"})
    world.apply("x:2", rollout={"policyRef": "one"})
    for _ in range(30):
        await world.second()
        if world.status["stable"]["revision"] != old and "rollout" not in world.status:
            break
    assert world.status["stable"]["revision"] != old
    world.cluster.drop(kinds.ROLLOUT_POLICY, "shop", "one")
    await serve(world, 12, fine=50)
    assert world.condition("PolicyUsable")["status"] == "False"
    assert world.status["objectives"]["revision"] == world.status["stable"]["revision"]
    await serve(world, 3, fine=30, errors=20)
    for _ in range(90):
        await world.second()
    assert world.status["stable"]["revision"] == old
    assert told(world, "BakeFailed") is not None
