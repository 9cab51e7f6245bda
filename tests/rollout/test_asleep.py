"""Scale to zero: the order in which requests and pods move, and what an operator makes of it that has just started."""

from dataclasses import dataclass, replace

import pytest
from tests.rollout.world import World

from ekiben.rollout import asleep as asleep_module
from ekiben.rollout import plan as p
from ekiben.rollout.observation import Activator, Pod

SPEC = {"model": {"image": "r/iris:aaaaaaaa"}, "scaling": {"minReplicas": 0, "metrics": [{"type": "concurrency"}]}}
A, B = "aaaaaaaa", "bbbbbbbb"


@dataclass
class Sleeper(World):
    """A world with activators; the loop's opinion is the test's."""

    installed: bool = True
    able: bool = True
    waiting: bool = False
    holding: bool = False
    wake: bool = False
    in_path: bool = False
    known: bool = False
    left: bool = False
    trace: list = None

    def observe(self):
        seen = super().observe()
        route = replace(seen.route, asleep=self.wake) if seen.route else None
        activator = Activator(self.able and self.known, self.in_path, self.holding, self.waiting)
        return replace(
            seen, route=route, sleep=self.sleep, activator=activator if self.installed else None, left=self.left
        )

    def _asked(self):
        return (*super()._asked(), self.wake)

    def _carry_out(self, action):
        match action:
            case p.EnsureActivation():
                self.note("knows") if not self.known else None
                self.known = True
                self.note(f"path {action.in_path}") if self.in_path != action.in_path else None
                self.in_path = action.in_path
            case p.LeaveActivation():
                assert not self.wake
                self.note("left") if self.left else None
                self.known = self.in_path = self.left = False
            case p.SetWeights():
                self.note(f"wake {action.wake}") if self.wake != action.wake else None
                if not action.wake and self.wake:
                    assert self.deployed[self.status.stable.revision].ready > 0, "requests lead to no pod"
                if action.wake:
                    assert self.known, "activators that do not know the model"
                self.wake = action.wake
                super()._carry_out(action)
            case p.Scale(name, replicas):
                if self.deployed[name].wanted != replicas:
                    self.note(f"{name} {replicas}")
                if replicas == 0 and self.wake:
                    assert self.acknowledged == self._asked(), "the gateway may still send requests to the pods"
                    self.deployed[name].wanted = 0
                else:
                    super()._carry_out(action)
            case _:
                super()._carry_out(action)

    def note(self, what):
        self.trace = [*(self.trace or []), what]

    def traced(self):
        found, self.trace = self.trace or [], []
        return found


@pytest.fixture
def world():
    made = Sleeper(SPEC)
    made.run(10)
    assert made.condition("Available") == ("True", "Serving")
    made.traced()
    return made


def asleep(world):
    world.sleep = "asleep"
    world.run(20)
    assert world.condition("Asleep") == ("True", "Asleep")
    world.traced()
    return world


def test_down_the_activators_first_then_the_route_then_the_pods(world):
    world.sleep = "asleep"
    world.run(20)
    assert world.traced() == ["path True", "wake True", f"{A} 0"]
    assert world.condition("Available") == ("True", "Asleep")
    assert world.condition("Healthy")[0] == "True"
    writes = world.writes
    world.run(20)
    assert world.writes == writes, "a model that sleeps is left alone"


def test_up_the_pods_first_then_the_route_then_the_activators_leave(world):
    asleep(world)
    world.sleep, world.holding, world.waiting = "waking", True, True
    world.reconcile()
    assert world.traced() == [f"{A} 1"]
    assert world.condition("Asleep") == ("False", "Waking")
    world.tick()
    world.reconcile()
    world.sleep = "awake"
    world.run(3)
    assert world.traced() == ["wake False"], "they hold requests still"
    world.holding = world.waiting = False
    world.run(3)
    assert world.traced() == ["path False"]
    assert world.condition("Available") == ("True", "Serving")


def test_a_model_that_does_not_wake_says_what_its_pods_say(world):
    asleep(world)
    world.deployed[A].startable = False
    world.deployed[A].trouble = Pod("iris-x", waiting_reason="ImagePullBackOff", waiting_message="not found")
    world.sleep, world.holding, world.waiting = "waking", True, True
    world.run(3)
    assert world.condition("Available") == ("False", "NoReplicaReady")
    assert world.condition("Healthy") == ("False", "CannotWake")
    [told] = [one.message for one in world.status.conditions if one.type == "Asleep"]
    assert told.endswith("until a replica is ready: pod iris-x waits (ImagePullBackOff: not found)")
    world.deployed[A].startable, world.deployed[A].trouble = True, None
    world.run(3)
    assert world.condition("Healthy")[0] == "True"


