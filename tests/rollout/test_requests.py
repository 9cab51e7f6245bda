"""Requests by annotation: for one revision, once, or refused with a reason."""

import pytest
from tests.rollout.world import World, serving

from ekiben.api.request import Request, Verb, parse

_V = "registry.test/iris:v"


@pytest.fixture
def canary() -> World:
    one = serving()
    one.apply(f"{_V}2")
    one.run(5)
    assert one.weights == {"v1": 90, "v2": 10}
    return one


@pytest.mark.parametrize(
    "text", ["", "promote", "promote v2", "destroy v2 1", "promote v2 1 2", "promote V2 1", "a" * 300]
)
def test_what_is_no_request_says_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="VERB REVISION ID"):
        parse(text)


@pytest.mark.parametrize("verb", list(Verb))
def test_a_request_is_written_as_it_is_read(verb: Verb) -> None:
    request = parse(f"{verb.value} abc 1")
    assert parse(request.text()) == request


@pytest.mark.parametrize("text", ["promote v2 id 30", "approve v2 id 30 %", "approve v2 id -1", "approve v2 id thirty"])
def test_only_an_approval_names_a_step(text: str) -> None:
    with pytest.raises(ValueError, match="is no request"):
        parse(text)
    assert parse("approve v2 id 30") == Request(Verb.APPROVE, "v2", "id", 30)
    assert parse(Request(Verb.APPROVE, "v2", "id", 30).text()).weight == 30


def test_nonsense_in_the_annotation_is_told_once(canary: World) -> None:
    canary.request = "please promote it"
    canary.run(5)
    assert [one.outcome for one in canary.status.requests] == ["Refused"]
    assert canary.told().count("RequestRefused") == 1


def test_a_request_for_another_revision_is_refused(canary: World) -> None:
    outcome, message = canary.ask("promote", "v3")
    assert outcome == "Refused"
    assert "v2" in message
    assert canary.weights == {"v1": 90, "v2": 10}


def test_no_request_is_handled_twice(canary: World) -> None:
    assert canary.ask("pause", "v2", "one")[0] == "Done"
    assert canary.ask("resume", "v2", "two")[0] == "Done"
    canary.request = "pause v2 one"
    canary.run(3)
    assert not canary.status.paused


def test_promote_gives_all_requests_when_the_pods_are_there(canary: World) -> None:
    canary.deployed["v2"].startable = False
    assert canary.ask("promote", "v2")[0] == "Done"
    canary.run(5)
    assert canary.weights == {"v1": 90, "v2": 10}
    canary.deployed["v2"].startable = True
    canary.run(20)
    assert canary.weights == {"v2": 100}
    assert canary.status.history[-1].reason == "Requested"


def test_skip_goes_to_the_next_step_without_evidence(canary: World) -> None:
    canary.problem = "NoTraffic"
    assert canary.ask("skip", "v2")[0] == "Done"
    canary.run(4)
    assert canary.weights == {"v1": 50, "v2": 50}
    assert canary.ask("skip", "v2")[0] == "Done"
    canary.run(20)
    assert canary.weights == {"v2": 100}


def test_a_pause_holds_and_a_regression_still_rolls_back(canary: World) -> None:
    canary.ask("pause", "v2")
    canary.verdict = "NotWorse"
    canary.run(60)
    assert canary.weights == {"v1": 90, "v2": 10}
    assert canary.condition("Paused") == ("True", "Paused")
    assert canary.ask("promote", "v2")[0] == "Refused"
    canary.verdict = "Regressed"
    canary.run(20)
    assert canary.weights == {"v1": 100}


def test_abort_and_retry(canary: World) -> None:
    assert canary.ask("abort", "v2")[0] == "Done"
    assert canary.weights == {"v1": 100, "v2": 0}
    assert canary.ask("retry", "v2")[0] == "Refused"
    canary.run(20)
    assert canary.condition("RolledBack") == ("True", "Aborted")
    assert canary.ask("retry", "v2")[0] == "Done"
    canary.verdict = "NotWorse"
    canary.run(60)
    assert canary.weights == {"v2": 100}


def test_undo_to_what_never_served_is_refused(canary: World) -> None:
    canary.ask("abort", "v2")
    canary.run(20)
    outcome, message = canary.ask("undo", "v2")
    assert outcome == "Refused"
    assert "never served" in message


def test_only_the_last_ten_are_kept(canary: World) -> None:
    for number in range(15):
        canary.ask("pause" if number % 2 == 0 else "resume", "v2", f"id-{number}")
    assert [one.id for one in canary.status.requests] == [f"id-{number}" for number in range(5, 15)]


def test_the_ledger_keeps_decisions_with_their_numbers(canary: World) -> None:
    canary.verdict = "Regressed"
    canary.run(20)
    told = [one.decision for one in canary.status.decisions]
    assert told[:2] == ["RevisionCreated", "Available"]
    assert told[2:] == ["RolloutStarted", "WeightRaised", "RollingBack", "RolledBack"]
    verdict = canary.status.decisions[-2]
    assert (verdict.reason, verdict.verdict, verdict.metrics[0].name) == ("ErrorRateRegressed", "Regressed", "errors")


def test_the_ledger_is_bounded_and_a_hold_is_told_once() -> None:
    one = serving()
    one.problem = "NoTraffic"
    one.apply(f"{_V}2")
    one.run(100)
    assert [entry.reason for entry in one.status.decisions if entry.decision == "Held"] == ["NoTraffic"]
    for _ in range(40):
        one.problem = "StaleMetrics" if one.problem == "NoTraffic" else "NoTraffic"
        one.reconcile()
    assert len(one.status.decisions) == 30


