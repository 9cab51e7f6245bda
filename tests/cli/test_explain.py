"""`ekiben explain`: the story of each state, for a reader who knows no statistics."""

import io
import json
import re
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from rich.console import Console
from tests.cli.drive import V, ask, look
from tests.cli.fake import Api, FakePlace
from tests.cli.statuses import COMMANDS, NOW, POLICY, STATES, at, canary, errors, one, resource
from tests.rollout.world import World, promoted, serving

from ekiben.api.request import Verb
from ekiben.cli.explain.render import render
from ekiben.cli.explain.story import Story, Tone
from ekiben.cli.explain.tell import UnknownRevisionError, tell
from ekiben.cli.main import cli
from ekiben.cli.seen import seen

T = NOW.timestamp()
AT_20 = "at 20 % of the requests"
UNUSABLE = "Until there is usable evidence, the requests decide nothing."


def story(state: str, revision: str = "") -> Story:
    return tell(one(state), T, COMMANDS, revision)


def text(told: Story, width: int = 110) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(render(told, T), crop=False)
    return console.export_text()


@pytest.mark.parametrize(
    ("state", "tone", "headline"),
    [
        ("nothing", Tone.WAITING, "Nothing has happened yet: the operator has not looked at this resource."),
        ("first-pending", Tone.WAITING, "Revision 1, the first one, is starting. Nothing serves yet."),
        (
            "first-failed",
            Tone.BAD,
            "Revision 1, the first one, does not become ready: its pods crashed. Nothing serves yet.",
        ),
        (
            "first-serves",
            Tone.GOOD,
            "Revision 1 was the first one and serves since its pods were ready, after 1 min 40 s.",
        ),
        ("starting", Tone.WAITING, "Revision 3 is starting; it gets no requests yet."),
        (
            "step",
            Tone.WAITING,
            "Revision 3 is on trial with 20 % of the requests (step 2 of 3); revision 2 serves the rest.",
        ),
        ("paused-by-request", Tone.WAITING, "Revision 3 is paused at 20 % of the requests."),
        ("awaiting-approval", Tone.WAITING, "Revision 3 waits for an approval at 20 % of the requests."),
        ("inconclusive", Tone.WAITING, "Revision 3 waits for a decision at 20 % of the requests."),
        ("frozen", Tone.WAITING, "Everything is frozen; revision 3 has 20 % of the requests."),
        (
            "stable-unavailable",
            Tone.WAITING,
            f"The rollout of revision 3 holds {AT_20}: revision 2, which serves the rest, has no ready pod.",
        ),
        ("preview", Tone.WAITING, "Revision 3 is ready and gets no requests yet: it is being looked at."),
        ("shadow", Tone.WAITING, "Revision 3 gets copies of the requests; its answers are thrown away."),
        ("replacing", Tone.WAITING, "Revision 3 replaces revision 2: nothing serves until its pods are ready."),
        ("promoting", Tone.WAITING, "Revision 3 is taking over all requests from revision 2."),
        ("rolling-back", Tone.BAD, "Revision 3 is being taken out: more of its requests failed than of revision 2's."),
        (
            "promoted",
            Tone.GOOD,
            "Revision 3 took over from revision 2 after 1 min 30 s: the evidence says that it is not worse.",
        ),
        (
            "rolled-back-errors",
            Tone.BAD,
            f"Revision 3 was rolled back after 1 min 30 s, {AT_20}: more of its requests failed than of revision 2's.",
        ),
        (
            "rolled-back-latency",
            Tone.BAD,
            f"Revision 3 was rolled back after 1 min 30 s, {AT_20}: it answered more slowly than revision 2.",
        ),
        (
            "rolled-back-crash",
            Tone.BAD,
            "Revision 3 was rolled back after 1 min 30 s, before it got any request: its pods crashed.",
        ),
        (
            "aborted",
            Tone.BAD,
            "Revision 3 was rolled back after 1 min 30 s, at 20 % of the requests: somebody asked for that (abort).",
        ),
        (
            "superseded",
            Tone.PLAIN,
            "Revision 3 was left before it was done, at 20 % of the requests: another revision was asked for.",
        ),
        ("cancelled", Tone.PLAIN, "Revision 3 was left, at 20 % of the requests: revision 2 was asked for again."),
        (
            "bake-failed",
            Tone.BAD,
            "Revision 3 was taken out again: it failed soon after it had taken over. All requests went back.",
        ),
        ("undone", Tone.PLAIN, "Revision 3 was left for an earlier one: somebody asked for that (undo)."),
    ],
)
def test_one_sentence_says_it(state: str, tone: Tone, headline: str) -> None:
    told = story(state)
    assert told.headline == headline
    assert told.tone is tone