def test_without_the_gateways_word_no_pod_goes(world):
    world.gateway_answers = False
    world.sleep = "asleep"
    world.run(60)
    assert world.traced() == ["path True", "wake True"]
    assert world.condition("Asleep") == ("Unknown", "FallingAsleep") or world.condition("Asleep")[0] == "False"
    world.gateway_answers = True
    world.run(20)
    assert world.traced() == [f"{A} 0"]


def test_a_request_on_the_way_down_turns_it_back(world):
    world.sleep = "asleep"
    world.run(3)
    assert world.wake
    world.sleep = "awake"
    world.run(5)
    assert world.traced() == ["path True", "wake True", "wake False", "path False"]
    assert world.deployed[A].wanted == 1


@pytest.mark.parametrize("stop", range(20))
def test_an_operator_that_starts_in_the_midst_of_it_goes_on(world, stop):
    """It takes every model to be awake until its own loop has looked."""
    world.sleep = "asleep"
    world.run(stop)
    world.sleep = "awake"
    world.reconcile()
    world.sleep = "asleep"
    world.run(20)
    assert world.condition("Asleep") == ("True", "Asleep")


def test_one_that_has_just_started_wakes_no_model_but_for_a_request(world):
    asleep(world)
    world.sleep = "awake"
    world.run(5)
    assert world.deployed[A].wanted == 0
    world.waiting = True
    world.reconcile()
    assert world.deployed[A].wanted == 1


def test_activators_that_come_and_go_wake_no_model(world):
    asleep(world)
    world.able = False
    world.run(10)
    assert world.traced() == []


@pytest.mark.parametrize(
    ("lacking", "reason"), [({"installed": False}, "NoActivator"), ({"able": False}, "ActivatorNotReady")]
)
def test_without_an_activator_a_replica_stays_and_a_condition_says_why(world, lacking, reason):
    for name, value in lacking.items():
        setattr(world, name, value)
    world.sleep = "asleep"
    world.run(30)
    assert world.deployed[A].wanted == 1
    assert world.condition("Asleep") == ("False", reason)


def test_a_model_that_is_not_to_sleep_any_more_gets_its_pods_before_its_requests(world):
    asleep(world)
    world.apply(scaling={"minReplicas": 2, "metrics": [{"type": "concurrency"}]})
    world.sleep = "awake"
    world.run(10)
    assert world.traced()[:2] == [f"{A} 2", "wake False"]
    assert (world.wake, world.known) == (False, False)


def test_a_canary_of_a_sleeping_model_wakes_what_the_verdict_needs(world):
    asleep(world)
    world.apply(image=f"r/iris:{B}")
    world.sleep = "waking"
    world.reconcile()
    assert world.deployed[A].wanted == 1
    assert world.deployed[B].wanted == 1
    world.tick()
    world.sleep = "awake"
    world.run(30)
    assert not world.wake
    assert world.weights[B] > 0
    assert world.deployed[A].ready >= 1
    world.sleep = "asleep"
    world.run(5)
    assert world.deployed[A].wanted >= 1, "nothing sleeps while a rollout runs"
    assert not world.wake


def test_in_a_freeze_a_model_wakes_and_does_not_fall_asleep(world):
    asleep(world)
    world.frozen = "until Monday"
    world.run(5)
    assert world.wake
    world.sleep = "waking"
    world.run(3)
    world.sleep = "awake"
    world.run(5)
    assert world.traced() == [f"{A} 1", "wake False", "path False"]
    world.sleep = "asleep"
    world.run(30)
    assert world.deployed[A].wanted == 1


def test_somebody_wakes_it_without_a_request(world):
    asleep(world)
    world.request = f"wake {A} rush"
    world.reconcile()
    assert world.traced() == [f"{A} 1"]
    assert world.condition("Asleep") == ("False", "Waking")
    [answer] = world.status.requests
    assert (answer.outcome, asleep_module.woken_at(world.status)) == ("Done", world.now)
    world.sleep = "waking"
    world.run(2)
    world.sleep = "awake"
    world.run(5)
    assert world.traced() == ["wake False", "path False"]
    world.sleep = "asleep"
    world.run(20)
    assert world.deployed[A].wanted == 0, "the request is not handled twice"
    assert len(world.status.requests) == 1


def test_who_wakes_it_on_its_way_down_turns_it_back(world):
    world.sleep = "asleep"
    world.run(3)
    assert world.wake
    assert world.ask("wake", A)[0] == "Done"
    world.sleep = "awake"
    world.run(5)
    assert (world.wake, world.deployed[A].wanted) == (False, 1)


