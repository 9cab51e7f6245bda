"""Which revision a verb is meant for, and when it is refused before anything is written."""

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cli.drive import V, ask, look
from tests.cli.statuses import COMMANDS, NAMES, STATES, condition, conditions, one, resource
from tests.rollout.world import World, promoted, serving

from ekiben.api.request import Request, Verb, parse
from ekiben.cli.explain.tell import tell
from ekiben.cli.requests.choose import Chosen, RefusedError, choose
from ekiben.cli.seen import Seen, seen

NEW, SERVING, FORMER = NAMES[3], NAMES[2], NAMES[1]


@pytest.mark.parametrize(
    ("verb", "state", "revision"),
    [
        (Verb.APPROVE, "awaiting-approval", NEW),
        (Verb.PROMOTE, "step", NEW),
        (Verb.PROMOTE, "starting", NEW),
        (Verb.PROMOTE, "preview", NEW),
        (Verb.SKIP, "awaiting-verdict", NEW),
        (Verb.PAUSE, "step", NEW),
        (Verb.PAUSE, "first-serves", NAMES[1]),
        (Verb.RESUME, "paused-by-request", NEW),
        (Verb.RESUME, "waiting-paused", NEW),
        (Verb.ABORT, "step", NEW),
        (Verb.ABORT, "promoting", NEW),
        (Verb.ABORT, "replacing", NEW),
        (Verb.RETRY, "rolled-back-errors", NEW),
        (Verb.RETRY, "undone", NEW),
        (Verb.UNDO, "promoted", SERVING),
        (Verb.UNDO, "rolled-back-errors", FORMER),
        (Verb.UNDO, "undone", FORMER),
    ],
)
def test_the_revision_that_is_meant(verb: Verb, state: str, revision: str) -> None:
    chosen = choose(verb, one(state))
    assert (chosen.verb, chosen.revision) == (verb, revision)
    assert parse(Request(chosen.verb, chosen.revision, "id").text()).revision == revision
    assert chosen.effect
    assert not chosen.effect.endswith(".")


