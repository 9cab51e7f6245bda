"""`ekiben replay`: what it prints and draws, from past data made up for the purpose."""

import json

import pytest
from click.testing import CliRunner
from tests.signals.test_replay import recorded

from ekiben.cli.main import cli
from ekiben.cli.replay import command
from ekiben.cli.seen import Seen, seen
from ekiben.cluster.errors import ClusterError
from ekiben.objects.names import MODEL_ANNOTATION
from ekiben.signals.counters import MetricsError, Trouble

DECISION = {"at": "1970-01-01T00:16:00Z", "revision": "bbbbbbbb", "number": 2, "decision": "WeightRaised", "weight": 10}
HISTORY = {
    "revision": "bbbbbbbb", "number": 2, "image": "x:2", "outcome": "RolledBack", "reason": "ErrorRateRegressed",
    "message": "m", "startedAt": "1970-01-01T00:15:00Z", "endedAt": "1970-01-01T00:25:00Z",
}  # fmt: skip


def resource(spec=None, **status) -> Seen:
    raw = {"metadata": {"name": "iris", "namespace": "shop", "uid": "u"}, "spec": {"model": {"image": "x:2"}}}
    raw["spec"] |= spec or {}
    return seen({**raw, "status": {"observedGeneration": 1, **status}})


def deployment(revision: str, runtime: str) -> dict:
    model = json.dumps({"image": "x", "runtime": runtime})
    return {"metadata": {"name": f"iris-{revision}", "annotations": {MODEL_ANNOTATION: model}}}


@pytest.fixture
def world(monkeypatch):
    """A cluster and a Prometheus that say what a test puts here."""
    said = {
        "seen": resource(decisions=[DECISION], history=[HISTORY]),
        "recorded": recorded(errors=0.2),
        "deployments": [deployment(revision, "bentoml") for revision in ("bbbbbbbb", "22222222")],
    }

    class Nothing:
        async def __aenter__(self):
            return self

        async def list(self, kind, namespace, labels):
            assert (kind.plural, namespace, labels) == ("deployments", "shop", "ekiben.dev/modeldeployment=iris")
            if isinstance(said["deployments"], Exception):
                raise said["deployments"]
            return said["deployments"]

        async def __aexit__(self, *_):
            pass

    async def read(_cluster, _namespace, _name):
        return said["seen"]

    async def download(*arguments):
        said["asked"] = arguments
        if isinstance(said["recorded"], Exception):
            raise said["recorded"]
        return said["recorded"]

    monkeypatch.setattr(command.Place, "cluster", lambda _: Nothing())
    monkeypatch.setattr(command.places, "read", read)
    monkeypatch.setattr(command, "download", download)
    return said


def run(*arguments):
    base = ["replay", "iris", "-n", "shop", "--prometheus", "http://127.0.0.1:9"]
    return CliRunner().invoke(cli, [*base, *arguments], env={"COLUMNS": "100"})


def test_it_tells_what_would_have_been_decided_and_what_was(world):
    result = run()
    assert result.exit_code == 0, result.output
    assert "revision 2 (bbbbbbbb) against revision 22222222" in result.output
    assert "regressed: it would have been rolled back" in result.output
    assert "In fact: RolledBack (ErrorRateRegressed)" in result.output
    assert "errors: not worse" in result.output
    assert "█" in result.output
    assert max(len(line) for line in result.output.splitlines() if "█" in line) <= 100


def test_without_the_ledger_the_share_is_inferred_and_said(world):
    world["seen"] = resource()
    world["recorded"] = recorded(errors=0.01)
    result = run()
    assert "not worse: from here on it could have been promoted" in result.output
    assert "does not remember the weights" in " ".join(result.output.split())


def decided(second: int, decision: str, message: str = "", **more) -> dict:
    at = f"1970-01-01T00:{second // 60:02}:{second % 60:02}Z"
    return {"at": at, "revision": "bbbbbbbb", "number": 2, "decision": decision, "message": message, **more}


@pytest.mark.parametrize(
    ("message", "spec", "weight"),
    [
        ("revision 2 gets copies of 25 % of the requests", {}, 20),
        ("", {"rollout": {"strategy": "shadow", "shadow": {"percent": 100}}}, 50),
    ],
)
def test_the_copies_of_a_shadow_are_its_share(world, message, spec, weight):
    shadow = [
        decided(960, "ShadowStarted", message),
        decided(1500, "Held", reason="AwaitingVerdict"),
        decided(1800, "RequestDone"),
        decided(2400, "Promoting"),
        decided(2460, "Promoted", weight=100),
    ]
    world["seen"] = resource(spec, decisions=shadow)
    world["recorded"] = recorded(errors=0.3)
    data = json.loads(run("-o", "json").output)
    begin = next(one for one in data["looks"] if one["weight"])
    assert {one["weight"] for one in data["looks"]} == {0, weight, 100}
    assert begin["at"] < "1970-01-01T00:18"
    assert data["regressedAt"] is not None
    assert data["notes"] == []
    world["seen"] = resource(spec, decisions=[*shadow[:3], decided(2400, "RolledBack")])
    data = json.loads(run("-o", "json").output)
    assert data["looks"][-1]["weight"] == 0
    assert data["regressedAt"] is not None


