"""Rollouts under a measured load: capacity before weight, the way back, and the limit on both revisions together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rollout.world import STEPS, World

from ekiben.rollout import plan as p
from ekiben.rollout.observation import Autoscaler, Measured, Observation, Pod
from ekiben.scaling import Config, Followed, Kind, Learned, Metric, Profile

PER_POD = 4
_CONFIG = Config(1, 100, metrics=(Metric(Kind.CONCURRENCY, PER_POD),))
_SECOND = Learned(busy=100.0, done=100.0, started_in=3.0)
_METRICS = [{"type": "concurrency", "target": PER_POD}]


def pods(load: float, share: int = 100) -> int:
    """Return the pods that a share of the load needs."""
    return max(1, -(-round(load * share) // (100 * PER_POD))) if share else 0


@dataclass
class Loaded(World):
    """A world whose load is measured; requests take a second each."""

    load: float = 0.0
    measures: bool = True
    part: int = 100
    """Per cent of its load that a revision's own scaler has seen."""
    most: int = 0
    """The most pods that both revisions were asked to have together while a rollout ran."""
    ups: list[tuple[str, int]] = field(default_factory=list)

    def observe(self) -> Observation:
        seen = super().observe()
        if not self.measures:
            return seen
        shares = self.acknowledged[0] if self.acknowledged else {}
        assert isinstance(shares, dict)
        measured = {
            name: Measured(wanted=pods(self.load, shares.get(name, 0) * self.part // 100)) for name in self.deployed
        }
        total = Followed(_CONFIG, Profile(self.load, None, _SECOND))
        return replace(seen, measured=measured, total=total)

    def _carry_out(self, action: p.Action) -> None:
        if isinstance(action, p.Scale) and action.replicas > self.deployed[action.revision].wanted:
            self.ups.append((action.revision, action.replicas))
        super()._carry_out(action)

    def _check_weights(self, new: dict[str, int]) -> None:
        """A revision whose weight is raised has the ready pods for its share of the load."""
        stable = self.status.stable
        for name, weight in new.items():
            if self.measures and stable and name != stable.revision and weight > (self.weights or {}).get(name, 0):
                one = self.deployed[name]
                least = min(pods(self.load, weight), self._ceiling())
                assert min(one.ready, one.wanted) >= least, f"{name} gets {weight} % without capacity"

    def check(self) -> None:
        super().check()
        seen = self.acknowledged[0] if self.acknowledged else {}
        assert isinstance(seen, dict)
        # Where the limit leaves too little for both, it is the limit that holds.
        if self.measures and sum(pods(self.load, share) for share in seen.values()) <= self._ceiling():
            for name, share in seen.items():
                asked = (self.weights or {}).get(name, 0)
                if name in self.deployed and share and asked >= share:
                    assert self.deployed[name].wanted >= min(pods(self.load, share), self._ceiling()), (
                        f"{name} is scaled below what its load needs"
                    )
        if self.status.rollout is not None and self.status.rollout.state != "RollingBack":
            # On the way back the stable revision does not wait until the other one's pods have gone.
            self.most = max(self.most, sum(one.wanted for one in self.deployed.values()))

    def _ceiling(self) -> int:
        return int(self.spec["scaling"]["maxReplicas"])


def loaded(load: float, most: int = 40, **spec: Any) -> Loaded:
    """Return a world in which v1 serves that load."""
    rollout = {"steps": STEPS, "bake": "5s", "progressDeadline": "60s", **spec.pop("rollout", {})}
    scaling = {"metrics": _METRICS, "minReplicas": 2, "maxReplicas": most}
    one = Loaded(
        {"model": {"image": "registry.test/iris:v1"}, "rollout": rollout, "scaling": scaling, **spec}, load=load
    )
    one.run(15)
    assert one.status.stable is not None
    assert one.deployed["v1"].wanted == max(2, min(pods(load), most))
    return one


def test_a_load_that_doubles_in_the_canary_is_met_by_both_and_by_the_promotion() -> None:
    one = loaded(40)
    one.apply("registry.test/iris:v2")
    one.run(8)
    assert one.weights == {"v1": 90, "v2": 10}
    one.load = 80
    one.run(30)
    assert one.deployed["v1"].wanted == 20, "the way back is for all of the load as it is now"
    one.verdict = "NotWorse"
    one.run(60)
    assert one.weights == {"v2": 100}
    assert one.deployed["v2"].wanted >= 20


@pytest.mark.parametrize("choice", ["rollback", "pause"])
def test_a_load_beyond_what_the_cluster_has_room_for_is_no_fault_of_the_canary_s(choice: str) -> None:
    steps = [{"weight": 50, "duration": "5m"}]
    one = loaded(16, rollout={"steps": steps, "onProgressDeadline": choice})
    one.apply("registry.test/iris:v2")
    one.run(30)
    assert one.weights == {"v1": 50, "v2": 50}
    one.load = 32
    for deployed in one.deployed.values():
        deployed.startable = False
    one.run(200)
    assert one.weights == {"v1": 50, "v2": 50}
    assert one.condition("Progressing") == ("True", "AwaitingPods")
    one.deployed["v2"].ready = 1
    one.run(90)
    told = "RolledBack" if choice == "rollback" else "Paused"
    assert one.condition(told) == ("True", "ProgressDeadlineExceeded"), "those that it had and lost are"


def test_an_outage_of_the_measurements_rejects_no_canary_that_a_tight_limit_left_few_pods() -> None:
    one = loaded(32, most=10, rollout={"steps": [{"weight": 50, "duration": "5m"}]})
    one.apply("registry.test/iris:v2")
    one.run(60)
    assert one.weights == {"v1": 50, "v2": 50}
    had = one.deployed["v2"].ready
    one.measures = False
    for deployed in one.deployed.values():
        deployed.startable = False
    one.run(300)
    assert one.deployed["v2"].wanted > had
    assert one.weights == {"v1": 50, "v2": 50}
    assert one.status.rejected_revision is None


@pytest.mark.parametrize("promoting", [False, True])
def test_a_canary_without_a_ready_pod_has_no_weight_whether_or_not_there_is_room_for_more(promoting: bool) -> None:
    steps = [{"weight": 20, "duration": "5s"}, {"weight": 50, "duration": "5s"}]
    one = loaded(36, most=10, rollout={"steps": steps})
    one.apply("registry.test/iris:v2")
    one.verdict = "NotWorse"
    for _ in range(200):
        one.reconcile()
        running, weight = one.status.rollout, (one.weights or {}).get("v2", 0)
        assert running is not None
        if (running.state == "Promoting") is promoting and 0 < weight < 100 and running.step == 1:
            break
        one.tick()
    one.deployed["v2"].ready, one.deployed["v2"].startable = 0, False
    one.reconcile()
    assert one.weights == {"v1": 100, "v2": 0}


def test_a_load_that_is_not_known_any_more_raises_no_weight_onto_what_a_limit_had_left() -> None:
    scaling = {"metrics": _METRICS, "minReplicas": 1, "maxReplicas": 40}
    steps = [{"weight": 10, "duration": "30s"}, {"weight": 75, "duration": "30s"}]
    one = loaded(16, rollout={"steps": steps}, scaling=scaling)
    one.apply("registry.test/iris:v2")
    one.run(8)
    assert one.weights == {"v1": 90, "v2": 10}
    one.verdict, one.deployed["v2"].startable = "NotWorse", False
    while one.status.rollout is not None and one.status.rollout.step == 0:
        one.reconcile()
        one.tick()
    # The next look is the first that does not know it, and what the limit had left the stable revision is less.
    one.measures, one.deployed["v1"].wanted, one.deployed["v1"].ready = False, 1, 1
    for _ in range(20):
        one.reconcile()
        raised = (one.weights or {})["v2"] == 75
        assert not raised or one.deployed["v2"].ready >= 4, "the stable revision began with 4"
        one.tick()


def test_a_load_that_falls_in_the_canary_is_not_kept_for() -> None:
    one = loaded(80)
    one.apply("registry.test/iris:v2")
    one.run(8)
    one.load = 20
    one.run(30)
    assert one.deployed["v1"].wanted == 5
    one.verdict = "NotWorse"
    one.run(60)
    assert one.weights == {"v2": 100}
    assert one.deployed["v2"].wanted < 20


def test_a_rollback_meets_the_whole_load_and_the_aborted_revision_never_grows_again() -> None:
    one = loaded(40)
    one.apply("registry.test/iris:v2")
    one.run(35)
    assert one.weights == {"v1": 50, "v2": 50}
    one.load = 80
    one.run(5)
    one.verdict = "Regressed"
    one.reconcile()
    assert one.deployed["v1"].wanted >= 20
    one.ups.clear()
    one.load = 160
    one.run(60)
    assert one.weights == {"v1": 100}
    assert one.deployed["v2"].wanted == 0
    assert {revision for revision, _ in one.ups} == {"v1"}


@pytest.mark.parametrize("load", [8, 20, 32])
def test_the_limit_holds_for_both_together_and_the_promotion_goes_on_in_parts(load: int) -> None:
    one = loaded(load, most=10)
    one.apply("registry.test/iris:v2")
    one.run(30)
    one.verdict = "NotWorse"
    one.run(200)
    assert one.weights == {"v2": 100}
    assert one.most <= 10


class _Ahead(Followed):
    """A load that may be a quarter more by the time that a pod has started."""

    def replicas(self, revision: str, weight: int, *, ahead: bool = False) -> int | None:
        now = super().replicas(revision, weight)
        return -(-now * 5 // 4) if ahead and now is not None else now


@dataclass
class _Surging(Loaded):
    """Each revision's own scaler asks for more than its share of the load needs."""

    surge: int = 1

    def observe(self) -> Observation:
        seen = super().observe()
        assert isinstance(seen.total, Followed)
        measured = {name: replace(one, wanted=(one.wanted or 0) * self.surge) for name, one in seen.measured.items()}
        return replace(seen, measured=measured, total=_Ahead(seen.total.config, seen.total.load, seen.total.learned))


@pytest.mark.parametrize("surge", [1, 2])
@pytest.mark.parametrize("load", [10, 20, 26])
def test_the_limit_holds_whatever_both_ask_for_and_a_promotion_does_not_wait_for_what_it_leaves_no_room_for(
    load: int, surge: int
) -> None:
    spec = {
        "model": {"image": "registry.test/iris:v1"},
        "rollout": {"steps": STEPS, "bake": "0s", "progressDeadline": "60s"},
        "scaling": {"metrics": _METRICS, "minReplicas": 1, "maxReplicas": 8},
    }
    one = _Surging(spec, load=load)
    one.run(15)
    one.apply("registry.test/iris:v2")
    one.surge = surge
    one.run(30)
    one.verdict = "NotWorse"
    one.run(150)
    assert one.weights == {"v2": 100}
    assert one.most <= 8


def test_where_nothing_fits_the_rollout_holds_and_is_not_convicted() -> None:
    one = loaded(40, most=10)
    one.apply("registry.test/iris:v2")
    one.run(300)
    assert one.condition("Progressing") == ("True", "NoRoom")
    assert one.weights is not None
    assert one.weights["v1"] == 100
    assert one.most <= 10
    one.load = 24
    one.verdict = "NotWorse"
    one.run(300)
    assert one.weights == {"v2": 100}
    assert one.most <= 10


def test_each_revision_may_have_its_minimum() -> None:
    one = loaded(4, most=2)
    one.apply("registry.test/iris:v2")
    one.run(30)
    one.verdict = "NotWorse"
    one.run(60)
    assert one.weights == {"v2": 100}


def test_an_outage_of_the_counters_in_mid_rollout_scales_nothing_down() -> None:
    one = loaded(40)
    one.apply("registry.test/iris:v2")
    one.run(20)
    before = {name: deployed.wanted for name, deployed in one.deployed.items()}
    one.measures = False
    one.run(60)
    assert all(one.deployed[name].wanted >= many for name, many in before.items())


def test_keda_s_object_goes_before_anybody_else_scales() -> None:
    one = loaded(40)
    deployed = one.deployed["v1"]
    observation = one.observe()
    revision = replace(observation.revisions["v1"], handing_over=True)
    seen = replace(observation, revisions={"v1": revision}, measured={"v1": Measured(wanted=30)})
    from ekiben.rollout.decide import decide

    plan = decide(seen, one.now)
    assert not [action for action in plan.actions if isinstance(action, p.Scale | p.EnsureAutoscaler)]
    assert deployed.wanted == 10
    seen = replace(seen, revisions={"v1": replace(revision, handing_over=False, scaled_object=Autoscaler(2, 9))})
    actions = [action for action in decide(seen, one.now).actions if not isinstance(action, p.EnsureRevision)]
    assert actions[0] == p.DeleteScaledObject("v1")
    assert p.Scale("v1", 30) not in actions
    seen = replace(seen, revisions={"v1": replace(revision, handing_over=False)})
    assert p.Scale("v1", 30) in decide(seen, one.now).actions


def test_what_the_scheduler_says_is_a_condition() -> None:
    one = loaded(40)
    assert one.condition("Scheduled") == ("True", "Placed")
    one.deployed["v1"].trouble = Pod(
        "iris-v1-x", unschedulable="0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    )
    one.reconcile()
    assert one.condition("Scheduled") == ("False", "Unschedulable")
    [said] = [each.message for each in one.status.conditions if each.type == "Scheduled"]
    assert said == "pod iris-v1-x finds no node: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


def test_right_after_a_rollout_nobody_goes_by_the_load_of_a_part() -> None:
    one = loaded(80)
    one.apply("registry.test/iris:v2")
    one.verdict = "NotWorse"
    one.reconcile()
    while one.status.rollout is not None:
        one.run(1)
    assert one.deployed["v2"].wanted == 20
    one.part = 50
    one.run(30)
    assert one.deployed["v2"].wanted == 20
    one.part = 100
    one.load = 20
    one.run(70)
    assert one.deployed["v2"].wanted == 5


@settings(max_examples=10, deadline=None)
@given(
    loads=st.lists(st.integers(1, 48), min_size=3, max_size=6),
    most=st.sampled_from([4, 10, 14, 30]),
    verdicts=st.lists(st.sampled_from(["Unknown", "NotWorse", "Regressed"]), min_size=3, max_size=3),
    strategy=st.sampled_from(["canary", "canary", "blueGreen"]),
)
def test_whatever_the_load_does_nothing_gets_weight_without_pods(
    loads: list[int], most: int, verdicts: list[str], strategy: str
) -> None:
    rollout: dict[str, Any] = {} if strategy == "canary" else {"strategy": strategy}
    one = Loaded(
        {
            "model": {"image": "registry.test/iris:v1"},
            "rollout": {
                "bake": "5s",
                "progressDeadline": "10m",
                **({"steps": STEPS} if not rollout else {}),
                **rollout,
            },
            "scaling": {"metrics": _METRICS, "minReplicas": 2, "maxReplicas": most},
        },
        load=loads[0],
    )
    one.run(20)
    one.apply("registry.test/iris:v2")
    for index, load in enumerate(loads):
        one.load = load
        one.verdict = verdicts[index % 3]
        one.run(12)
        if strategy == "canary":
            assert one.most <= max(most, 4)


def test_in_a_freeze_replicas_follow_the_load() -> None:
    one = loaded(40)
    one.frozen = "until Monday"
    one.load = 80
    one.run(5)
    assert one.deployed["v1"].wanted == 20
    one.load = 8
    one.run(5)
    assert one.deployed["v1"].wanted == 2
    writes = one.writes
    one.run(5)
    assert one.writes == writes


@pytest.mark.parametrize(("load", "replicas"), [(80, (10, 10)), (400, (30, 10)), (8, (10, 10))])
def test_a_freeze_in_mid_canary_takes_nothing_away_and_keeps_the_limit(load: int, replicas: tuple[int, int]) -> None:
    one = loaded(40)
    one.apply("registry.test/iris:v2")
    one.run(35)
    assert one.weights == {"v1": 50, "v2": 50}
    assert (one.deployed["v1"].wanted, one.deployed["v2"].wanted) == (10, 10)
    one.frozen = "until Monday"
    one.load = load
    one.run(10)
    assert (one.deployed["v1"].wanted, one.deployed["v2"].wanted) == replicas
    assert one.weights == {"v1": 50, "v2": 50}


def test_on_the_way_back_what_comes_to_the_stable_revision_is_no_growth_and_what_it_had_stays() -> None:
    one = loaded(40)
    one.apply("registry.test/iris:v2")
    one.run(35)
    assert one.weights == {"v1": 50, "v2": 50}
    before = one.deployed["v1"].wanted
    one.gateway_answers = False
    one.ask("abort", "v2")
    one.load = 20  # half of the load is all that is seen while the weights move
    one.run(5)
    assert one.status.rollout is not None
    assert one.deployed["v1"].wanted == before
