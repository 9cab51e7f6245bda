"""The watcher of a rollout: what it tells the analysis, and when it wakes the loop."""

import asyncio
import copy
import logging
from dataclasses import replace

import pytest

from ekiben.analysis import Config
from ekiben.api.modeldeployment import ModelDeployment
from ekiben.operator.evidence import randomised
from ekiben.operator.logs import ResourceLog
from ekiben.operator.queue import Key, WorkQueue
from ekiben.operator.watcher import Watcher
from ekiben.operator.world import World as Seen
from ekiben.rollout.observation import Evidence
from ekiben.signals.collector import Collector
from ekiben.signals.counters import PodCounters

KEY = Key("shop", "iris")
CANARY, STABLE = "bbbbbbbb", "22222222"


class FakeCollector:
    note = ""
    tick_length = 0.001

    def __init__(self):
        self.said = []
        self.ticks = 0
        self.seen = Evidence(CANARY)
        self.broken = False

    def weight_acknowledged(self, weight, now):
        self.said.append((self.ticks, weight))

    async def tick(self, targets, now):
        self.ticks += 1
        if self.broken:
            raise ZeroDivisionError

    def evidence(self):
        return self.seen


def seen(weight, *, acknowledged=True, pods=1):
    raw = {
        "metadata": {"name": "iris", "namespace": "shop", "uid": "u"},
        "spec": {"model": {"image": "x:2"}},
    }
    parent = {"name": "ekiben", "namespace": "gw"}
    condition = {"type": "Accepted", "status": "True", "observedGeneration": 1 if acknowledged else 0}
    route = {
        "metadata": {"name": "iris", "namespace": "shop", "generation": 1},
        "spec": {
            "parentRefs": [parent],
            "rules": [
                {
                    "backendRefs": [
                        {"name": f"iris-{STABLE}", "weight": 100 - weight},
                        {"name": f"iris-{CANARY}", "weight": weight},
                    ]
                }
            ],
        },
        "status": {"parents": [{"parentRef": parent, "conditions": [condition]}]},
    }
    pod = {
        "metadata": {
            "name": "p",
            "namespace": "shop",
            "uid": "p",
            "labels": {"pod-template-hash": "h"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"iris-{CANARY}-h", "uid": "r", "controller": True}],
        },
        "spec": {},
        "status": {"podIP": "10.0.0.1", "phase": "Running"},
    }
    return Seen(
        raw=raw,
        resource=ModelDeployment.parse(raw),
        deployments={CANARY: {"metadata": {"name": f"iris-{CANARY}"}}},
        pods={CANARY: [copy.deepcopy(pod)] * pods},
        route=route,
    )


@pytest.fixture
async def watched():
    collector, queue = FakeCollector(), WorkQueue()
    watcher = Watcher(collector, None, CANARY, STABLE, ResourceLog(logging.getLogger("x"), *KEY))
    task = None

    def start():
        nonlocal task
        task = asyncio.create_task(watcher.run(queue, KEY))

    yield collector, queue, watcher, start
    if task:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ticks(collector, more):
    wanted = collector.ticks + more
    for _ in range(10_000):
        if collector.ticks >= wanted:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it does not tick")


def test_only_where_each_request_is_split_by_chance_are_shares_what_weights_say():
    world = seen(10)
    assert randomised(world)
    rule = world.route["spec"]["rules"][0]
    for sessions, chance in (({}, True), ({"sessionPersistence": {"sessionName": "s"}}, False)):
        route = {"metadata": {"name": "mine", "namespace": "shop"}, "spec": {"rules": [{**rule, **sessions}]}}
        assert randomised(replace(world, users_route=route)) is chance
    raw = {**world.raw, "spec": {**world.raw["spec"], "traffic": {"provider": "replicaRatio"}}}
    assert not randomised(replace(world, resource=ModelDeployment.parse(raw)))


async def test_a_weight_is_told_once_when_it_is_acknowledged(watched):
    collector, _, watcher, start = watched
    watcher.follow(seen(0), 1.0)
    start()
    await ticks(collector, 2)
    watcher.follow(seen(20, acknowledged=False), 2.0)
    assert [weight for _, weight in collector.said] == [0]
    for _ in range(3):
        watcher.follow(seen(20), 3.0)
        await ticks(collector, 1)
    watcher.follow(seen(0), 4.0)
    assert [weight for _, weight in collector.said] == [0, 20, 0]


