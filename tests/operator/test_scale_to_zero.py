"""A model that falls asleep and wakes, through observe, decide and apply, with what callers would meet at each look."""

import pytest
from tests.operator.test_activators import OWN, page, pod, table
from tests.operator.test_activators import of as queue_of
from tests.operator.traffic_stage import NAME, SPACE, Stage

from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError
from ekiben.objects import wake
from ekiben.objects.activation import TABLE
from ekiben.objects.names import child_name, labels, revision_of
from ekiben.objects.settings import Settings as Rendering
from ekiben.operator import status
from ekiben.operator.activators.activators import Activators
from ekiben.operator.apply import Applier, split
from ekiben.operator.observe import observation
from ekiben.operator.queue import WorkQueue
from ekiben.operator.scale.load import Load
from ekiben.operator.scale.sleep import Sleep, SleepPhase
from ekiben.rollout.decide import decide

SLEEPS = {"scaling": {"minReplicas": 0, "metrics": [{"type": "concurrency"}]}}
ACTIVATORS = ("10.1.0.1", "10.1.0.2")


class Sleeper:
    """One model; Kubernetes, the gateway and the activators do what they do between two looks."""

    def __init__(self, **spec):
        self.stage = stage = Stage(**{**SLEEPS, **spec})
        stage.server.put(kinds.NAMESPACE, {"metadata": {"name": OWN}})
        stage.server.put(kinds.CONFIG_MAP, {"metadata": {"namespace": OWN, "name": TABLE}})
        for ip in ACTIVATORS:
            stage.server.put(kinds.POD, pod(ip))
        self.revision = revision_of(stage.resource.spec.model)
        self.now, self.phase, self.waiting, self.gateway = 1_790_000_000.0, SleepPhase.AWAKE, 0, True
        self.starts = True
        self.restart()

    def restart(self, *, installed=True):
        """Another operator, which knows nothing but what it reads."""
        stage = self.stage
        self.activators = Activators(stage.cluster, WorkQueue(), OWN, "ekiben-activator" if installed else "")
        self.activators._page = self.asked
        stage.observer._activators = self.activators
        self.applier = Applier(stage.cluster, Rendering(), stage.writes.append, self.activators)

    async def asked(self, _ip):
        each = {key: queue_of(entry.uid, entry.port, waiting=self.waiting) for key, entry in table(self.stage).items()}
        return page(**each)

    async def look(self):
        await self.activators.look()
        world = await self.stage.read()
        seen = observation(world, None, {}, (), Load(sleep=Sleep(self.phase)))
        plan = decide(seen, self.now)
        first, endings = split(plan.actions)
        await self.applier.act(world, first)
        await status.write(self.stage.cluster, world.raw, world.resource.status, plan.status)
        await self.applier.act(world, endings)
        self.check()
        self.between()

    async def looks(self, count):
        for _ in range(count):
            await self.look()

    def between(self):
        """A second passes."""
        self.now += 1
        server = self.stage.server
        deployment = self.stage.get(kinds.DEPLOYMENT, child_name(NAME, self.revision))
        wanted = deployment["spec"]["replicas"] if deployment else 0
        here = {one["metadata"]["name"] for one in self.pods()}
        names = {f"{self.revision}-{number}" for number in range(wanted if self.starts else 0)}
        for name in names - here:
            made_by = {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": f"{child_name(NAME, self.revision)}-abc",
                "uid": "r",
                "controller": True,
            }
            meta = {
                "namespace": SPACE,
                "name": name,
                "labels": {**labels(NAME, self.revision), "pod-template-hash": "abc"},
                "ownerReferences": [made_by],
            }
            state = {"phase": "Running", "podIP": "10.0.0.1"}
            server.put(kinds.POD, {"metadata": meta, "spec": {}, "status": state})
        if not wanted:
            for name in here:
                server.remove(kinds.POD, SPACE, name)
        selecting = [
            one["metadata"]["name"] for one in server.all(kinds.SERVICE) if one["spec"].get("selector") is not None
        ]
        self.stage.follow(*selecting) if selecting else None
        if self.gateway:
            self.stage.accept()

    def pods(self):
        return [one for one in self.stage.server.all(kinds.POD) if one["metadata"]["namespace"] == SPACE]

    @property
    def wanted(self):
        return self.stage.get(kinds.DEPLOYMENT, child_name(NAME, self.revision))["spec"]["replicas"]

    def led(self, service):
        slices = {
            one["metadata"]["name"]: one for one in self.stage.server.all(kinds.ENDPOINT_SLICE) if wake.is_ours(one)
        }
        return {address for address, _ in wake.listed(slices, service)}

    def check(self):
        """Somebody answers, or holds, what comes by the gateway and by the Service NAME, now and as it was before."""
        route = self.stage.get(kinds.HTTP_ROUTE, NAME)
        if route is None:
            return
        pods = bool(self.pods()) and self.wanted > 0
        by_activator = bool(self.led("iris-wake"))
        weights = self.stage.backends(NAME)
        leads = by_activator if weights.get("iris-wake") else pods or self.phase is not SleepPhase.ASLEEP
        assert leads, f"the route leads nowhere: {weights}"
        if self.wanted == 0:
            assert self.led(NAME), "the Service leads nowhere"

    def condition(self, name):
        conditions = self.stage.get(kinds.MODEL_DEPLOYMENT, NAME)["status"]["conditions"]
        [found] = [one for one in conditions if one["type"] == name]
        return found["status"], found["reason"]


