"""What of the time without a verdict counts for the analysis deadline, and when it decides."""

from typing import Any

import pytest
from tests.rollout.test_table import state_of
from tests.rollout.world import World

from ekiben.api.status import Phase

_V = "registry.test/iris:v"
_CHOICES = ["pause", "promote", "rollback"]


def _canary(choice: str, deadline: str = "1h", **rollout: Any) -> World:
    """v2 has the share of its first step."""
    analysis = {"deadline": deadline, "onInconclusive": choice}
    one = World({"model": {"image": f"{_V}1"}, "rollout": {"bake": "5s", "analysis": analysis, **rollout}})
    one.run(10)
    one.apply(f"{_V}2")
    one.run(6)
    return one


def _steps(*durations: str) -> list[dict[str, Any]]:
    return [{"weight": weight, "duration": one} for weight, one in zip((10, 30, 50), durations, strict=False)]


def _held(one: World) -> bool:
    return one.weights is not None and 0 < one.weights.get("v2", 0) < 100


@pytest.mark.parametrize("choice", _CHOICES)
@pytest.mark.parametrize("problem", ["StaleMetrics", "NoTraffic"])
def test_a_lull_in_the_middle_of_a_step_rejects_nobody(problem: str, choice: str) -> None:
    one = _canary(choice, steps=_steps("30m", "30m", "30m"))
    one.run(4000, step=40)
    assert one.weights == {"v1": 50, "v2": 50}
    one.problem = problem
    one.run(600, step=100)
    assert (one.weights, state_of(one)) == ({"v1": 50, "v2": 50}, "Step")
    assert one.condition("Progressing")[1] == problem


@pytest.mark.parametrize("choice", _CHOICES)
@pytest.mark.parametrize("problem", ["StaleMetrics", "NoTraffic"])
def test_a_lull_at_the_end_of_a_step_that_needs_no_verdict_rejects_nobody(problem: str, choice: str) -> None:
    one = _canary(choice, deadline="20m", steps=_steps("30m", "30m", "30m"))
    one.run(1770, step=20)
    one.problem = problem
    one.run(600, step=100)
    assert one.weights == {"v1": 90, "v2": 10}
    assert one.status.phase is Phase.CANARY
    one.problem = ""
    one.run(30)
    assert one.weights == {"v1": 70, "v2": 30}


@pytest.mark.parametrize("choice", _CHOICES)
def test_a_shadow_longer_than_the_deadline_is_not_rejected_in_its_middle(choice: str) -> None:
    one = _canary(choice, strategy="shadow", shadow={"duration": "2h"})
    one.run(3700, step=40)
    one.problem = "StaleMetrics"
    one.run(300, step=20)
    assert state_of(one) == "Shadow"


@pytest.mark.parametrize("choice", _CHOICES)
@pytest.mark.parametrize("deadline", ["5m", "20m"])
@pytest.mark.parametrize("problem", ["StaleMetrics", "SourceDown"])
def test_ten_minutes_without_metrics_neither_reject_nor_promote(problem: str, deadline: str, choice: str) -> None:
    one = _canary(choice, deadline=deadline, steps=_steps("1m"))
    one.run(200, step=10)
    one.problem = problem
    one.run(600, step=10)
    assert one.weights == {"v1": 90, "v2": 10}
    assert "RollingBack" not in one.told()
    one.problem = "NoTraffic"  # the counters are read again, and do not show any request yet
    one.run(20)
    one.problem = ""
    one.run(20)
    assert _held(one), "the outage has used up the deadline"
    one.run(1200, step=20)
    ended = {"pause": {"v1": 90, "v2": 10}, "promote": {"v2": 100}, "rollback": {"v1": 100}}
    assert one.weights == ended[choice]


@pytest.mark.parametrize("problem", ["NoTraffic", "NotRouted"])
def test_a_lack_of_requests_as_long_as_the_deadline_is_what_the_policy_is_for(problem: str) -> None:
    one = _canary("rollback", deadline="10m", steps=_steps("1m"))
    one.problem = problem
    one.run(580, step=20)
    assert _held(one)
    one.run(60)
    assert one.weights == {"v1": 100}
    assert one.condition("RolledBack") == ("True", "Inconclusive")


def test_what_nobody_can_read_is_shown_to_a_person_and_goes_on_by_itself() -> None:
    one = _canary("rollback", deadline="10m", steps=_steps("1m"))
    one.problem, one.verdict = "SourceDown", "Unknown"
    one.run(700, step=20)
    assert one.status.phase is Phase.PAUSED
    assert one.condition("Paused") == ("True", "Inconclusive")
    one.problem, one.verdict = "", "NotWorse"
    one.run(30)
    assert one.weights == {"v2": 100}


@pytest.mark.parametrize("choice", _CHOICES)
def test_after_an_hour_in_which_nobody_looked_the_deadline_begins_anew(choice: str) -> None:
    one = _canary(choice, deadline="30m", steps=_steps("10s", "10s", "10s"))
    one.run(60)
    one.now += 3600
    one.run(1700, step=20)
    assert one.weights == {"v1": 50, "v2": 50}
    assert one.status.phase is Phase.CANARY
    one.run(200, step=10)
    ended = {"pause": {"v1": 50, "v2": 50}, "promote": {"v2": 100}, "rollback": {"v1": 100}}
    assert one.weights == ended[choice]


def test_a_restart_of_a_minute_does_not_lengthen_the_deadline() -> None:
    one = _canary("rollback", deadline="30m", steps=_steps("10s"))
    one.run(900, step=20)
    one.now += 60
    one.run(900, step=20)
    assert one.weights == {"v1": 100}


def test_evidence_that_comes_after_the_deadline_decides_by_itself() -> None:
    one = _canary("pause", deadline="1m", steps=_steps("10s"))
    one.run(3000, step=40)
    assert one.condition("Paused") == ("True", "Inconclusive")
    one.verdict = "NotWorse"
    one.run(30)
    assert one.weights == {"v2": 100}


def test_the_status_names_the_moment_at_which_the_deadline_decides() -> None:
    one = _canary("rollback", deadline="10m", steps=_steps("5m", "30m", "30m"))
    one.run(60)
    assert one.status.rollout is not None
    assert one.status.rollout.deadline is None, "no verdict is needed at this step"
    one.problem = "NoTraffic"
    one.run(10)
    began = one.status.rollout.unusable_since
    assert began is not None
    written = one.writes
    one.run(40)
    assert one.writes - written <= 5, "nothing but the state of the analysis, and that somebody looked"
    deadline = one.status.rollout.deadline
    assert deadline is not None
    one.run(480, step=10)
    assert one.status.rollout.deadline == deadline
    one.run(80)
    assert one.weights == {"v1": 100}