async def test_after_a_restart_the_weight_is_told_when_the_stable_has_been_read(watched):
    collector, _, watcher, start = watched
    watcher.follow(seen(20), 1.0)
    assert collector.said == []
    start()
    await ticks(collector, 2)
    assert collector.said == [(1, 20)]


async def test_a_weight_change_is_followed_by_a_tick_at_once(watched):
    collector, _, watcher, start = watched
    watcher.follow(seen(0), 1.0)
    start()
    await ticks(collector, 1)
    collector.tick_length = 3600
    await ticks(collector, 1)  # the one that was due already
    before = collector.ticks
    watcher.follow(seen(20), 2.0)
    await ticks(collector, 1)
    assert collector.ticks == before + 1


async def test_without_pods_it_waits_with_that(watched):
    collector, _, watcher, start = watched
    watcher.follow(seen(20, pods=0), 1.0)
    start()
    await ticks(collector, 2)
    assert collector.said == []
    watcher.follow(seen(20), 1.0)
    await ticks(collector, 2)
    assert len(collector.said) == 1


async def test_only_news_wakes_the_loop_and_goes_first(watched):
    collector, queue, watcher, start = watched
    watcher.follow(seen(20), 1.0)
    start()
    assert await asyncio.wait_for(queue.get(), 5) == KEY
    queue.done(KEY)
    await ticks(collector, 5)
    assert queue.depth == 0
    queue.add(Key("shop", "other"))
    collector.seen = Evidence(CANARY, verdict="Regressed")
    await ticks(collector, 2)
    assert await asyncio.wait_for(queue.get(), 5) == KEY


async def test_a_defect_of_a_tick_does_not_end_the_watching(watched, caplog):
    collector, _, watcher, start = watched
    watcher.follow(seen(20), 1.0)
    collector.broken = True
    start()
    await ticks(collector, 3)
    assert "one tick of the evidence is lost" in caplog.text
    collector.broken = False
    await ticks(collector, 2)
    assert len(collector.said) == 1


class Breaking:
    """A source with a pod that answers, until what it says cannot be taken in."""

    interval, drains, pooled = 0.0, True, False
    broken = False
    reads = 0

    def histograms(self, runtime):
        return False

    async def read(self, targets, timeout):  # noqa: ASYNC109
        self.reads += 1
        if self.broken:
            raise OverflowError("cannot convert float infinity to integer")
        return {target.uid: PodCounters(requests=self.reads) for target in targets}


async def test_ticks_that_are_lost_are_readings_that_were_missed(caplog):
    source, queue = Breaking(), WorkQueue()
    collector = Collector(Config(), stable=STABLE, canary=CANARY, source=source, timeout=60.0, tick=0.001)
    watcher = Watcher(collector, source, CANARY, STABLE, ResourceLog(logging.getLogger("x"), *KEY))
    world = seen(20)
    other = copy.deepcopy(world.pods[CANARY][0])
    other["metadata"] |= {"name": "q", "uid": "q"}
    other["metadata"]["ownerReferences"][0]["name"] = f"iris-{STABLE}-h"
    world.pods[STABLE], world.deployments[STABLE] = [other], {"metadata": {"name": f"iris-{STABLE}"}}
    watcher.follow(world, 1.0)
    task = asyncio.create_task(watcher.run(queue, KEY))

    async def until(met):
        for _ in range(10_000):
            if met():
                return
            await asyncio.sleep(0.001)
        raise AssertionError(collector.evidence())

    try:
        await until(lambda: collector.drain(CANARY).known)
        source.broken = True
        await until(lambda: collector.evidence().problem == "SourceDown")
        assert "cannot be taken in (OverflowError)" in collector.evidence().problem_message
        assert not collector.drain(CANARY).known
        assert "one tick of the evidence is lost" in caplog.text
        source.broken = False
        await until(lambda: collector.evidence().problem != "SourceDown")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
