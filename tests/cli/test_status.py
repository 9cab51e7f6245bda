"""`ekiben status`: what it shows."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from rich.console import Console
from tests.cli.fake import Api, FakePlace
from tests.cli.statuses import NAMES, NOW, STATES, at, one

from ekiben.api.status import ScalingStatus
from ekiben.cli.main import cli
from ekiben.cli.status import detail, overview
from ekiben.cli.status.progress import clock, track

T = NOW.timestamp()


def text(shown: Any, width: int = 120) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(shown)
    return console.export_text()


def show(state: str, **options: Any) -> str:
    return text(detail(one(state), T, **options))


def test_one_line_a_resource() -> None:
    shown = text(overview([one("step")], T))
    assert "PHASE" in shown
    for part in ("shop", "iris", "Canary", "2 cccccccc", "2/2", "3 dddddddd", "20 %", "Unknown"):
        assert part in shown
    assert "No ModelDeployment here." in text(overview([], T))


def test_load_capacity_and_the_reason_of_the_last_change() -> None:
    known = one("step")
    decided = {
        "revision": NAMES[2],
        "writer": "ekiben",
        "desired": 5,
        "ready": 2,
        "load": 18.25,
        "capacity": 4.0,
        "unit": "requests at once",
        "reason": "LoadRose",
        "message": "up from 2 to 5: the load rose; 18.2 requests at once on average",
        "at": at(-40),
        "seenAt": at(-5),
    }
    scaling = ScalingStatus.model_validate({"follows": "2 to 20 replicas by concurrency", "revisions": [decided]})
    shown = text(detail(replace(known, status=known.status.model_copy(update={"scaling": scaling})), T))
    for part in (
        "2 to 20 replicas by concurrency",
        "5 wanted by ekiben, load 18.2 requests at once, 4 a replica; LoadRose 40 s ago",
        "Up from 2 to 5: the load rose; 18.2 requests at once on average.",
    ):
        assert part in shown


def test_wide_has_more() -> None:
    shown = text(overview([one("step"), one("rolled-back-errors")], T, wide=True), 240)
    assert "2 of 3" in shown
    assert "RolledBack ErrorRateRegressed" in shown
    assert "1 min ago" in shown
    assert "iris@abababababab" in shown


def test_all_of_one_resource() -> None:
    shown = show("step", live=True)
    for part in (
        "http://iris.shop.example.com/",
        "step 2 of 3",
        "✔ 5 % ━━ ● 20 % ━━ ○ 50 % ━━ ○ 100 %",
        "20 s of 1 min",
        "in 40 s  it gets 50 % if nothing has regressed",
        "deadline in 58 min",
        "3/1,204",
        "118/1,201",
        "64 %",
        "WeightRaised",
        "10:00:00",
    ):
        assert part in shown, part


def test_what_is_not_acknowledged_and_what_was_asked_for_is_shown() -> None:
    assert "20 % asked, 33 % acknowledged" in show("by-replicas")
    asked = {
        "id": "x",
        "verb": "pause",
        "outcome": "Refused",
        "message": "it is paused already",
        "at": "2026-03-02T09:59:00Z",
    }
    state = one("step")
    with_request = state.__class__(
        state.metadata, state.status.model_validate(STATES["step"]["status"] | {"requests": [asked]})
    )
    shown = text(detail(with_request, T))
    assert "pause refused" in shown
    assert "it is paused already" in shown


def test_live_only_what_is_wrong_of_the_conditions() -> None:
    assert "ImagePinned" not in show("step", live=True)
    assert "ImagePinned" in show("step")
    assert "StableUnavailable" in show("stable-down", live=True)


@pytest.mark.parametrize("state", sorted(STATES))
@pytest.mark.parametrize("width", [60, 120])
def test_every_state_can_be_shown_at_any_width_and_time(state: str, width: int) -> None:
    for seconds in (-1e6, 0.0, 1e6):
        for live in (True, False):
            shown = text(detail(one(state), T + seconds, live=live), width)
            assert "shop/iris" in shown
            assert max(len(line) for line in shown.splitlines()) <= width


def test_the_way_by_strategy() -> None:
    def line(state: str) -> str:
        found = track(one(state))
        return found.plain if found else ""

    assert line("awaiting-approval") == "✔ 5 % ━━ ● 20 % with approval ━━ ○ 50 % ━━ ○ 100 %"
    assert line("starting") == "○ 5 % ━━ ○ 20 % ━━ ○ 50 % ━━ ○ 100 %"
    assert line("promoting") == "✔ 5 % ━━ ✔ 20 % ━━ ✔ 50 % ━━ ● 100 %"
    assert line("preview") == "✔ starting ━━ ● preview ━━ ○ all requests"
    assert line("shadow") == "✔ starting ━━ ● shadow ━━ ○ all requests"
    assert line("replacing") == "✔ old pods go ━━ ● new pods start ━━ ○ all requests"
    assert "taken out" in line("rolling-back")
    assert line("promoted") == line("first-pending") == ""


def test_the_time_of_a_step_goes_on_between_two_reads() -> None:
    now, later = clock(one("step"), T), clock(one("step"), T + 20)
    assert now is not None
    assert later is not None
    assert (now.passed, later.passed, later.lasts) == (20.0, 40.0, 60.0)
    over = clock(one("step"), T + 1000)
    assert over is not None
    assert over.share == 1.0
    assert clock(one("promoted"), T) is None


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    def invoke(api: Api, *words: str) -> Any:
        monkeypatch.setattr("ekiben.cli.place.Place", lambda *_: FakePlace(api))
        return CliRunner().invoke(cli, ["status", *words])

    return invoke


def test_json_and_yaml(run: Any) -> None:
    status = STATES["step"]["status"]
    secret = Api({**STATES["step"], "status": status | {"rollout": status["rollout"] | {"evidence": "x" * 50}}})
    found = json.loads(run(secret, "iris", "-o", "json").output)
    assert (found["namespace"], found["name"], found["status"]["phase"]) == ("shop", "iris", "Canary")
    assert "evidence" not in found["status"]["rollout"]
    assert yaml.safe_load(run(secret, "iris", "-o", "yaml").output) == found
    assert json.loads(run(secret, "-o", "json").output) == [found]


def test_watched_into_a_pipe_it_prints_each_change(run: Any) -> None:
    class Changing(Api):
        async def get(self, *arguments: Any) -> dict[str, Any]:
            self.reads = getattr(self, "reads", 0) + 1
            if self.reads > 3:
                raise KeyboardInterrupt
            states = ["step", "promoting", "promoted"]
            self.resource = STATES[states[self.reads - 1]]
            return await super().get(*arguments)

    shown = run(Changing(STATES["step"]), "iris", "-w").output
    assert shown.index("● Canary") < shown.index("● Promoting") < shown.index("● Stable")


def test_a_resource_of_another_version_is_told_in_plain_words(run: Any) -> None:
    result = run(Api({**STATES["step"], "status": {"phase": "Levitating"}}), "iris")
    assert result.exit_code == 1
    assert "another version of ekiben (phase:" in result.output


def test_one_that_cannot_be_read_does_not_hide_the_others(run: Any) -> None:
    class Two(Api):
        async def list(self, *arguments: Any, **more: Any) -> list[dict[str, Any]]:
            return [STATES["step"], {**STATES["step"], "status": {"phase": "Levitating"}}]

    shown = run(Two(STATES["step"]))
    assert shown.exit_code == 0
    assert "Canary" in shown.output
    assert "The status of iris was written by another version of ekiben" in shown.output


def test_errors_are_plain() -> None:
    result = CliRunner().invoke(cli, ["status", "--kubeconfig", "/does/not/exist"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: Cannot read the kubeconfig /does/not/exist")
    result = CliRunner().invoke(cli, ["status", "iris", "-A"])
    assert "exclude each other" in result.output
    result = CliRunner().invoke(cli, ["status", "iris", "-w", "-o", "json"])
    assert "leave out" in result.output