@pytest.fixture
async def sleeper():
    made = Sleeper()
    await made.looks(6)
    assert made.condition("Available") == ("True", "Serving")
    assert made.led(NAME) == set()
    yield made
    await made.activators.close()


async def asleep(sleeper):
    sleeper.phase = SleepPhase.ASLEEP
    await sleeper.looks(20)
    assert sleeper.wanted == 0
    assert sleeper.condition("Asleep") == ("True", "Asleep")


async def test_it_falls_asleep_and_wakes(sleeper):
    await asleep(sleeper)
    assert sleeper.stage.backends(NAME)["iris-wake"] == 100
    assert sleeper.led(NAME) == set(ACTIVATORS)
    assert sleeper.condition("Available") == ("True", "Asleep")
    before = len(sleeper.stage.writes)
    await sleeper.looks(5)
    assert len(sleeper.stage.writes) == before, "a model that sleeps is not written"
    sleeper.waiting, sleeper.phase, sleeper.starts = 4, SleepPhase.WAKING, False
    await sleeper.looks(3)
    assert sleeper.wanted == 1
    assert sleeper.stage.backends(NAME)["iris-wake"] == 100, "no pod is ready yet"
    sleeper.starts = True
    sleeper.between()
    sleeper.phase = SleepPhase.AWAKE
    await sleeper.looks(3)
    assert sleeper.stage.backends(NAME) == {f"iris-{sleeper.revision}": 100}
    assert sleeper.led(NAME) == set(ACTIVATORS), "they hold requests"
    sleeper.waiting = 0
    await sleeper.looks(2)
    assert sleeper.led(NAME) == set()
    before = len(sleeper.stage.writes)
    await sleeper.looks(3)
    assert len(sleeper.stage.writes) == before, "a model that is awake is not written"


@pytest.mark.parametrize("after", range(0, 14, 2))
async def test_an_operator_that_starts_anew_goes_on_at_any_look(sleeper, after):
    sleeper.phase = SleepPhase.ASLEEP
    await sleeper.looks(after)
    sleeper.restart()
    sleeper.phase = SleepPhase.AWAKE
    await sleeper.look()
    sleeper.phase = SleepPhase.ASLEEP
    await sleeper.looks(16)
    assert sleeper.wanted == 0
    sleeper.restart()
    sleeper.phase = SleepPhase.AWAKE
    await sleeper.looks(3)
    assert sleeper.wanted == 0, "nobody asked for it"
    sleeper.waiting = 1
    await sleeper.looks(2)
    assert sleeper.wanted == 1


async def test_a_gateway_that_says_nothing_keeps_the_pods(sleeper):
    sleeper.gateway, sleeper.phase = False, SleepPhase.ASLEEP
    await sleeper.looks(30)
    assert sleeper.wanted == 1


async def test_an_activator_that_is_replaced_has_its_place_taken_while_the_model_sleeps(sleeper):
    await asleep(sleeper)
    sleeper.stage.server.remove(kinds.POD, OWN, "a-10.1.0.1")
    sleeper.stage.server.put(kinds.POD, pod("10.1.0.3"))
    await sleeper.looks(2)
    assert sleeper.led(NAME) == sleeper.led("iris-wake") == {"10.1.0.2", "10.1.0.3"}
    assert sleeper.wanted == 0


async def test_where_no_activator_comes_back_the_model_wakes_and_they_leave_its_way(sleeper):
    await asleep(sleeper)
    for ip in ACTIVATORS:
        sleeper.stage.server.remove(kinds.POD, OWN, f"a-{ip}")
    await sleeper.looks(3)
    assert sleeper.wanted == 0, "they may be back at once"
    assert sleeper.led(NAME) == set(ACTIVATORS)
    sleeper.activators._without += 60
    await sleeper.look()
    assert sleeper.condition("Asleep") == ("False", "ActivatorNotReady")
    assert sleeper.condition("Available")[0] == "False"
    await sleeper.look()
    assert sleeper.wanted == 1
    sleeper.phase = SleepPhase.AWAKE
    await sleeper.looks(4)
    assert sleeper.stage.backends(NAME) == {f"iris-{sleeper.revision}": 100}
    assert sleeper.led(NAME) == set(), "half of the callers would meet nobody"
    assert sleeper.condition("Available") == ("True", "Serving")