@pytest.mark.parametrize(
    ("state", "waits", "until", "then"),
    [
        ("step", "It gets 20 % of the requests for at least 1 min.", at(40), "it gets 50 % if nothing has regressed"),
        ("starting", "Its pods start (0 of 1 ready).", at(450), "if they are not ready, it is rolled back"),
        (
            "awaiting-verdict",
            "To get all requests the evidence has to say that it is not worse, and it does not say so yet.",
            at(3480),
            "without a verdict it holds until somebody decides, or until one comes",
        ),
        (
            "no-traffic",
            f"No request reached the canary in the last 60 s. {UNUSABLE}",
            at(3480),
            "without a verdict it holds until somebody decides, or until one comes",
        ),
        ("preview", "Testers can look at it for at least 1 min.", at(20), "it gets all requests"),
        (
            "promoting",
            "It gets the pods for all requests (1 of 1 ready).",
            None,
            "if they are not ready, it is rolled back",
        ),
        ("promoted", "Revision 2 stays scaled up, for an instant way back.", at(400), "its pods go"),
        ("rolled-back-errors", "Revision 3 (dddddddd) is not tried again until spec.model changes.", None, ""),
        ("undone", "Revision 2 serves instead of revision 3 (dddddddd), until spec.model changes.", None, ""),
        ("degraded", "It cannot be carried out: Exceeded quota. What serves goes on.", None, ""),
        ("stable-down", "It is not healthy: the stable revision has no ready replica.", None, ""),
        ("spec-changed", "The operator has not looked at the latest change of the resource yet.", None, ""),
        ("first-pending", "Its pods start (0 of 2 ready); it serves as soon as all are.", at(400), "it has failed"),
        ("rolling-back", "It answers its last requests; then its pods go.", None, ""),
    ],
)
def test_what_it_waits_for_and_until_when(state: str, waits: str, until: str | None, then: str) -> None:
    told = story(state)
    assert (told.waits, told.until, told.then) == (waits, until, then)


@pytest.mark.parametrize(
    ("state", "first", "also"),
    [
        ("awaiting-approval", "approve", ("promote", "skip", "abort")),
        ("paused-by-request", "resume", ("abort",)),
        ("step", "promote", ("skip", "pause", "abort")),
        ("promoting", "abort", ()),
        ("rolled-back-errors", "retry", ("history",)),
        ("promoted", "undo", ("history",)),
        ("undone", "undo", ("history",)),
        ("first-serves", "history", ()),
    ],
)
def test_what_can_be_done_is_a_command_to_type(state: str, first: str, also: tuple[str, ...]) -> None:
    commands = [option.command for option in story(state).options]
    assert commands[0].startswith(f"ekiben {first} iris -n shop")
    for verb in also:
        assert any(command.startswith(f"ekiben {verb} iris -n shop") for command in commands), verb


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_command_that_is_offered_exists(state: str) -> None:
    for option in story(state).options:
        if option.command.startswith("ekiben "):
            result = CliRunner().invoke(cli, [*option.command.split()[1:], "--help"])
            assert result.exit_code == 0, option.command


