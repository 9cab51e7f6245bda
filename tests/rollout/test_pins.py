"""`undo`, `retry` and the pin that they set and end."""

from tests.rollout.world import World, promoted, serving

_V = "registry.test/iris:v"


def _second(**rollout: object) -> World:
    """v2 serves, v1 served before."""
    one = serving(rollout={"bake": "0s", **rollout})
    promoted(one, "v2")
    return one


def _undone(one: World, version: str) -> None:
    outcome, message = one.ask("undo", version)
    assert outcome == "Done", message
    one.run(30)
    assert one.weights == {version: 100}


def test_undo_of_an_undo_leaves_no_pin() -> None:
    one = _second()
    _undone(one, "v1")
    assert one.condition("Promoted") == ("False", "Pinned")
    assert one.condition("Undone") == ("True", "Serving")
    _undone(one, "v2")
    assert one.condition("Promoted") == ("True", "Serving")
    assert one.condition("Undone") == ("False", "NotUndone")
    assert one.status.pinned is None


def test_an_undo_of_an_undo_that_fails_stays_where_it_was() -> None:
    one = _second()
    _undone(one, "v1")
    one.deployed["v2"].startable = False
    assert one.ask("undo", "v2")[0] == "Done"
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3)
    one.run(60)
    assert one.weights == {"v1": 100}
    assert one.status.rollout is None
    assert one.condition("RolledBack") == ("True", "Crashed")


def test_undo_to_what_is_being_rolled_out_is_refused() -> None:
    one = _second(rollbackWindow=0)
    one.apply(f"{_V}1")
    one.run(5)
    assert one.weights == {"v2": 90, "v1": 10}
    outcome, message = one.ask("undo", "v1")
    assert outcome == "Refused"
    assert "ekiben promote" in message
    one.verdict = "NotWorse"
    one.run(60)
    assert one.condition("Promoted") == ("True", "Serving")


def test_undo_while_paused_is_refused_and_not_kept_for_later() -> None:
    one = _second()
    one.apply(rollout={**one.spec["rollout"], "paused": True})
    outcome, message = one.ask("undo", "v1")
    assert outcome == "Refused"
    assert "paused" in message
    one.apply(rollout={**one.spec["rollout"], "paused": False})
    one.run(20)
    assert one.weights == {"v2": 100}


def test_undo_may_be_asked_for_again_after_its_pods_could_not_start() -> None:
    one = _second()
    one.deployed["v1"].startable = False
    one.ask("undo", "v1")
    one.trouble("v1", waiting_reason="ImagePullBackOff", waiting_message="registry unavailable")
    one.run(30)
    assert one.weights == {"v2": 100}
    one.deployed["v1"].trouble, one.deployed["v1"].startable = None, True
    _undone(one, "v1")


def test_undo_to_what_failed_its_bake_is_refused() -> None:
    one = serving(rollout={"bake": "10m"})
    promoted(one, "v2")
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3)
    one.run(30)
    assert one.weights == {"v1": 100}
    outcome, message = one.ask("undo", "v2")
    assert outcome == "Refused"
    assert "failed right after its promotion" in message
    assert "ekiben retry" in message


def test_retry_after_a_bake_that_failed_begins_with_the_first_step() -> None:
    one = serving(rollout={"bake": "10m"})
    promoted(one, "v2")
    one.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3)
    one.run(30)
    one.deployed["v2"].trouble, one.deployed["v2"].startable = None, True
    assert one.ask("retry", "v2")[0] == "Done"
    one.run(5)
    assert one.weights == {"v1": 90, "v2": 10}


def test_what_an_undo_interrupted_is_rolled_out_by_retry() -> None:
    one = _second()
    one.apply(f"{_V}3")
    one.run(5)
    _undone(one, "v1")
    outcome, message = one.ask("undo", "v3")
    assert (outcome, "ekiben retry" in message) == ("Refused", True)
    assert one.ask("retry", "v3")[0] == "Done"
    one.run(5)
    assert one.weights == {"v1": 90, "v3": 10}


def test_the_image_applied_again_after_an_undo_changes_nothing() -> None:
    one = _second()
    _undone(one, "v1")
    one.apply(f"{_V}2")
    one.run(20)
    assert one.weights == {"v1": 100}
    assert one.condition("Promoted") == ("False", "Pinned")


def test_undo_while_a_rollout_runs_comes_after_its_end() -> None:
    one = _second()
    one.apply(f"{_V}3")
    one.run(5)
    assert one.ask("undo", "v1")[0] == "Done"
    assert one.weights == {"v2": 100, "v3": 0}
    one.run(30)
    assert one.weights == {"v1": 100}
    assert [entry.outcome for entry in one.status.history][-2:] == ["Superseded", "Undone"]


def test_what_an_undo_returned_to_counts_as_promoted() -> None:
    one = _second()
    _undone(one, "v1")
    _undone(one, "v2")
    assert [(entry.revision, entry.back_to) for entry in one.status.history][-2:] == [("v2", "v1"), ("v1", "v2")]
    promoted(one, "v3")
    one.apply(f"{_V}2")
    one.run(10)
    assert one.weights == {"v2": 100}, "without steps"
    promoted(one, "v4")
    one.apply(f"{_V}1")
    one.run(10)
    assert one.weights == {"v4": 90, "v1": 10}, "that one was left by an undo, and nobody has returned to it"


def test_what_an_undo_returned_to_after_an_attempt_that_was_aborted_has_served() -> None:
    one = _second(rollbackWindow=0)
    one.apply(f"{_V}1")
    one.run(5)
    assert one.ask("abort", "v1")[0] == "Done"
    one.run(20)
    _undone(one, "v1")
    one.apply(f"{_V}3", rollout={**one.spec["rollout"], "rollbackWindow": 3})
    promoted(one, "v3")
    one.apply(f"{_V}1")
    one.run(10)
    assert one.weights == {"v1": 100}