async def test_activators_that_change_while_a_model_wakes_do_not_leave_before_the_gateway_knows(sleeper):
    await asleep(sleeper)
    sleeper.stage.apply(scaling={"minReplicas": 1, "metrics": [{"type": "concurrency"}]})
    sleeper.phase = SleepPhase.AWAKE
    await sleeper.looks(1)
    sleeper.gateway = False
    for number in range(3, 6):
        sleeper.stage.server.put(kinds.POD, pod(f"10.1.0.{number}"))
        await sleeper.look()
        assert sleeper.led("iris-wake"), "the gateway may still send requests there"
    sleeper.gateway = True
    await sleeper.looks(4)
    assert sleeper.led("iris-wake") == set()


@pytest.mark.parametrize("traffic", [{"provider": "replicaRatio"}, {"httpRoute": "mine"}])
async def test_without_a_route_of_its_own_the_service_is_the_way(traffic):
    sleeper = Sleeper(traffic=traffic)
    if "httpRoute" in traffic:
        sleeper.stage.users_route()
    await sleeper.looks(6)
    sleeper.phase = SleepPhase.ASLEEP
    await sleeper.looks(20)
    assert sleeper.wanted == 0
    assert sleeper.led(NAME) == set(ACTIVATORS)
    sleeper.waiting, sleeper.phase = 1, SleepPhase.WAKING
    await sleeper.looks(2)
    sleeper.waiting, sleeper.phase = 0, SleepPhase.AWAKE
    await sleeper.looks(4)
    assert sleeper.led(NAME) == set()
    assert sleeper.condition("Available") == ("True", "Serving")
    await sleeper.activators.close()


async def test_minreplicas_raised_while_it_sleeps_wakes_it_and_takes_everything_back(sleeper):
    await asleep(sleeper)
    sleeper.stage.apply(scaling={"minReplicas": 2, "metrics": [{"type": "concurrency"}]})
    sleeper.phase = SleepPhase.AWAKE
    await sleeper.looks(8)
    assert sleeper.wanted == 2
    assert sleeper.stage.backends(NAME) == {f"iris-{sleeper.revision}": 100}
    assert sleeper.led(NAME) == sleeper.led("iris-wake") == set()
    assert table(sleeper.stage) == {}


async def test_a_model_that_the_activators_cannot_be_told_of_serves_and_says_why(monkeypatch):
    monkeypatch.setattr("ekiben.operator.activators.table._PORTS", 0)
    sleeper = Sleeper()
    await sleeper.looks(6)
    assert sleeper.condition("Available") == ("True", "Serving")
    sleeper.phase = SleepPhase.ASLEEP
    await sleeper.looks(20)
    assert sleeper.wanted == 1
    assert sleeper.condition("Asleep") == ("False", "ActivatorNotReady")
    await sleeper.activators.close()


async def test_without_activators_one_replica_stays_and_says_why():
    sleeper = Sleeper()
    sleeper.stage.server.remove(kinds.CONFIG_MAP, OWN, TABLE)
    sleeper.phase = SleepPhase.ASLEEP
    await sleeper.looks(20)
    assert sleeper.wanted == 1
    assert sleeper.condition("Asleep") == ("False", "NoActivator")
    await sleeper.activators.close()


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("traffic", [{}, {"provider": "replicaRatio"}, {"httpRoute": "mine"}])
async def test_where_the_activator_is_taken_away_a_model_wakes_and_nothing_is_left(traffic, allowed, caplog):
    sleeper = Sleeper(traffic=traffic) if traffic else Sleeper()
    if "httpRoute" in traffic:
        sleeper.stage.users_route()
    await sleeper.looks(6)
    await asleep(sleeper)
    for ip in ACTIVATORS:
        sleeper.stage.server.remove(kinds.POD, OWN, f"a-{ip}")
    sleeper.stage.server.remove(kinds.CONFIG_MAP, OWN, TABLE)
    sleeper.check = lambda: None  # until a replica is ready nobody answers
    sleeper.restart(installed=False)
    deletes = sleeper.stage.cluster.delete

    async def delete(kind, *where):
        if kind is kinds.ENDPOINT_SLICE and not allowed:
            raise ForbiddenError("EndpointSlices may not be deleted")
        await deletes(kind, *where)

    sleeper.stage.cluster.delete = delete
    sleeper.starts, sleeper.phase = False, SleepPhase.AWAKE
    await sleeper.looks(5)
    assert sleeper.wanted == 1
    assert sleeper.led(NAME) == set(ACTIVATORS), "pods first"
    assert sleeper.condition("Asleep") == ("False", "NoActivator")
    sleeper.starts = True
    await sleeper.looks(5)
    assert sleeper.wanted == 1
    assert sleeper.condition("Asleep") == ("False", "NoActivator")
    warned = [one for one in caplog.messages if "what led to the activators stays" in one]
    assert len(warned) == (0 if allowed else 1), "a right that is missing is told once"
    if allowed:
        assert sleeper.led(NAME) == sleeper.led("iris-wake") == set()
        assert sleeper.stage.get(kinds.SERVICE, "iris-wake") is None
        assert sleeper.condition("Available") == ("True", "Serving")
    if not traffic:
        assert sleeper.stage.backends(NAME) == {f"iris-{sleeper.revision}": 100}
    await sleeper.activators.close()