def test_nothing_is_decided_with_all_requests(world):
    world["seen"] = resource(decisions=[DECISION | {"weight": 100}], history=[HISTORY | {"outcome": "Promoted"}])
    result = text(run())
    assert "would have been rolled back" not in result
    assert "with all requests, nothing compares it any more" in result


def test_another_policy_may_be_tried(world, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("kind: RolloutPolicy\nspec: {rollout: {analysis: {errorTolerance: 100}}}\n")
    result = run("--policy", str(policy))
    assert "regressed: it would" not in result.output
    policy.write_text("spec: {rollout: {analysis: {errorTolerance: low}}}\n")
    result = run("--policy", str(policy))
    assert result.exit_code == 1
    assert "spec.rollout.analysis.errorTolerance" in result.output
    policy.write_text("spec: {}\n")
    assert "no ModelDeployment or RolloutPolicy" in run("--policy", str(policy)).output


def text(result) -> str:
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_requests_have_the_part_of_the_bound_that_the_operator_leaves_them(world, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "spec: {rollout: {analysis: {metrics: [{name: orders, direction: higherIsBetter}], source: gateway}}}\n"
    )
    alone, beside = text(run()), text(run("--policy", str(policy)))
    assert "needs 100 : 1" in alone
    assert "business metrics" not in alone
    assert "needs 143 : 1" in beside
    assert "business metrics (orders) are left out" in beside
    assert "here the pods' own are judged" in beside


def test_connections_that_are_split_are_no_requests(world):
    assert "approximate" not in text(run())
    world["seen"] = resource({"traffic": {"provider": "replicaRatio"}}, decisions=[DECISION])
    assert "approximate: connections or sessions are split" in text(run())


def test_each_revision_is_read_as_the_model_server_that_it_was(world):
    world["deployments"] = [
        deployment("bbbbbbbb", "triton"),
        deployment("22222222", "bentoml"),
        {"metadata": {"name": "x"}},
    ]
    world["seen"] = resource({"model": {"image": "x:3", "runtime": "mlserver"}}, decisions=[DECISION])
    assert "Which model server" not in text(run())
    assert world["asked"][3] == "mlserver"
    assert world["asked"][-1] == {"bbbbbbbb": "triton", "22222222": "bentoml"}
    world["deployments"] = [deployment("22222222", "nonsense")]
    assert "ran in revision 2 (bbbbbbbb) is not known any more: bentoml is taken" in text(run())
    world["deployments"] = ClusterError("you may not list deployments", 403)
    assert "ran in revision 2 (bbbbbbbb) and revision 22222222 is not known" in text(run())
    assert "Which model server" not in text(run("--runtime", "triton"))
    assert (world["asked"][3], world["asked"][-1]) == ("triton", {})


def test_a_picture_is_drawn(world, tmp_path):
    assert run("--png", str(tmp_path / "evidence.png")).exit_code == 0
    assert (tmp_path / "evidence.png").read_bytes().startswith(b"\x89PNG")


def test_data_for_programs(world):
    data = json.loads(run("-o", "json").output)
    assert data["canary"] == "revision 2 (bbbbbbbb)"
    assert data["regressedAt"] is not None
    assert data["notWorseAt"] is None
    assert len(data["looks"]) > 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "yesterday"), "neither a span such as 90m nor a time"),
        (("--since", "5m", "--until", "10m"), "is not before"),
        (("--revision", "zzzzzzzz"), "Prometheus has samples of 22222222, bbbbbbbb"),
        (("--revision", "2", "--against", "2"), "not compared with itself"),
        (("--prometheus", "nonsense"), "--prometheus cannot be used"),
    ],
)
def test_what_cannot_be_replayed_says_why(world, arguments, words):
    result = run(*arguments)
    assert result.exit_code == 1
    assert words in " ".join(result.output.split())


def test_a_server_that_is_away_is_said(world):
    world["recorded"] = MetricsError(Trouble.SOURCE_DOWN, "Prometheus at http://127.0.0.1:9 answered 502")
    result = run()
    assert result.exit_code == 1
    assert "answered 502" in result.output


def test_one_revision_alone_is_not_enough(world):
    world["recorded"].pods = {name: pod for name, pod in world["recorded"].pods.items() if "bbbb" in name}
    assert "samples of 1 revision(s)" in " ".join(run().output.split())