@pytest.mark.parametrize(
    ("change", "revision", "why"),
    [
        ({}, A, "it is awake"),
        ({"sleep": "waking"}, A, "it is waking already"),
        ({"sleep": "asleep"}, B, f"{A} is the one that serves"),
        ({"frozen": "until Monday"}, A, "nothing may move now"),
        ({"spec": {**SPEC, "scaling": {"minReplicas": 1}}}, A, "minReplicas is not 0"),
        ({"spec": {**SPEC, "model": {"image": f"r/iris:{B}"}}}, A, "nothing sleeps"),
    ],
)
def test_where_nothing_sleeps_to_wake_is_refused_with_the_reason(world, change, revision, why):
    for name, value in change.items():
        setattr(world, name, value)
    if world.spec["model"] != SPEC["model"]:
        world.reconcile()
        world.tick()
    before = world.deployed[A].wanted
    outcome, message = world.ask("wake", revision)
    assert (outcome, world.deployed[A].wanted) == ("Refused", before)
    assert why in message
    assert asleep_module.woken_at(world.status) is None


@pytest.fixture
def abandoned(world):
    """A model that sleeps, and whose activators are taken away; the operator begins anew."""
    asleep(world)
    world.installed, world.left = False, True
    world.sleep = "awake"
    return world


@pytest.mark.parametrize("phase", ["awake", "asleep", "waking"])
@pytest.mark.parametrize("frozen", ["", "until Monday"])
def test_without_activators_a_model_that_sleeps_wakes_and_then_nothing_leads_to_them(abandoned, phase, frozen):
    abandoned.frozen = frozen
    abandoned.sleep, abandoned.deployed[A].startable = phase, False
    abandoned.run(5)
    assert abandoned.traced() == [f"{A} 1"], "pods first"
    assert abandoned.condition("Asleep") == ("False", "NoActivator")
    assert abandoned.condition("Available") == ("False", "NoReplicaReady")
    abandoned.deployed[A].startable = True
    abandoned.run(3)
    abandoned.sleep = "awake"
    abandoned.run(5)
    assert abandoned.traced() == ["wake False", "left"]
    assert abandoned.condition("Available") == ("True", "Serving")
    assert abandoned.condition("Asleep") == ("False", "NoActivator")
    writes = abandoned.writes
    abandoned.sleep = "asleep"
    abandoned.run(20)
    assert (abandoned.writes, abandoned.deployed[A].wanted) == (writes, 1)


def test_a_model_that_cannot_wake_without_activators_says_what_its_pods_say(abandoned):
    abandoned.trouble(A, waiting_reason="ImagePullBackOff", waiting_message="not found")
    abandoned.run(5)
    assert abandoned.condition("Healthy") == ("False", "CannotWake")
    assert abandoned.wake, "as long as no pod is ready nothing else answers either"


@pytest.mark.parametrize("least", [0, 1])
def test_a_gateway_that_says_nothing_keeps_no_activators_behind_the_service(abandoned, least):
    """Half of those who call the Service would meet nobody."""
    abandoned.apply(scaling={"minReplicas": least, "metrics": [{"type": "concurrency"}]})
    abandoned.gateway_answers = False
    abandoned.run(10)
    assert abandoned.traced() == [f"{A} 1", "wake False", "left"]


@pytest.mark.parametrize("traffic", [{"provider": "replicaRatio"}, {"httpRoute": "mine"}])
def test_who_comes_by_the_service_alone_is_led_back_by_it(traffic):
    world = Sleeper({**SPEC, "traffic": traffic})
    world.run(10)
    asleep(world)
    world.installed, world.left, world.deployed[A].startable = False, True, False
    world.run(5)
    world.deployed[A].startable = True
    world.run(5)
    assert [one for one in world.traced() if one in (f"{A} 1", "left")] == [f"{A} 1", "left"]


def test_a_rollout_that_begins_then_goes_its_way(abandoned):
    abandoned.apply(image=f"r/iris:{B}")
    abandoned.run(30)
    assert not abandoned.left
    assert abandoned.weights[B] > 0
    assert abandoned.deployed[A].ready >= 1


def test_no_pod_goes_while_the_activators_hold_a_request(world):
    world.sleep = "asleep"
    world.run(3)
    world.holding = True
    world.run(20)
    assert world.deployed[A].wanted == 1
    world.holding = False
    world.run(20)
    assert world.deployed[A].wanted == 0


def test_a_new_revision_cures_a_model_that_cannot_wake(world):
    asleep(world)
    world.deployed[A].startable = False
    world.sleep, world.waiting = "waking", True
    world.run(5)
    world.apply(image=f"r/iris:{B}")
    world.run(500)
    assert world.condition("Progressing") == ("True", "Waking")
    assert world.weights == {A: 100, B: 0}, "requests lead to activators, which split nothing"
    assert world.condition("Healthy") == ("False", "CannotWake") or world.condition("Healthy")[0] == "True"
    world.run(200)
    assert world.status.rollout is None
    assert world.status.stable.revision == B
    world.sleep, world.waiting = "awake", False
    world.run(5)
    assert not world.wake
    assert world.condition("Available") == ("True", "Serving")