def test_status_says_when_the_present_wait_ends(canary: World) -> None:
    running = canary.status.rollout
    assert running is not None
    assert running.next_look is not None
    assert running.deadline is None, "no verdict is needed at 10 %"
    _at(canary, 50, 20)
    canary.run(3)
    running = canary.status.rollout
    assert running.next_look is not None
    assert running.deadline is not None
    assert running.next_look < running.deadline


def _approvals() -> World:
    each = ({"weight": weight, "duration": "20s", "approval": True} for weight in (10, 30, 50))
    one = serving(rollout={"steps": list(each)})
    one.apply("registry.test/iris:v2")
    one.run(5)
    return one


def _at(one: World, weight: int, seconds: float) -> None:
    for _ in range(int(seconds)):
        one.run(1)
        if one.weights == {"v1": 100 - weight, "v2": weight}:
            return
    raise AssertionError(one.weights)


def test_a_repeated_approval_does_not_count_for_the_next_step() -> None:
    one = _approvals()
    assert one.ask("approve", "v2", "anna")[0] == "Done", "its time still runs"
    _at(one, 30, 30)
    one.run(3)
    outcome, message = one.ask("approve", "v2", "bert")
    assert outcome == "Refused"
    assert message.endswith("ask again when it does, or now with `ekiben approve iris --weight 30`")
    one.run(40)
    assert one.weights == {"v1": 70, "v2": 30}
    assert one.condition("Paused") == ("True", "AwaitingApproval")
    assert one.ask("approve", "v2", "carl")[0] == "Done", "it is waited for"
    _at(one, 50, 5)


def test_an_approval_that_names_its_step_counts_for_that_one_alone() -> None:
    one = _approvals()
    one.request = "approve v2 other 30"
    one.reconcile()
    assert one.status.requests[-1].outcome == "Refused"
    assert "the step of 30 %, and the present one has 10 %" in one.status.requests[-1].message
    one.request = "approve v2 first 10"
    one.reconcile()
    _at(one, 30, 30)
    one.run(3)
    one.request = "approve v2 second 30"
    one.reconcile()
    assert one.status.requests[-1].outcome == "Done", "its time still runs"
    _at(one, 50, 25)


def test_a_preview_has_no_step_to_name() -> None:
    one = serving()
    one.apply("registry.test/iris:v2", rollout={"strategy": "blueGreen", "blueGreen": {"approval": True}})
    one.run(8)
    one.request = "approve v2 first 10"
    one.reconcile()
    assert "strategy canary alone has steps" in one.status.requests[-1].message
    assert one.ask("approve", "v2")[0] == "Done"


def test_an_approval_before_the_step_has_begun_is_refused() -> None:
    steps = [{"weight": 10, "duration": "5s"}, {"weight": 50, "duration": "20s", "approval": True}]
    one = serving(rollout={"steps": steps})
    one.apply(f"{_V}2")
    one.run(5)
    one.deployed["v2"].startable = False
    one.run(8)
    assert one.status.rollout is not None
    assert (one.status.rollout.step, one.weights) == (1, {"v1": 90, "v2": 10}), "it waits for the pods of 50 %"
    for text in ("approve v2 early", "approve v2 named 50"):
        one.request = text
        one.reconcile()
        assert one.status.requests[-1].outcome == "Refused"
        assert "the step of 50 % has not begun" in one.status.requests[-1].message
    one.deployed["v2"].startable = True
    _at(one, 50, 10)
    one.run(3)
    assert one.ask("approve", "v2")[0] == "Done", "its time runs"


def test_an_approval_before_requests_are_copied_is_refused() -> None:
    one = serving()
    one.apply(f"{_V}2", rollout={"strategy": "shadow", "shadow": {"duration": "10s", "approval": True}})
    one.gateway_answers = False
    one.run(8)
    assert one.status.rollout is not None
    assert one.status.rollout.state == "Shadow"
    outcome, message = one.ask("approve", "v2")
    assert (outcome, "the shadow has not begun" in message) == ("Refused", True)
    one.gateway_answers = True
    one.run(3)
    assert one.ask("approve", "v2")[0] == "Done"


@pytest.mark.parametrize("strategy", ["canary", "blueGreen", "shadow"])
def test_nothing_takes_over_by_request_while_no_pod_is_wanted(strategy: str) -> None:
    rollout = {"bake": "0s", "strategy": strategy}
    one = serving()
    one.apply(f"{_V}2", scaling={"replicas": 0}, rollout=rollout)
    one.run(5)
    for verb in ("promote", "skip"):
        outcome, message = one.ask(verb, "v2")
        assert (outcome, "spec.scaling.replicas is 0" in message) == ("Refused", True)
    one.run(5)
    assert one.weights == {"v1": 100, "v2": 0}
    one.apply(scaling={"replicas": 1})
    one.reconcile()
    assert one.ask("promote", "v2")[0] == "Done"
    one.run(20)
    assert one.weights == {"v2": 100}


def test_a_step_that_a_skip_began_has_its_own_time_for_its_pods() -> None:
    steps = [{"weight": 40, "duration": "10m"}, {"weight": 50, "duration": "10m"}]
    one = serving(rollout={"steps": steps}, scaling={"replicas": 6})
    one.apply(f"{_V}2")
    one.run(10)
    assert one.weights == {"v1": 60, "v2": 40}
    one.deployed["v2"].ready, one.deployed["v2"].startable = 2, False
    one.run(50)
    assert one.ask("skip", "v2")[0] == "Done"
    one.run(50)
    assert one.status.rollout is not None
    assert (one.status.rollout.state, one.status.rollout.step) == ("Step", 1), "it waits for 50 s, not for 100"
    one.run(15)
    assert one.status.rejected_revision == "v2"
