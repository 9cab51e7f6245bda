"""The way to the activators and back, on an API server in memory; activators that are really there on loopback."""

import asyncio
import contextlib
import logging
from types import SimpleNamespace

import pytest
from aiohttp import web
from tests.operator.traffic_stage import NAME, SPACE, STABLE, Stage

from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError
from ekiben.objects import wake
from ekiben.objects.activation import FIRST_PORT, LAST_PORT, TABLE, entries
from ekiben.operator.activators import apply as activation
from ekiben.operator.activators.activators import Activators
from ekiben.operator.activators.seen import Activation, Seen, addresses
from ekiben.operator.activators.seen import activation as seen_as
from ekiben.operator.activators.table import NoPortError, Table
from ekiben.operator.queue import Key, WorkQueue
from ekiben.operator.writes import BlockedError, Writer
from ekiben.rollout.plan import EnsureActivation, SetWeights

OWN = "ekiben-system"
KEY = Key(SPACE, NAME)
SLEEPS = {"scaling": {"minReplicas": 0, "metrics": [{"type": "concurrency"}]}}


def pod(ip, *, ready="True", made="ekiben-activator-5d4f", **spec):
    return {
        "metadata": {
            "namespace": OWN,
            "name": f"a-{ip}",
            "labels": {"app.kubernetes.io/name": "ekiben-activator", "pod-template-hash": "5d4f"},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": made, "uid": "r", "controller": True}
            ],
        },
        "spec": spec,
        "status": {"phase": "Running", "podIP": ip, "conditions": [{"type": "Ready", "status": ready}]},
    }


def page(*, ready=True, **models):
    return {"instance": "a", "ready": ready, "models": models}


def of(uid="u", port=FIRST_PORT, waiting=0, arrived=0, forwarded=0, going=0):
    return {"uid": uid, "port": port, "waiting": waiting, "arrived": arrived, "forwarded": forwarded, "onTheWay": going}


@pytest.fixture
async def stage():
    stage = Stage(**SLEEPS)
    stage.server.put(kinds.NAMESPACE, {"metadata": {"name": OWN}})
    stage.server.put(kinds.CONFIG_MAP, {"metadata": {"namespace": OWN, "name": TABLE}})
    stage.revision(STABLE, 1)
    stage.queue = WorkQueue()
    stage.activators = Activators(stage.cluster, stage.queue, OWN, "ekiben-activator")
    stage.pages = {}

    async def asked(ip):
        return stage.pages.get(ip)

    stage.activators._page = asked
    stage.observer._activators = stage.activators
    stage.writer = Writer(stage.cluster, stage.writes.append)
    yield stage
    await stage.activators.close()


def table(stage):
    return entries(stage.server.peek(kinds.CONFIG_MAP, OWN, TABLE) or {})


async def ensure(stage, *, in_path):
    world = await stage.read()
    await activation.ensure(stage.writer, stage.activators, world, EnsureActivation(STABLE, in_path))
    return world


def ready(stage, *ips):
    """Activators that have opened the model's port."""
    [entry] = table(stage).values()
    for ip in ips:
        stage.server.put(kinds.POD, pod(ip))
        stage.pages[ip] = page(**{entry.key: of(stage.resource.metadata.uid, entry.port)})
    return entry


def led(stage, service):
    slices = {one["metadata"]["name"]: one for one in stage.server.all(kinds.ENDPOINT_SLICE) if wake.is_ours(one)}
    return wake.listed(slices, service)


async def test_the_model_gets_a_port_first_and_the_services_lead_to_who_has_opened_it(stage):
    await ensure(stage, in_path=False)
    assert led(stage, "iris-wake") == frozenset()
    entry = ready(stage, "10.1.0.1", "10.1.0.2")
    assert FIRST_PORT <= entry.port <= LAST_PORT
    assert "/metrics" in entry.private
    stage.pages["10.1.0.2"] = page()  # does not know the model yet
    await stage.activators.look()
    world = await stage.read()
    assert world.activation.addresses == ("10.1.0.1",)
    assert not activation.observed(world).able
    ready(stage, "10.1.0.2")
    await stage.activators.look()
    await ensure(stage, in_path=False)
    both = {("10.1.0.1", entry.port), ("10.1.0.2", entry.port)}
    assert (led(stage, "iris-wake"), led(stage, NAME)) == (both, frozenset())
    told = activation.observed(await stage.read())
    assert (told.able, told.in_path) == (True, False)
    await ensure(stage, in_path=True)
    assert led(stage, NAME) == both
    assert activation.observed(await stage.read()).in_path
    before = len(stage.writes)
    await ensure(stage, in_path=True)
    assert len(stage.writes) == before, "what is so is not written again"


async def test_the_slices_of_the_activators_are_no_pods_of_the_model(stage):
    await ensure(stage, in_path=False)
    ready(stage, "10.1.0.1")
    await stage.activators.look()
    await ensure(stage, in_path=True)
    world = await stage.read()
    assert world.endpoints[NAME + "-" + STABLE] == {f"{STABLE}-0"}
    assert not any("10.1.0.1" in names for names in world.endpoints.values())


