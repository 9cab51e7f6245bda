"""`wake` through observe, decide, apply and ekiben's own loop: the idle window begins anew with it."""

import pytest
from tests.operator.senses import Counting
from tests.operator.test_scale_to_zero import SLEEPS, Sleeper
from tests.operator.traffic_stage import NAME, SPACE

from ekiben.api.request import REQUEST_ANNOTATION
from ekiben.cluster import kinds
from ekiben.operator import status
from ekiben.operator.apply import split
from ekiben.operator.metrics import Metrics
from ekiben.operator.observe import observation
from ekiben.operator.queue import Key, WorkQueue
from ekiben.operator.scale.loop import Loop
from ekiben.operator.scale.scalers import Scalers
from ekiben.rollout.decide import decide

KEY = Key(SPACE, NAME)
IDLE = 30


async def _never(*_):
    pass


class Followed(Sleeper):
    """One that falls asleep by what its pods were seen to do, which is nothing."""

    def restart(self, **options):
        super().restart(**options)
        self.scalers = Scalers(Counting(), WorkQueue(), Metrics(), holding=self.activators)

    async def look(self):
        await self.activators.look()
        world = await self.stage.read()
        await self.scalers.follow(KEY, world)
        load = self.scalers.load(KEY, world, self.now)
        self.phase = load.sleep.phase
        plan = decide(observation(world, None, {}, (), load), self.now)
        first, endings = split(plan.actions)
        await self.applier.act(world, first)
        await status.write(self.stage.cluster, world.raw, world.resource.status, plan.status)
        await self.applier.act(world, endings)
        self.check()
        self.between()
        await self.scalers._loops[KEY].tick(self.now)

    async def until_it_sleeps(self, within):
        for passed in range(within):
            if self.wanted == 0:
                return passed
            await self.look()
        raise AssertionError(self.condition("Asleep"))

    def ask(self, identity):
        request = f"wake {self.revision} {identity}"
        raw = self.stage.get(kinds.MODEL_DEPLOYMENT, NAME)
        metadata = {**raw["metadata"], "annotations": {REQUEST_ANNOTATION: request}}
        self.stage.server.put(kinds.MODEL_DEPLOYMENT, {**raw, "metadata": metadata})

    @property
    def answers(self):
        found = self.stage.get(kinds.MODEL_DEPLOYMENT, NAME)["status"]["requests"]
        return [(one["id"], one["outcome"]) for one in found]


@pytest.fixture
async def sleeper(monkeypatch):
    monkeypatch.setattr(Loop, "run", _never)
    made = Followed(scaling={**SLEEPS["scaling"], "idleWindow": f"{IDLE}s"})
    await made.looks(6)
    yield made
    await made.scalers.close()
    await made.activators.close()


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_model_that_is_woken_stays_for_the_idle_window_and_sleeps_again(sleeper, restarts):
    await sleeper.until_it_sleeps(4 * IDLE)
    await sleeper.looks(2 * IDLE)
    assert sleeper.wanted == 0
    sleeper.ask("rush")
    await sleeper.look()
    assert sleeper.wanted == 1
    if restarts:
        await sleeper.scalers.close()
        sleeper.restart()
    await sleeper.looks(4)
    assert sleeper.condition("Asleep")[0] == "False"
    assert sleeper.condition("Available") == ("True", "Serving")
    assert await sleeper.until_it_sleeps(4 * IDLE) >= IDLE - 5
    await sleeper.looks(3 * IDLE)
    assert sleeper.wanted == 0, "no request is handled twice"
    assert sleeper.answers == [("rush", "Done")]
    sleeper.ask("again")
    await sleeper.looks(2)
    assert (sleeper.wanted, sleeper.answers[-1]) == (1, ("again", "Done"))


async def test_on_its_way_down_it_turns_back(sleeper):
    for _ in range(4 * IDLE):
        if sleeper.stage.backends(NAME).get("iris-wake"):
            break
        await sleeper.look()
    assert sleeper.wanted == 1
    sleeper.ask("rush")
    await sleeper.looks(5)
    assert sleeper.answers == [("rush", "Done")]
    assert sleeper.stage.backends(NAME) == {f"iris-{sleeper.revision}": 100}
    assert await sleeper.until_it_sleeps(4 * IDLE) >= IDLE - 7
