"""Objectives of the revision that serves: a bake is gone back from, and elsewhere a miss is told once."""

from __future__ import annotations

from tests.rollout.world import World, promoted, serving

OBJECTIVES = {"errorRate": 0.01}
V = "registry.test/iris:v"


def _held_to_objectives() -> World:
    return serving(rollout={"objectives": OBJECTIVES, "bake": "300s"})


def test_a_bake_is_gone_back_from_with_the_numbers_in_the_ledger() -> None:
    one = _held_to_objectives()
    promoted(one, "v2")
    one.objectives = "Regressed"
    one.run(20)
    assert one.status.stable is not None
    assert one.status.stable.revision == "v1"
    assert one.status.rejected_revision == "v2"
    told = next(each for each in one.status.decisions if each.decision == "BakeFailed")
    assert (told.revision, told.verdict) == ("v2", "Regressed")
    assert "ObjectiveMissed" in told.message
    assert "37 of 412 requests failed" in told.message
    assert [metric.canary_events for metric in told.metrics] == [37]


def test_the_first_revision_that_misses_is_told_once_and_nothing_moves() -> None:
    one = _held_to_objectives()
    assert one.condition("ObjectivesMet") == ("Unknown", "NotYet")
    one.objectives = "Regressed"
    one.run(300)
    assert one.condition("ObjectivesMet") == ("False", "ObjectiveMissed")
    assert one.told().count("ObjectiveMissed") == 1
    assert one.weights == {"v1": 100}
    assert one.status.rollout is None
    told = next(each for each in one.status.decisions if each.decision == "ObjectiveMissed")
    assert (told.revision, told.metrics[0].canary_requests) == ("v1", 412)
    one.objectives = "NotWorse"
    one.run(10)
    assert one.condition("ObjectivesMet") == ("True", "Met")


def test_after_the_bake_a_miss_moves_nothing() -> None:
    one = _held_to_objectives()
    promoted(one, "v2")
    one.run(320)
    assert one.status.former is None
    one.objectives = "Regressed"
    one.run(60)
    assert one.weights == {"v2": 100}
    assert one.condition("ObjectivesMet") == ("False", "ObjectiveMissed")


def test_the_numbers_cost_a_write_a_minute_at_most() -> None:
    one = _held_to_objectives()
    one.run(5)
    before = one.writes
    one.run(300)
    assert one.writes - before <= 6
    assert one.status.objectives is not None
    assert one.status.objectives.state.startswith("tests-")


def test_what_is_known_of_one_revision_says_nothing_about_the_next() -> None:
    one = _held_to_objectives()
    one.objectives = "NotWorse"
    one.run(5)
    assert one.status.objectives is not None
    promoted(one, "v2")
    assert one.status.objectives is not None
    assert one.status.objectives.revision == "v2"


def test_without_objectives_nothing_is_held_against_it() -> None:
    one = serving()
    one.run(5)
    assert one.status.objectives is None
    assert one.condition("ObjectivesMet") == ("Unknown", "NoObjectives")