async def test_the_route_leads_to_the_activators_for_as_long_as_a_request_may_wait_and_back(stage):
    world = await stage.read()
    await stage.traffic.set_weights(world, SetWeights(((STABLE, 100),), wake=True))
    assert stage.backends(NAME) == {f"iris-{STABLE}": 0, "iris-wake": 100}
    assert stage.backends(NAME, 0) == {f"iris-{STABLE}": 0, "iris-wake": 100}
    rules = stage.get(kinds.HTTP_ROUTE, NAME)["spec"]["rules"]
    assert {rule["timeouts"]["request"] for rule in rules} == {"180s"}
    seen = (await stage.seen()).route
    assert (seen.asleep, seen.weights, seen.acknowledged) == (True, {STABLE: 100}, False)
    stage.accept()
    world = await stage.read()
    before = len(stage.writes)
    await stage.traffic.set_weights(world, SetWeights(((STABLE, 100),), wake=True))
    assert len(stage.writes) == before
    await stage.traffic.set_weights(world, SetWeights(((STABLE, 100),)))
    assert stage.backends(NAME) == {f"iris-{STABLE}": 100}
    seen = (await stage.seen()).route
    assert (seen.asleep, seen.weights) == (False, {STABLE: 100})
    assert stage.get(kinds.HTTP_ROUTE, NAME)["spec"]["rules"][0]["timeouts"]["request"] == "60s"


async def test_leaving_takes_everything_back(stage):
    await ensure(stage, in_path=False)
    ready(stage, "10.1.0.1")
    await stage.activators.look()
    await ensure(stage, in_path=True)
    await activation.leave(stage.writer, stage.activators, await stage.read())
    assert led(stage, NAME) == led(stage, "iris-wake") == frozenset()
    assert stage.get(kinds.SERVICE, "iris-wake") is None
    assert table(stage) == {}


async def test_without_the_table_no_activator_is_installed(stage):
    stage.server.remove(kinds.CONFIG_MAP, OWN, TABLE)
    world = await stage.read()
    assert activation.observed(world) is None
    assert await stage.activators.read(KEY, 1) is None


async def test_activators_that_all_go_leave_the_last_addresses(stage):
    """They may be back before the API server has heard of it; no address would answer nobody."""
    await ensure(stage, in_path=False)
    entry = ready(stage, "10.1.0.1")
    await stage.activators.look()
    await ensure(stage, in_path=True)
    stage.server.remove(kinds.POD, OWN, "a-10.1.0.1")
    await stage.activators.look()
    await ensure(stage, in_path=True)
    assert led(stage, NAME) == {("10.1.0.1", entry.port)}


async def test_a_request_that_arrives_nudges_the_loop_and_a_change_of_activators_wakes_the_look(stage):
    nudged = []
    stage.activators.nudge = nudged.append
    await ensure(stage, in_path=False)
    entry = ready(stage, "10.1.0.1")
    await stage.activators.look()
    assert (await asyncio.wait_for(stage.queue.get(), 1)) == KEY
    stage.queue.done(KEY)
    nudged.clear()
    uid = stage.resource.metadata.uid
    stage.pages["10.1.0.1"] = page(**{entry.key: of(uid, entry.port, waiting=3, arrived=3)})
    await stage.activators.look()
    assert nudged == [KEY]
    held = await stage.activators.read(KEY, 1)
    assert (held.waiting, held.arrived, held.forwarded, held.known, held.ready) == (3, 3, 0, True, True)
    assert activation.observed(await stage.read()).waiting
    del stage.pages["10.1.0.1"]
    await stage.activators.look()
    held = await stage.activators.read(KEY, 1)
    assert (held.known, held.ready) == (False, True), "one page that cannot be read takes nobody out"
    await stage.activators.look()
    await stage.activators.look()
    assert not (await stage.activators.read(KEY, 1)).ready


@pytest.mark.parametrize(
    "odd",
    [
        pod("127.0.0.1"),
        pod("169.254.169.254"),
        pod("10.0.0.9", hostNetwork=True),
        pod("10.0.0.9", made="other-5d4f"),
        {**pod("10.0.0.9"), "status": {"phase": "Failed", "podIP": "10.0.0.9"}},
    ],
)
def test_only_pods_of_the_activators_own_deployment_get_requests(odd):
    assert addresses([odd, pod("10.0.0.1"), pod("10.0.0.2", ready="False")], "ekiben-activator") == {
        "10.0.0.1": True,
        "10.0.0.2": False,
    }


def test_what_an_activator_says_of_another_resource_of_the_name_does_not_count():
    activators = {"10.0.0.1": Seen("10.0.0.1", True, page(**{"shop.iris": of("former", waiting=5)}))}
    assert seen_as(activators, "shop.iris", "u", FIRST_PORT) == Activation(
        ready=1, turns=("a",), port=FIRST_PORT, known=True
    )


