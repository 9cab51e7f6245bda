"""Turns that a review found to go wrong; each says what users would see."""

from dataclasses import replace

import pytest
from tests.rollout.world import STEPS, World, serving

from ekiben.rollout.observation import Evidence


def test_a_new_revision_cures_a_stable_one_that_died() -> None:
    one = serving()
    one.trouble("v1", waiting_reason="CrashLoopBackOff", restarts=4)
    one.run(5)
    one.verdict = "Unknown"
    one.apply("registry.test/iris:v2")
    one.run(3600, step=5)
    assert one.weights is not None
    assert one.weights.get("v2") == 100, "the outage cannot be ended by a new revision"


@pytest.mark.parametrize("why", ["paused", "operator away"])
def test_time_in_which_nothing_could_move_does_not_convict_a_ready_canary(why: str) -> None:
    one = serving()
    one.verdict = "NotWorse"
    one.apply("registry.test/iris:v2")
    one.reconcile()
    if why == "paused":
        one.apply(rollout={**one.spec["rollout"], "paused": True})
        one.run(90)
        one.apply(rollout={**one.spec["rollout"], "paused": False})
    else:
        for _ in range(90):  # longer than the progress deadline of 60 s
            one.tick()
    assert one.deployed["v2"].ready > 0
    one.run(60)
    assert "RollingBack" not in one.told()
    assert one.weights == {"v2": 100}


def test_the_revision_that_served_for_months_may_be_returned_to_in_its_bake() -> None:
    one = serving(rollout={"bake": "10m"})
    one.verdict = "NotWorse"
    one.apply("registry.test/iris:v2")
    one.run(60)
    one.trouble("v1", ready=True, restarts=3, last_exit_code=137, last_exit_at=0.0)  # months ago
    one.deployed["v1"].ready, one.deployed["v1"].startable = one.deployed["v1"].wanted, True
    one.apply("registry.test/iris:v1")
    one.run(60)
    assert one.condition("RolledBack")[0] == "False"
    assert one.weights == {"v1": 100}


class _TwoArms(World):
    """Evidence as the collector makes it: without requests of the stable revision no block is usable."""

    def _evidence(self) -> Evidence | None:
        told = super()._evidence()
        alone = not (self.weights or {}).get("v1")
        return replace(told, usable=False) if told is not None and alone else told


def test_a_last_step_of_100_per_cent_ends() -> None:
    rollout = {"steps": [*STEPS, {"weight": 100, "duration": "10s"}], "bake": "5s"}
    one = _TwoArms({"model": {"image": "registry.test/iris:v1"}, "rollout": rollout})
    one.run(10)
    one.verdict = "NotWorse"
    one.apply("registry.test/iris:v2")
    one.run(3600, step=5)
    assert one.status.history[-1].image == "registry.test/iris:v2"
    assert one.status.history[-1].outcome == "Promoted"


def test_a_restart_after_the_deadline_does_not_roll_back_what_was_found_not_worse() -> None:
    one = serving(
        rollout={
            "steps": [{"weight": 10, "duration": "100s"}],
            "analysis": {"deadline": "60s", "onInconclusive": "rollback"},
        }
    )
    one.verdict = "NotWorse"
    one.apply("registry.test/iris:v2")
    one.run(80)
    assert one.weights == {"v1": 90, "v2": 10}
    evidence = one._evidence
    one._evidence = lambda: None  # type: ignore[method-assign]  # the first look after a restart
    one.reconcile()
    one._evidence = evidence  # type: ignore[method-assign]
    one.run(60)
    assert one.weights == {"v2": 100}