@pytest.mark.parametrize("state", sorted(STATES))
@pytest.mark.parametrize("width", [50, 110])
def test_every_state_reads_well(state: str, width: int) -> None:
    told = story(state)
    shown = text(told, width)
    commands = {option.command for option in told.options}
    broken = [line for line in shown.splitlines() if len(line) > width and not any(one in line for one in commands)]
    assert broken == [], "only commands, which are there to be copied, may be longer"
    for part in (told.headline, told.asked, told.decided, told.waits, *told.notes):
        assert "None" not in part
        assert "  " not in part
        assert not re.search(r"\.\.|: \.|\bis is\b", part), part
        assert not part or part[-1] in ".!?", part
    assert not re.search(r"odds ratio|e-value|null hypothesis|likelihood", shown)


@pytest.mark.parametrize("state", sorted(STATES))
def test_programs_get_the_same(state: str) -> None:
    data = json.loads(json.dumps(story(state).data()))
    assert data["headline"] == story(state).headline
    assert data["name"] == "iris"
    assert all({"at", "decision", "text"} <= beat.keys() for beat in data["beats"])


def test_the_numbers_are_told_as_counts_and_as_a_share_of_what_decides() -> None:
    told = story("rolled-back-errors")
    errors = told.figures[0]
    assert errors.text == "61 of 1,204 requests to revision 3 failed (5.1 %); of revision 2's, 12 of 4,816 (0.2 %)."
    assert "at most 1 % of all rollouts" in told.decided
    shown = text(told)
    assert "104 % of what rolls it back" in shown
    assert "took longer than 250 ms" in shown


def test_a_business_metric_is_told_by_its_name() -> None:
    orders = errors(31, 1204, 40, 4816, 0.4, 0.1) | {"name": "orders"}
    status = STATES["step"]["status"]
    verdict = status["verdict"] | {"metrics": [orders]}
    told = tell(seen(resource(status | {"verdict": verdict})), T, COMMANDS)
    assert told.figures[0].text == "orders: 31 of 1,204 for revision 3 (2.6 %); for revision 2, 40 of 4,816 (0.8 %)."


def test_what_each_step_showed() -> None:
    beats = story("step").beats
    assert [beat.decision for beat in beats] == ["RolloutStarted", "WeightRaised", "WeightRaised"]
    assert (
        beats[-1].figures[0].text
        == "0 of 320 requests to revision 3 failed (0 %); of revision 2's, 2 of 6,080 (0.03 %)."
    )
    assert "failed 0 of 320 (revision 2: 2 of 6,080)" in text(story("step"))


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("rolled-back-crash", "Pod iris-dddddddd-x stopped with exit code 1"),
        ("rolled-back-pull", "spec.model.imagePullSecrets"),
        ("rolled-back-memory", "Raise spec.model.resources.limits.memory"),
        ("rolled-back-late", "spec.rollout.progressDeadline"),
        ("rolled-back-inconclusive", "More requests or more weight"),
        ("rolled-back-objective", "the objective is 1 %"),
        ("aborted", "A person decided."),
        ("promoted", "at most 5 % of all rollouts"),
    ],
)
def test_what_decided(state: str, says: str) -> None:
    assert says in story(state).decided


def test_a_bound_that_is_not_known_is_not_made_up() -> None:
    shared = STATES["rolled-back-errors"] | {"spec": {"rollout": {"policyRef": "team"}}}
    assert "only a small part of all rollouts" in tell(seen(shared), T, COMMANDS).decided
    own = {"rollout": {"analysis": {"falseRollback": 0.002}}}
    assert "at most 0.2 %" in tell(seen(resource(STATES["rolled-back-errors"]["status"], own)), T, COMMANDS).decided


def test_without_a_gateway_the_true_share_is_told() -> None:
    (note,) = story("by-replicas").notes
    assert note.startswith(
        "Without a Gateway the number of ready pods splits the requests: 20 % was asked for, and 33 % is"
    )


