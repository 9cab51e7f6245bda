"""`ekiben history`: every rollout, and how it ended."""

import io
import json
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from rich.console import Console
from tests.cli.drive import V, ask, look
from tests.cli.fake import Api, FakePlace
from tests.cli.statuses import NAMES, NOW, STATES, one, status
from tests.rollout.world import serving

from ekiben.api.request import Verb
from ekiben.cli.episodes import chosen, episodes
from ekiben.cli.history.command import table
from ekiben.cli.history.lines import lines
from ekiben.cli.main import cli

T = NOW.timestamp()


def rows(state: str) -> list[tuple[int, str, int | None, bool]]:
    return [(line.number, line.outcome, line.weight, line.serves) for line in lines(one(state), T)]


def test_the_latest_comes_first_with_what_it_reached_and_what_serves() -> None:
    assert rows("step") == [(3, "Running", 20, False), (2, "Promoted", 100, True), (1, "Promoted", 100, False)]
    assert rows("rolled-back-errors") == [
        (3, "RolledBack", 20, False),
        (2, "Promoted", 100, True),
        (1, "Promoted", 100, False),
    ]
    assert rows("rolled-back-crash")[0] == (3, "RolledBack", 0, False)
    assert rows("nothing") == []


def test_a_weight_that_is_forgotten_is_not_made_up() -> None:
    forgotten = status("rolled-back-errors").model_copy(update={"decisions": []})
    assert episodes(forgotten)[-1].weight is None


def test_how_long_and_why() -> None:
    line = lines(one("rolled-back-errors"), T)[0]
    assert line.seconds == 90
    assert line.why == "more of its requests failed than of the former one's"
    running = lines(one("step"), T)[0]
    assert (running.seconds, running.ended_at, running.why) == (150, None, "")


def test_one_rollout_a_line() -> None:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(table(lines(one("rolled-back-errors"), T), T))
    shown = console.export_text()
    for part in ("WEIGHT", "3 dddddddd", "iris@abababababab", "1 min 30 s", "20 %", "RolledBack", "the first one"):
        assert part in shown, part


def test_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(state: str, *words: str) -> Any:
        monkeypatch.setattr("ekiben.cli.place.Place", lambda *_: FakePlace(Api(STATES[state])))
        return CliRunner().invoke(cli, ["history", "iris", *words])

    assert "RolledBack" in run("aborted").output
    found = json.loads(run("aborted", "-o", "json").output)
    assert found[0]["revision"] == NAMES[3]
    assert found[0]["seconds"] == 90
    assert yaml.safe_load(run("aborted", "-o", "yaml").output) == found
    assert "endedAt" not in json.loads(run("step", "-o", "json").output)[0]
    assert run("nothing").output == "No rollout yet.\n"


def test_decisions_belong_to_the_rollout_in_which_they_fell() -> None:
    world = serving()
    for number in (2, 3, 4):
        world.apply(f"{V}{number}")
        world.run(8)
    found = episodes(look(world).status)
    assert [(one.number, one.outcome) for one in found] == [
        (1, "Promoted"),
        (2, "Superseded"),
        (3, "Superseded"),
        (4, "Running"),
    ]
    for one_of_them in found:
        assert {decision.number for decision in one_of_them.decisions} == {one_of_them.number}
    told = [decision for one_of_them in found for decision in one_of_them.decisions]
    assert len(told) == len(look(world).status.decisions), "none is lost, none belongs to two"


def test_the_last_rollout_of_a_revision_is_the_one_that_is_told() -> None:
    world = serving()
    world.apply(f"{V}2")
    world.run(5)
    ask(world, Verb.ABORT)
    world.run(20)
    ask(world, Verb.RETRY)
    world.run(5)
    found = chosen(look(world).status, "v2")
    assert found is not None
    assert found.running
