"""`ekiben status`: what it shows."""

import io

from click.testing import CliRunner
from rich.console import Console

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.cli.status import detail, overview, status


def text(shown):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(shown)
    return console.export_text()


RAW = {
    "metadata": {"namespace": "shop", "name": "iris", "uid": "u"},
    "spec": {"model": {"image": "x:2"}},
    "status": {
        "phase": "Canary",
        "url": "http://iris.example.com/",
        "stable": {"revision": "aaaaaaaa", "number": 1, "image": "x:1", "replicas": 2, "ready": 2, "weight": 80},
        "canary": {"revision": "bbbbbbbb", "number": 2, "image": "x:2", "replicas": 1, "ready": 1, "weight": 20},
        "rollout": {"revision": "bbbbbbbb", "state": "Step", "step": 1, "startedAt": "2026-01-01T00:00:00Z"},
        "verdict": {
            "verdict": "Unknown",
            "message": "not enough",
            "metrics": [{"name": "errors", "canaryRequests": 100, "canaryEvents": 3, "regressed": 0.4}],
        },
        "history": [
            {
                "revision": "aaaaaaaa",
                "number": 1,
                "image": "x:1",
                "outcome": "Promoted",
                "reason": "FirstRevision",
                "message": "",
                "startedAt": "2026-01-01T00:00:00Z",
                "endedAt": "2026-01-01T00:01:00Z",
            }
        ],
    },
}


def test_one_line_a_resource():
    shown = text(overview([RAW]))
    assert "PHASE" in shown
    for part in ("shop", "iris", "Canary", "aaaaaaaa", "2/2", "bbbbbbbb", "20 %", "Unknown"):
        assert part in shown
    assert "No ModelDeployment here." in text(overview([]))


def test_all_of_one_resource():
    shown = text(detail(ModelDeployment.parse(RAW)))
    for part in ("http://iris.example.com/", "step 2 of 3", "3 of 100", "40 %", "FirstRevision", "not enough"):
        assert part in shown


def test_errors_are_plain():
    result = CliRunner().invoke(status, ["--kubeconfig", "/does/not/exist"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: Cannot read the kubeconfig /does/not/exist")
    result = CliRunner().invoke(status, ["iris", "-A"])
    assert "exclude each other" in result.output