def test_what_happens_without_a_verdict_is_what_the_policy_says() -> None:
    policy = POLICY | {"analysis": {"onInconclusive": "rollback"}}
    waiting = canary(step=2, weight=50, rollout={"policy": policy, "deadline": at(60)})
    told = tell(seen(resource(waiting)), T, COMMANDS)
    assert told.then == "without a verdict it is rolled back (spec.rollout.analysis.onInconclusive)"


def test_an_earlier_rollout_by_number_or_name() -> None:
    for revision in ("2", "cccccccc"):
        told = story("rolled-back-errors", revision)
        assert (
            told.headline
            == "Revision 2 took over from revision 1 after 10 min: the evidence says that it is not worse."
        )
        assert (told.waits, told.options) == ("", ()), "what can be done now is about now"
    with pytest.raises(UnknownRevisionError, match="those of: 1, 2, 3"):
        story("promoted", "9")


def test_stories_of_the_state_machine_itself() -> None:
    """The words fit what the operator really writes, not only what was made up for the tests above."""
    world = serving()
    world.apply(f"{V}2")
    world.run(3)
    ask(world, Verb.PAUSE)
    world.run(2)
    assert "Somebody asked to pause" in " ".join(beat.text for beat in tell(look(world), world.now, COMMANDS).beats)
    ask(world, Verb.RESUME)
    world.verdict = "Regressed"
    world.run(30)
    told = tell(look(world), world.now, COMMANDS)
    assert told.headline.endswith("at 10 % of the requests: more of its requests failed than of revision 1's.")
    assert told.beats[-1].text == "Revision 2 (v2) gets no requests and has no pods; revision 1 (v1) serves."
    world.verdict = "NotWorse"
    world.apply(f"{V}3")
    world.run(60)
    assert tell(look(world), world.now, COMMANDS).headline.startswith("Revision 3 took over from revision 1")
    ask(world, Verb.UNDO)
    world.run(30)
    told = tell(look(world), world.now, COMMANDS)
    assert told.asked == "All requests were to go back from revision 3 to revision 1."
    world.verdict = "Unknown"
    world.apply(f"{V}4")
    world.run(3)
    assert tell(look(world), world.now, COMMANDS).asked.startswith(
        "Revision 4 is to take over from revision 1: first 10, 50 %"
    )


def test_what_was_left_since_the_provider_cannot_do_it_says_so() -> None:
    shadow = {"strategy": "shadow", "shadow": {"duration": "30s"}}
    world = World({"model": {"image": f"{V}1"}, "rollout": shadow})
    world.run(10)
    world.apply(f"{V}2")
    world.run(8)
    world.apply(traffic={"provider": "replicaRatio"})
    world.run(20)
    told = tell(look(world), world.now, COMMANDS)
    assert (
        "the Gateway cannot do any more what its rollout needs. It begins anew once that can be had." in told.headline
    )


def test_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ekiben.cli.place.Place", lambda *_: FakePlace(Api(STATES["step"]), " -n shop"))

    def run(*words: str) -> Any:
        return CliRunner().invoke(cli, ["explain", "iris", *words])

    assert "What you can do" in run().output
    assert json.loads(run("-o", "json").output)["outcome"] == "Running"
    assert yaml.safe_load(run("-o", "yaml").output)["tone"] == "waiting"
    wrong = run("--revision", "9")
    assert wrong.exit_code == 1
    assert "No rollout of revision 9" in wrong.output


def test_objectives_are_told_with_their_numbers() -> None:
    held = {"rollout": {"objectives": {"errorRate": 0.01}, "bake": "300s"}}
    world = serving(**held)
    world.objectives = "Regressed"
    world.run(5)
    told = tell(look(world), world.now, COMMANDS)
    assert (
        "Revision 1, which serves, missed an objective (spec.rollout.objectives): Errors: 37 of 412 requests failed."
        in told.notes
    )
    world = serving(**held)
    promoted(world, "v2")
    world.objectives = "Regressed"
    world.run(25)
    told = tell(look(world), world.now, COMMANDS)
    assert told.headline.startswith("Revision 2 was taken out again")
    assert "37 of 412" in told.beats[0].by_then