async def test_ports_are_each_models_own_and_stay(stage):
    one = Table(stage.cluster, OWN)
    await one.read()
    sample = (await ensure(stage, in_path=False)) and next(iter(table(stage).values()))
    await one.read()
    ports = {sample.port}
    for number in range(200):
        other = SimpleNamespace(**vars(sample))
        made = sample.__class__(**(vars(other) | {"name": f"m{number}", "uid": f"u{number}"}))
        assert await one.ensure(made)
        assert not await one.ensure(made)
        ports.add(one.port(SPACE, f"m{number}", f"u{number}"))
    assert len(ports) == 201
    again = Table(stage.cluster, OWN)
    await again.read()
    assert again.entries == one.entries
    assert again.port(SPACE, "m7", "another") == 0


async def test_an_operator_without_the_rights_has_no_activator_and_goes_on(stage, monkeypatch):
    async def refuse(*_):
        raise ForbiddenError("may not get configmaps", 403)

    monkeypatch.setattr(stage.activators.table, "read", refuse)
    assert (await stage.read()).activation is None


async def test_a_right_that_is_missing_is_told_once_and_so_is_its_end(stage, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("ekiben.operator.activators.activators._TICK", 0.0)
    lists, looks, refusal = stage.cluster.list, 0, "pods is forbidden"

    async def refuse(kind, *where, **how):
        nonlocal looks
        if refusal and where[0] == OWN:
            looks += 1
            raise ForbiddenError(refusal, 403)
        return await lists(kind, *where, **how)

    async def until(condition):
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0)

    monkeypatch.setattr(stage.cluster, "list", refuse)
    asking = asyncio.create_task(stage.activators.run())
    assert await stage.activators.follow(KEY, "u", sleeps=True) is None
    await until(lambda: looks > 5)
    refusal = "pods is forbidden for another reason"
    await until(lambda: looks > 10)
    refusal = ""
    await until(lambda: "It is possible again to look at the activators" in caplog.messages)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    told = [one for one in caplog.messages if "to look at the activators" in one]
    assert told == [
        "It is not possible to look at the activators: pods is forbidden",
        "It is not possible to look at the activators: pods is forbidden for another reason",
        "It is possible again to look at the activators",
    ]


def test_an_activator_that_only_starts_or_crashes_keeps_nobody_from_sleeping():
    good = Seen("10.0.0.1", True, page(**{"shop.iris": of()}))
    for odd in (Seen("10.0.0.2", False), Seen("10.0.0.2", False, page(), misses=3)):
        assert seen_as({"a": good, "b": odd}, "shop.iris", "u", FIRST_PORT).known
    assert not seen_as({"a": good, "b": Seen("10.0.0.2", True)}, "shop.iris", "u", FIRST_PORT).known


async def test_no_port_is_told(stage, monkeypatch):
    monkeypatch.setattr("ekiben.operator.activators.table._PORTS", 0)
    with pytest.raises(NoPortError, match="minReplicas: 1"):
        Table(stage.cluster, OWN)._free("u")


async def test_what_is_refused_keeps_a_model_from_sleeping_and_from_nothing_else(stage, monkeypatch):
    monkeypatch.setattr("ekiben.operator.activators.table._PORTS", 0)
    world = await stage.read()
    with pytest.raises(BlockedError):
        await activation.ensure(stage.writer, stage.activators, world, EnsureActivation(STABLE, in_path=True))
    await activation.ensure(stage.writer, stage.activators, world, EnsureActivation(STABLE, False, needed=False))
    assert "in use" in activation.observed(await stage.read()).problem
    monkeypatch.undo()
    await activation.ensure(stage.writer, stage.activators, world, EnsureActivation(STABLE, False, needed=False))
    assert activation.observed(await stage.read()).problem == ""
    assert table(stage)


async def test_entries_of_models_that_are_gone_are_looked_at_when_an_operator_starts(stage):
    await ensure(stage, in_path=False)
    later = Activators(stage.cluster, WorkQueue(), OWN, "ekiben-activator")
    later._page = stage.activators._page
    await later.follow(Key("other", "x"), "u", sleeps=True)
    assert await asyncio.wait_for(later._queue.get(), 1) == KEY
    await later.forget(KEY)
    assert table(stage) == {}
    await later.close()


async def test_the_page_is_asked_for_at_the_pods_own_address():
    asked = []

    async def handler(request):
        asked.append(request.path)
        return web.json_response(page() if len(asked) == 1 else [])

    app = web.Application()
    app.router.add_get("/queues", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    activators = Activators(None, WorkQueue(), OWN, "a", port=runner.addresses[0][1])
    with contextlib.ExitStack():
        assert await activators._page("127.0.0.1") == page()
        assert await activators._page("127.0.0.1") is None
    await activators.close()
    await runner.cleanup()
