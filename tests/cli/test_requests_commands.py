"""The commands: what they print, what they ask, and their exit codes."""

from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from tests.cli.fake import Api, FakePlace
from tests.cli.statuses import NAMES, NOW, STATES, at

from ekiben.api.request import Verb
from ekiben.cli.main import cli
from ekiben.cli.requests import commands, silence
from ekiben.cluster.errors import ForbiddenError, UnavailableError

HOUR_AGO = {
    "metadata": {"namespace": "ekiben-system", "name": "ekiben-operator"},
    "spec": {"holderIdentity": "ekiben-7d", "renewTime": at(-3600)},
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    def invoke(api: Api, *words: str, terminal: bool = False, types: str = "") -> Result:
        monkeypatch.setattr("ekiben.cli.place.Place", lambda *_: FakePlace(api, " -n shop"))
        monkeypatch.setattr(commands, "_terminal", lambda: terminal)
        return CliRunner().invoke(cli, [*words], input=types, prog_name="ekiben")

    return invoke


def test_done_is_told_and_is_exit_code_0(run: Any) -> None:
    result = run(Api(STATES["step"]), "promote", "iris", "-n", "shop")
    assert result.stdout == f"Done: promote {NAMES[3]}\n"
    assert result.exit_code == 0


def test_refused_by_the_operator_is_exit_code_1(run: Any) -> None:
    result = run(Api(STATES["step"], outcome="Refused"), "skip", "iris")
    assert result.stderr.endswith(f"Refused: skip {NAMES[3]}\n")
    assert result.exit_code == 1


def test_refused_before_anything_is_written_is_exit_code_1(run: Any) -> None:
    api = Api(STATES["promoted"])
    result = run(api, "abort", "iris")
    assert "Refused: There is nothing to abort" in result.stderr
    assert "`ekiben undo iris -n shop`" in result.stderr
    assert result.exit_code == 1
    assert api.patches == []


def test_a_wrong_option_is_exit_code_2(run: Any) -> None:
    assert run(Api(STATES["step"]), "promote", "iris", "--to", "3").exit_code == 2
    assert run(Api(STATES["step"]), "promote").exit_code == 2


def test_no_answer_is_exit_code_3_and_says_how_to_see_and_to_take_it_back(run: Any) -> None:
    api = Api(STATES["step"], outcome="")
    api.leases = [HOUR_AGO]
    result = run(api, "pause", "iris", "--timeout", "0")
    assert result.exit_code == 3
    assert "Nobody answered within 0 s. The operator is down" in result.stderr
    assert "kubectl annotate -n shop mdep/iris ekiben.dev/request-" in result.stderr


def test_no_answer_of_a_resource_that_is_degraded_says_why(run: Any) -> None:
    api = Api(STATES["step"], outcome="")
    api.leases = [HOUR_AGO]
    told = {"type": "Degraded", "status": "True", "reason": "Forbidden", "message": "ekiben may not list pods"}
    times = {"lastTransitionTime": at(-60), "observedGeneration": 1}
    api.resource["status"]["conditions"] = [*api.resource["status"].get("conditions", []), {**told, **times}]
    result = run(api, "pause", "iris", "--timeout", "0")
    assert result.exit_code == 3
    assert "The resource is Degraded (Forbidden): ekiben may not list pods." in result.stderr


def test_a_server_that_does_not_answer_is_exit_code_3_and_one_that_forbids_1(run: Any) -> None:
    class Broken(Api):
        error: Exception

        async def get(self, *_: Any) -> dict[str, Any]:
            raise self.error

    api = Broken(STATES["step"])
    api.error = UnavailableError("No answer from the API server")
    assert run(api, "pause", "iris").exit_code == 3
    api.error = ForbiddenError("ekiben may not get modeldeployments", 403)
    result = run(api, "pause", "iris")
    assert result.exit_code == 1
    assert "may not get" in result.stderr


def test_without_waiting_the_id_is_told(run: Any) -> None:
    api = Api(STATES["step"], outcome="")
    result = run(api, "pause", "iris", "--no-wait")
    assert result.exit_code == 0
    assert api.annotation.split()[2] in result.stdout


def test_each_call_has_an_id_of_its_own(run: Any) -> None:
    api = Api(STATES["step"])
    run(api, "pause", "iris")
    run(api, "pause", "iris")
    first, second = (patch["metadata"]["annotations"]["ekiben.dev/request"] for patch in api.patches)
    assert first != second


@pytest.mark.parametrize("verb", ["promote", "abort"])
def test_on_a_terminal_traffic_moves_only_after_a_yes(run: Any, verb: str) -> None:
    api = Api(STATES["step"])
    refused = run(api, verb, "iris", terminal=True, types="n\n")
    assert "revision 3 (dddddddd)" in refused.stderr
    assert refused.exit_code == 1
    assert api.patches == []
    assert run(api, verb, "iris", terminal=True, types="y\n").exit_code == 0
    assert run(Api(STATES["step"]), verb, "iris", "--yes", terminal=True).exit_code == 0


def test_nothing_is_asked_where_no_traffic_moves(run: Any) -> None:
    assert run(Api(STATES["step"]), "pause", "iris", terminal=True).exit_code == 0


def test_undo_goes_where_it_is_told(run: Any) -> None:
    api = Api(STATES["promoted"])
    assert run(api, "undo", "iris", "--to", "1").exit_code == 0
    assert api.annotation.startswith(f"undo {NAMES[1]} ")
    api = Api(STATES["promoted"])
    assert run(api, "undo", "iris").exit_code == 0
    assert api.annotation.startswith(f"undo {NAMES[2]} ")


def test_every_verb_is_a_command_with_help_and_exit_codes() -> None:
    for verb in Verb:
        result = CliRunner().invoke(cli, [verb.value, "--help"])
        assert result.exit_code == 0
        assert "Exit code 0: done." in result.output
    shown = CliRunner().invoke(cli, ["--help"]).output
    assert shown.index("Steer a rollout:") < shown.index("promote") < shown.index("Ship a model:")
    assert isinstance(commands.undo, click.Command)


@pytest.mark.parametrize(
    ("leases", "says"),
    [
        (None, "kubectl get leases -A"),
        ([], "No operator has ever run"),
        ([HOUR_AGO], "The operator is down: ekiben-7d renewed its lease (ekiben-system/ekiben-operator) last 1 h ago."),
        ([HOUR_AGO | {"spec": {"holderIdentity": "", "renewTime": at(-60)}}], "No operator is running"),
        ([HOUR_AGO, HOUR_AGO | {"spec": {"holderIdentity": "a", "renewTime": at(-1)}}], "An operator is running (a,"),
    ],
)
def test_what_the_leases_say(leases: Any, says: str) -> None:
    assert says in silence.explain(leases, NOW.timestamp())


async def test_leases_that_one_may_not_read_are_no_error() -> None:
    api = Api(STATES["step"])
    api.leases = ForbiddenError("no", 403)
    assert await silence.leases(api) is None
