"""A person steers a rollout by the command line, under load: each verb does what it says, and no request is lost."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.e2e.callers import outside
from tests.e2e.conftest import Namespace

from ekiben.cli.demo import stage
from ekiben.cli.demo.load import Load
from ekiben.cli.main import cli

pytestmark = pytest.mark.e2e
_RATE = 20.0
_PATIENCE = 240
"""Seconds: a pod starts in ten, and in many more where others use the machine as well."""
# The second step has no end by itself: what moves on from it is a person.
_STEPS = [{"weight": 20, "duration": "1s", "approval": True}, {"weight": 50, "duration": "1h"}]
_SPEC = {
    "scaling": {"replicas": 1},
    "rollout": {
        "steps": _STEPS,
        "bake": "10m",
        # Two pods that share two cores with a whole cluster differ by more than the defaults tolerate.
        "analysis": {"latencyTolerance": 3, "nonInferiority": {"delta": 0.05}},
    },
}


def _type(namespace: Namespace, *words: str) -> Result:
    where = ["-n", namespace.name, "--kubeconfig", str(namespace.cluster.kubeconfig)]
    return CliRunner().invoke(cli, [*words, *where], prog_name="ekiben")


async def _does(namespace: Namespace, *words: str) -> str:
    """Type a command that must be done, and return what it printed."""
    result = await asyncio.to_thread(_type, namespace, *words)
    assert result.exit_code == 0, f"{words}: {result.output}"
    return result.output


async def _is_refused(namespace: Namespace, *words: str) -> str:
    result = await asyncio.to_thread(_type, namespace, *words)
    assert result.exit_code == 1, f"{words}: {result.output}"
    return result.stderr


async def _until(namespace: Namespace, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until the status says so, and return it."""
    deadline = time.monotonic() + _PATIENCE
    status: dict[str, Any] = {}
    while time.monotonic() < deadline:
        one = await asyncio.to_thread(namespace.get, "mdep", "iris")
        status = one.get("status") or {}
        if status.get("observedGeneration") == one["metadata"]["generation"] and met(status):
            return status
        await asyncio.sleep(0.3)
    raise AssertionError(json.dumps(status, indent=1))


def _weighs(per_cent: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: (status.get("canary") or {}).get("acknowledgedWeight", 0) == per_cent


def _serves(number: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: not status.get("rollout") and (status.get("stable") or {}).get("number") == number


def _load(namespace: Namespace) -> AbstractAsyncContextManager[Load]:
    """Steady requests by the gateway from the first answer on; none may be lost by the platform."""
    return outside(namespace, namespace.host, _RATE, patience=30)


async def test_every_verb_under_load(namespace: Namespace, images: dict[str, stage.Packed]) -> None:
    await asyncio.to_thread(namespace.apply, {"image": images["v1"].image}, **_SPEC)
    assert await namespace.wait_async("Available", _PATIENCE) == "Serving"
    async with _load(namespace) as load:
        await asyncio.to_thread(namespace.apply, {"image": images["v2"].image}, **_SPEC)
        assert await namespace.wait_async("Paused", _PATIENCE) == "AwaitingApproval"
        await _does(namespace, "pause", "iris")
        await _does(namespace, "approve", "iris", "--revision", "2")
        assert "has its approval already" in await _is_refused(namespace, "approve", "iris")
        held = await _until(namespace, lambda status: status["requests"][-1]["verb"] == "approve")
        assert held["canary"]["weight"] == 20, "paused, the approval alone moves nothing"
        await _does(namespace, "resume", "iris")
        await _until(namespace, _weighs(50))
        assert "not revision 1" in await _is_refused(namespace, "promote", "iris", "--revision", "1")
        await _does(namespace, "promote", "iris", "--revision", "2")
        await _until(namespace, _serves(2))
        await _does(namespace, "undo", "iris")
        await _until(namespace, _serves(1))
        story = json.loads(await _does(namespace, "explain", "iris", "-o", "json"))
        assert story["asked"] == "All requests were to go back from revision 2 to revision 1."

        again = {"image": images["v2"].image, "env": [{"name": "AGAIN", "value": "yes"}]}
        await asyncio.to_thread(namespace.apply, again, **_SPEC)
        await _until(namespace, _weighs(20))
        await _does(namespace, "abort", "iris")
        assert await namespace.wait_async("RolledBack", _PATIENCE) == "Aborted"
        await _does(namespace, "retry", "iris")
        await _until(namespace, lambda status: bool(status.get("rollout")))
        await _does(namespace, "abort", "iris")
        assert await namespace.wait_async("RolledBack", _PATIENCE) == "Aborted"
    assert [answer for answer in load.answers if answer.lost] == []
    assert {answer.model for answer in load.answers} == {images["v1"].header, images["v2"].header}
    told = json.loads(await _does(namespace, "history", "iris", "-o", "json"))
    assert [(one["number"], one["outcome"], one["reason"]) for one in told] == [
        (3, "RolledBack", "Aborted"),
        (3, "RolledBack", "Aborted"),
        (2, "Undone", "Undo"),
        (2, "Promoted", "Requested"),
        (1, "Promoted", "FirstRevision"),
    ]


def test_kubectl_finds_the_commands(namespace: Namespace) -> None:
    tools = Path(sys.executable).parent
    assert (tools / "kubectl-ekiben").exists()
    environment = {
        **os.environ,
        "KUBECONFIG": str(namespace.cluster.kubeconfig),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
    }
    command = [str(namespace.cluster.kubectl), "ekiben", "undo", "iris", "--to", "99", "-n", namespace.name]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"`kubectl ekiben history iris -n {namespace.name}`" in result.stderr


@pytest.mark.slow
async def test_skip_and_approve_by_strategy_and_a_freeze(namespace: Namespace, images: dict[str, stage.Packed]) -> None:
    await asyncio.to_thread(namespace.apply, {"image": images["v1"].image}, **_SPEC)
    await _until(namespace, lambda status: not status.get("rollout") and "stable" in status)
    async with _load(namespace) as load:
        preview = {"strategy": "blueGreen", "bake": "0s", "blueGreen": {"duration": "1s", "approval": True}}
        await asyncio.to_thread(namespace.apply, {"image": images["v2"].image}, **_SPEC | {"rollout": preview})
        assert await namespace.wait_async("Paused", _PATIENCE) == "AwaitingApproval"
        namespace.kubectl("annotate", "namespace", namespace.name, "ekiben.dev/freeze=sale")
        await _until(namespace, lambda status: _condition(status, "Frozen") == "True")
        assert "sale" in await _is_refused(namespace, "approve", "iris")
        namespace.kubectl("annotate", "namespace", namespace.name, "ekiben.dev/freeze-")
        await _until(namespace, lambda status: _condition(status, "Frozen") == "False")
        await _does(namespace, "approve", "iris")
        await _until(namespace, lambda status: not status.get("rollout"))

        copies = {"strategy": "shadow", "bake": "0s", "shadow": {"duration": "1h"}}
        again = {"image": images["v2"].image, "env": [{"name": "COPIED", "value": "yes"}]}
        await asyncio.to_thread(namespace.apply, again, **_SPEC | {"rollout": copies})
        await _until(namespace, lambda status: status.get("phase") == "Shadow")
        assert "waits for no approval" in await _is_refused(namespace, "approve", "iris")
        await _does(namespace, "skip", "iris")
        assert await namespace.wait_async("Promoted", _PATIENCE) == "Serving"
    assert [answer for answer in load.answers if answer.lost] == []


def _condition(status: dict[str, Any], kind: str) -> str:
    return next((str(one["status"]) for one in status["conditions"] if one["type"] == kind), "")
