"""A block of evidence is counted at most once, whatever dies in between (design invariant 4), and an outage of the
source neither promotes nor rolls back."""

import json
import random

import pytest
from tests.operator.conftest import KEY
from tests.operator.senses import SensingWorld

from ekiben.cluster import kinds
from ekiben.cluster.errors import ConflictError, UnavailableError

STEPS = {"steps": [{"weight": 20, "duration": "600s"}], "bake": "0s"}


@pytest.fixture
async def world(monkeypatch):
    made = SensingWorld(monkeypatch)
    yield made
    await made.close()


async def canary(world, steps=STEPS):
    """Bring a rollout to its first step; returns (canary, stable)."""
    world.apply("x:1", rollout=steps)
    await world.settle()
    stable = world.status["stable"]["revision"]
    for _ in range(3):
        world.answer(stable, fine=100)
    world.apply("x:2", rollout=steps)
    for _ in range(8):
        await world.second()
    assert world.status["canary"]["acknowledgedWeight"] == 20
    return world.status["canary"]["revision"], stable


def counted(world):
    """Return the requests of the canary in the evidence that the status keeps."""
    text = world.status["rollout"]["evidence"]
    if not text:
        return 0
    state = json.loads(json.loads(text)["analysis"])
    return state["errors"]["totals"]["canary_trials"]


def digits(number):
    """Return the digits of a number to the base 3."""
    found = []
    while number:
        number, digit = divmod(number, 3)
        found.append(digit)
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_no_request_is_counted_twice_whatever_dies(world, seed):
    """The canary answers 3^i requests in the i-th second: what was counted twice would leave a digit 2."""
    chance = random.Random(seed)
    mine, stable = await canary(world)
    for _ in range(6):
        world.answer(stable, fine=50)
        await world.second()
    for exponent in range(10):
        world.answer(mine, fine=3**exponent)
        world.answer(stable, fine=60_000)
        turn = chance.choice(["look", "look", "no look", "kill", "conflict", "kill after write", "lost write"])
        if turn == "kill":
            world.start()
        if turn == "conflict":
            resource = world.resource
            world.cluster.put(kinds.MODEL_DEPLOYMENT, {**resource, "metadata": {**resource["metadata"], "x": exponent}})
        if turn == "lost write":
            world.cluster.refuse["replace", "ModelDeployment"] = UnavailableError("the API server is away", 503)
        try:
            await world.second(look=turn != "no look")
        except (ConflictError, UnavailableError):
            world.now += 1
        world.cluster.refuse.clear()
        if turn == "kill after write":
            world.start()
        world.now += chance.choice([0, 0, 9])  # now and then long enough for the state to be written
        assert max(digits(counted(world)), default=0) <= 1, turn
    for calm in range(20):
        world.answer(stable, fine=50)
        world.answer(mine, fine=3**10 if calm == 8 else 0)
        await world.second()
    assert max(digits(counted(world)), default=0) <= 1
    assert counted(world) > 0


async def test_two_operators_at_once_double_nothing(world):
    """The lease has moved on, and the former operator has not noticed yet."""
    mine, stable = await canary(world)
    former = world.watchers, world.reconciler
    world.start()
    for exponent in range(10):
        world.answer(mine, fine=3**exponent)
        world.answer(stable, fine=60_000)
        for watchers, reconciler in (former, (world.watchers, world.reconciler)):
            watcher = watchers._watchers.get(KEY)
            if watcher is not None:
                await watcher._tick(world.now)
            await reconciler.look(KEY)
            assert max(digits(counted(world)), default=0) <= 1
        world.now += 11
    assert counted(world) > 0


async def test_a_ten_minute_outage_of_the_source_neither_promotes_nor_rolls_back(world):
    steps = {"steps": [{"weight": 20, "duration": "30s"}, {"weight": 50, "duration": "30s"}], "bake": "0s"}
    mine, stable = await canary(world, steps)
    for _ in range(15):
        world.answer(mine, fine=5)
        world.answer(stable, fine=20)
        await world.second()
    before = world.status["rollout"]["step"], dict(world.status["canary"])
    world.source.down = True
    for passed in range(600):
        await world.second(look=passed % 5 == 0)
    assert (world.status["rollout"]["step"], world.status["canary"]) == before
    condition = world.condition("EvidenceUsable")
    assert (condition["status"], condition["reason"]) == ("False", "SourceDown")
    assert "Prometheus is away" in condition["message"]
    assert world.status["rollout"]["state"] == "Step"
    world.source.down = False
    for passed in range(400):
        if world.status.get("rollout") is None:
            break
        world.answer(mine, fine=20)
        world.answer(stable, fine=20)
        await world.second(look=passed % 3 == 0)
    assert world.status["stable"]["revision"] == mine
    assert world.condition("RolledBack")["status"] == "False"