@pytest.mark.parametrize(
    ("verb", "state", "says"),
    [
        (Verb.APPROVE, "step", "waits for no approval"),
        (Verb.APPROVE, "promoted", "nothing to approve"),
        (Verb.PROMOTE, "promoted", "nothing to promote"),
        (Verb.PROMOTE, "promoting", "already"),
        (Verb.PROMOTE, "rolling-back", "`ekiben retry iris -n shop`"),
        (Verb.PROMOTE, "first-pending", "is the first one"),
        (Verb.PROMOTE, "replacing", "strategy recreate"),
        (Verb.PROMOTE, "rolled-back-errors", "`ekiben retry iris -n shop`"),
        (Verb.PROMOTE, "spec-changed", "try again in a moment"),
        (Verb.SKIP, "frozen", "Nothing moves"),
        (Verb.ABORT, "promoted", "`ekiben undo iris -n shop`"),
        (Verb.ABORT, "first-failed", "nothing to go back to"),
        (Verb.PAUSE, "paused-by-request", "`ekiben resume iris -n shop`"),
        (Verb.PAUSE, "nothing", "No revision of iris serves"),
        (Verb.RESUME, "step", "Nobody has asked for a pause"),
        (Verb.RESUME, "paused-by-spec", "spec.rollout.paused"),
        (Verb.RESUME, "inconclusive", "`ekiben promote iris -n shop`"),
        (Verb.RETRY, "promoted", "nothing to retry"),
        (Verb.RETRY, "step", "being rolled out right now"),
        (Verb.RETRY, "rolling-back", "To try it again after that"),
        (Verb.UNDO, "first-serves", "No other revision"),
        (Verb.UNDO, "step", "`ekiben abort iris -n shop`"),
        (Verb.UNDO, "rolling-back", "is being taken out already"),
        (Verb.UNDO, "first-pending", "No revision of iris serves"),
        (Verb.UNDO, "frozen", "Nothing moves"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(verb: Verb, state: str, says: str) -> None:
    with pytest.raises(RefusedError) as refused:
        choose(verb, one(state), prog="ekiben", flags=" -n shop")
    assert says in str(refused.value)


def test_a_second_approval_is_refused() -> None:
    status = STATES["awaiting-approval"]["status"]
    approved = resource(status | {"rollout": status["rollout"] | {"approved": True}})
    with pytest.raises(RefusedError, match="has its approval already"):
        choose(Verb.APPROVE, seen(approved))


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.SKIP, Verb.PAUSE, Verb.ABORT])
def test_a_script_may_name_the_revision(verb: Verb) -> None:
    for name in (NEW, "3"):
        assert choose(verb, one("step"), revision=name).revision == NEW
    for name in (SERVING, "2", "9", "zzzzzzzz"):
        with pytest.raises(RefusedError, match="not revision"):
            choose(verb, one("step"), revision=name)


def test_undo_takes_a_number_or_a_name() -> None:
    for to in ("1", FORMER):
        assert choose(Verb.UNDO, one("promoted"), to=to).revision == FORMER
    assert choose(Verb.UNDO, one("step"), to="1").revision == FORMER, "named, it may be asked for during a rollout"
    with pytest.raises(RefusedError, match="there are: 1, 2, 3"):
        choose(Verb.UNDO, one("promoted"), to="7")
    with pytest.raises(RefusedError, match="is the one that serves"):
        choose(Verb.UNDO, one("promoted"), to="3")


def test_undo_does_not_go_back_to_what_was_rejected() -> None:
    assert choose(Verb.UNDO, one("bake-failed")).revision == FORMER


def test_undo_again_goes_back_further() -> None:
    world = serving()
    promoted(world, "v2")
    promoted(world, "v3")
    assert ask(world, Verb.UNDO).revision == "v2"
    world.run(20)
    assert ask(world, Verb.UNDO).revision == "v1"
    world.run(20)
    promoted(world, "v4")
    assert choose(Verb.UNDO, look(world)).revision == "v1", "not to what was left for cause"
    assert choose(Verb.UNDO, look(world), to="3").revision == "v3"


def test_undo_goes_back_to_what_an_undo_returned_to() -> None:
    world = serving()
    promoted(world, "v2")
    for there, back in (("v1", "v2"), ("v2", "v1")):
        assert ask(world, Verb.UNDO, there if there == "v1" else "2").outcome == "Done"
        world.run(20)
        with pytest.raises(RefusedError, match=f"left. To return to revision {back[1]} \\({back}\\): .*--to {back}"):
            choose(Verb.UNDO, look(world))
    promoted(world, "v3")
    assert ask(world, Verb.UNDO).revision == "v2"
    world.run(20)
    assert world.weights == {"v2": 100}
    with pytest.raises(RefusedError, match="but what an undo has left"):
        choose(Verb.UNDO, look(world))


@pytest.mark.parametrize("state", sorted(STATES))
@pytest.mark.parametrize("verb", list(Verb))
def test_in_every_state_every_verb_has_an_answer(verb: Verb, state: str) -> None:
    found = _answer(verb, look=one(state))
    if isinstance(found, Chosen):
        assert parse(Request(found.verb, found.revision, "id").text()).verb is verb
    else:
        assert found.strip()
        assert "None" not in found


def _answer(verb: Verb, look: Seen) -> Chosen | str:
    try:
        return choose(verb, look)
    except RefusedError as refused:
        return str(refused)


_TURNS = st.lists(
    st.sampled_from(["new", "back", "wait", "regressed", "not-worse", "crash", "freeze", *Verb]),
    min_size=3,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(_TURNS)
def test_only_what_the_operator_refuses_as_well_is_refused_here(turns: list[str]) -> None:
    """At any point of any history: a refusal before the request is sent never keeps anybody from what could be done."""
    world = serving(rollout={"steps": [{"weight": 20, "duration": "5s", "approval": True}, {"weight": 50}]})
    for turn in turns:
        _take(world, turn)
        world.run(3)
        for verb in set(Verb) - {Verb.UNDO}:  # without --to it asks back during a rollout, on purpose
            if isinstance(_answer(verb, look(world)), str):
                copy = deepcopy(world)
                subject = copy.status.rejected_revision if verb is Verb.RETRY else None
                taking_part = copy.status.canary or copy.status.stable
                subject = subject or (taking_part.revision if taking_part else "v1")
                assert copy.ask(verb.value, subject)[0] == "Refused", (verb, look(world).status.rollout)


def _take(world: World, turn: str) -> None:
    if turn == "new":
        world.apply(f"{V}{world.generation + 1}")
    elif turn == "back":
        world.apply(f"{V}1")
    elif turn in ("regressed", "not-worse"):
        world.verdict = {"regressed": "Regressed", "not-worse": "NotWorse"}[turn]
        world.run(3)
        world.verdict = "Unknown"
    elif turn == "crash" and world.status.canary is not None:
        world.trouble(world.status.canary.revision, waiting_reason="CrashLoopBackOff", restarts=3)
    elif turn == "freeze":
        world.frozen = "" if world.frozen else "sale"
    elif turn in set(Verb):
        found = _answer(Verb(turn), look(world))
        if isinstance(found, Chosen):
            world.ask(turn, found.revision)


def test_the_operator_agrees_with_each_choice() -> None:
    """The whole life of a resource, steered by the choices of the command line alone."""
    world = serving()
    _second(world)
    assert ask(world, Verb.PAUSE).outcome == "Done"
    assert ask(world, Verb.RESUME).outcome == "Done"
    assert ask(world, Verb.SKIP).outcome == "Done"
    world.run(5)
    assert ask(world, Verb.PROMOTE).outcome == "Done"
    world.run(20)
    assert world.status.stable is not None
    assert world.status.stable.revision == "v2"
    assert ask(world, Verb.UNDO).outcome == "Done"
    world.run(20)
    assert world.status.stable.revision == "v1"
    with pytest.raises(RefusedError, match=r"but what an undo has left\. To return to revision 2 .*undo iris --to v2"):
        ask(world, Verb.UNDO)
    assert ask(world, Verb.UNDO, to="2").outcome == "Done", "named, it comes back"
    world.run(20)
    assert world.status.stable.revision == "v2"
    world.apply(f"{V}3")
    world.run(5)
    assert ask(world, Verb.ABORT).outcome == "Done"
    world.run(20)
    assert ask(world, Verb.RETRY).outcome == "Done"
    world.run(5)
    assert world.status.rollout is not None
    assert ask(world, Verb.UNDO, to="1").outcome == "Done"
    world.run(40)
    assert world.status.stable.revision == "v1"


def test_the_operator_agrees_with_an_approval() -> None:
    world = serving(rollout={"steps": [{"weight": 20, "duration": "5s", "approval": True}]})
    _second(world)
    world.verdict = "NotWorse"
    world.run(10)
    assert look(world).told("Paused") is not None
    assert ask(world, Verb.APPROVE).outcome == "Done"
    world.run(20)
    assert world.status.stable is not None
    assert world.status.stable.revision == "v2"


def _second(world: World) -> None:
    world.apply(f"{V}2")
    world.run(5)
    assert world.status.rollout is not None
    assert world.status.rollout.state == "Step"


def _sleeps(status: bool | None, reason: str, message: str = "") -> Seen:
    told = conditions(condition("Asleep", status, reason, message))
    return seen(resource(STATES["first-serves"]["status"] | {"conditions": told}))


@pytest.mark.parametrize(("status", "reason"), [(True, "Asleep"), (None, "FallingAsleep")])
def test_what_sleeps_can_be_woken(status: bool | None, reason: str) -> None:
    chosen = choose(Verb.WAKE, _sleeps(status, reason))
    assert (chosen.verb, chosen.revision) == (Verb.WAKE, NAMES[1])
    assert f"revision 1 ({NAMES[1]})" in chosen.effect


@pytest.mark.parametrize("reason", ["Awake", "Waking", "NeverSleeps", "NoActivator"])
def test_what_does_not_sleep_cannot_be_woken_and_the_condition_says_why(reason: str) -> None:
    with pytest.raises(RefusedError, match="nothing to wake: iris does not sleep: so the condition says"):
        choose(Verb.WAKE, _sleeps(False, reason, "so the condition says"))


def test_what_recreate_cannot_bring_back_is_told_and_tried_again() -> None:
    world = serving()
    world.apply(f"{V}2", rollout={"strategy": "recreate", "bake": "5s", "progressDeadline": "30s"})
    while "v2" not in world.deployed or not world.deployed["v2"].wanted:
        world.run(1)
    world.deployed["v1"].startable = False
    world.trouble("v2", waiting_reason="CrashLoopBackOff", restarts=3)
    world.run(60)
    story = tell(look(world), world.now, COMMANDS)
    assert story.headline.endswith("Revision 1, which comes back, is not ready in time.")
    assert story.options[0].command.startswith("ekiben retry iris")
    with pytest.raises(RefusedError, match="To try it again: `ekiben retry iris`"):
        choose(Verb.ABORT, look(world))
    world.deployed["v2"].trouble, world.deployed["v2"].startable = None, True
    assert ask(world, Verb.RETRY).outcome == "Done"
    world.run(30)
    assert world.weights == {"v2": 100}


def test_an_approval_of_a_later_step_names_it_while_its_time_runs() -> None:
    each = ({"weight": weight, "duration": "20s", "approval": True} for weight in (10, 30))
    world = serving(rollout={"steps": list(each)})
    world.apply(f"{V}2")
    world.run(5)
    assert choose(Verb.APPROVE, look(world)).weight is None
    with pytest.raises(RefusedError, match="is at the step of 10 %, not at one of 30 %"):
        choose(Verb.APPROVE, look(world), weight=30)
    assert ask(world, Verb.APPROVE).outcome == "Done"
    while world.weights != {"v1": 70, "v2": 30}:
        world.run(1)
    with pytest.raises(RefusedError, match="To approve it all the same: `ekiben approve iris --weight 30`"):
        choose(Verb.APPROVE, look(world))
    assert choose(Verb.APPROVE, look(world), weight=30).weight == 30
    world.verdict = "NotWorse"
    world.run(30)
    assert ask(world, Verb.APPROVE).outcome == "Done", "it waits for it"
