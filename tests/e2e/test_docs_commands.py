"""What the docs tell people to type about a rollout is typed, all of it, while one goes on."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.e2e import pages
from tests.e2e.callers import lost, outside
from tests.e2e.conftest import Namespace

from ekiben.cli.demo import stage

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
_PAGES = ("rollouts.md", "commands.md", "gitops.md", "operations.md", "scaling.md")
_VERBS = "status|explain|history|approve|skip|promote|pause|resume|abort|retry|undo"
# What reads or steers a resource; the bare name of a command, as prose has it, is none.
_STEERS = re.compile(
    rf"kubectl (get mdep|wait mdep|describe mdep|annotate) ?.*|ekiben status|ekiben ({_VERBS}) (-|iris|NAME).*"
)
_RATE = 10.0
_PATIENCE = 240.0
_SPEC = {
    "scaling": {"minReplicas": 1, "maxReplicas": 3, "metrics": [{"type": "requestRate", "target": 1000}]},
    "rollout": {
        # The second step has no end by itself: what moves on from it is a person.
        "steps": [{"weight": 20, "duration": "1s", "approval": True}, {"weight": 50, "duration": "1h"}],
        "bake": "10m",
        # Only commands decide here: equal models on busy cores are never convicted.
        "analysis": {"latencyTolerance": 100, "errorTolerance": 100},
    },
}
_SMALL = {"requests": {"cpu": "100m", "memory": "256Mi"}}


class _Reader:
    """Somebody who types what the pages say, and remembers what was typed."""

    def __init__(self, namespace: Namespace, image: str) -> None:
        self._namespace = namespace
        self._image = image
        self.typed: set[str] = set()

    async def types(self, page: str, command: str, *, code: int = 0, **names: str) -> str:
        """Type a command of a page, with its words in capitals replaced, and return what it printed."""
        line = self._find(page, command)
        for word, name in names.items():
            line = line.replace(word, name)
        return await asyncio.to_thread(pages.run, self._namespace, line, seconds=_PATIENCE, code=code)

    async def watches(self, page: str, command: str, shows: str) -> None:
        """Type a command that goes on until Ctrl-C."""
        await asyncio.to_thread(pages.interrupt, self._namespace, self._find(page, command), shows)

    async def runs(self, page: str, begins: str) -> str:
        """Run a script of a page."""
        script = pages.script(page, begins)
        its = {line.strip() for line in script.splitlines()}
        self.typed |= {line for line in pages.commands(page) if line in its}
        return await asyncio.to_thread(pages.run, self._namespace, script, seconds=_PATIENCE)

    async def applies(self, number: int) -> None:
        """Ask for the revision of this number."""
        model = {"image": self._image, "resources": _SMALL, "env": [{"name": "REVISION", "value": str(number)}]}
        await asyncio.to_thread(self._namespace.apply, model, **_SPEC)

    async def until(self, met: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Wait until the status says so, and return it."""
        deadline = time.monotonic() + _PATIENCE
        one: dict[str, Any] = {}
        while time.monotonic() < deadline:
            one = await asyncio.to_thread(self._namespace.get, "mdep", "iris")
            status: dict[str, Any] = one.get("status") or {}
            if status.get("observedGeneration") == one["metadata"]["generation"] and met(status):
                return status
            await asyncio.sleep(0.3)
        raise AssertionError(json.dumps(one.get("status"), indent=1))

    def _find(self, page: str, command: str) -> str:
        line = pages.command(page, command)
        self.typed.add(line)
        return line


def _weighs(per_cent: int, number: int) -> Callable[[dict[str, Any]], bool]:
    def met(status: dict[str, Any]) -> bool:
        canary = status.get("canary") or {}
        return (canary.get("number"), canary.get("acknowledgedWeight")) == (number, per_cent)

    return met


def _serves(number: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: not status.get("rollout") and (status.get("stable") or {}).get("number") == number


def _told(status: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((one for one in status["conditions"] if one["type"] == kind), {"status": "", "message": ""})


async def test_the_commands_of_the_docs_do_what_the_docs_say(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    one = _Reader(namespace, images["v1"].image)
    await _the_first_serves(one)
    async with outside(namespace, namespace.host, _RATE) as load:
        await _a_freeze(one)
        await _steered_by_hand(one)
        await _promoted_by_script(one)
        await _taken_back_and_undone(one)
        await _refused_by_the_api_server(one, namespace)
    assert lost(load.answers) == []
    await _what_serves_goes_down(one, namespace)
    asked = {line for page in _PAGES for line in pages.commands(page) if _STEERS.fullmatch(line)}
    assert asked - one.typed == set(), "the docs have commands that nobody has typed here"


async def _the_first_serves(one: _Reader) -> None:
    await one.applies(1)
    await one.types("gitops.md", "kubectl wait mdep/iris --for=condition=Available --timeout=10m")
    await one.types("rollouts.md", "kubectl wait mdep/iris --for=condition=Available")
    await one.types("gitops.md", "kubectl wait mdep/iris --for=condition=Promoted --timeout=1h")
    assert "iris" in await one.types("commands.md", "ekiben status")
    assert "iris" in await one.types("commands.md", "ekiben status -A -o wide")
    assert "1000" in await one.types("scaling.md", "ekiben status iris")
    scaling = json.loads(await one.types("scaling.md", "kubectl get mdep iris -o jsonpath='{.status.scaling}'"))
    assert [each["writer"] for each in scaling["revisions"]] == ["ekiben"]
    await one.types("scaling.md", "kubectl wait mdep/iris --for=condition=ScalingActive --timeout=60s")
    assert "PLACED" in await one.types("scaling.md", "kubectl get mdep -A -o custom-columns=")


async def _a_freeze(one: _Reader) -> None:
    await one.types("operations.md", "kubectl annotate namespace shop ekiben.dev/freeze=")
    await asyncio.sleep(1.5)  # a namespace is read at most every second
    await one.applies(2)
    status = await one.until(lambda status: _told(status, "Frozen")["status"] == "True")
    assert "audit until Monday" in _told(status, "Frozen")["message"]
    assert not status.get("rollout")
    assert "audit until Monday" in await one.types("commands.md", "ekiben pause iris", code=1)
    await one.types("operations.md", "kubectl annotate namespace shop ekiben.dev/freeze-")
    await one.until(lambda status: status.get("rollout"))


async def _steered_by_hand(one: _Reader) -> None:
    await one.types("gitops.md", "kubectl wait mdep/iris --for=condition=Paused --timeout=1h")
    assert "ekiben approve iris" in await one.types("commands.md", "ekiben explain iris")
    await one.watches("commands.md", "ekiben status iris -w", "20 %")
    assert json.loads(await one.types("commands.md", "ekiben status iris -o json"))
    await one.types("commands.md", "ekiben pause iris")
    refused = await one.types("commands.md", "ekiben approve iris --weight 30", code=1)
    assert "at the step of 20 %, not at one of 30 %" in refused
    await one.types("commands.md", "ekiben approve iris")
    await one.types("commands.md", "ekiben resume iris")
    status = await one.until(_weighs(50, 2))
    revision = status["canary"]["revision"]
    assert revision in await one.types("commands.md", "kubectl get mdep"), "where the page says that it is"
    await one.types("commands.md", "kubectl annotate --overwrite mdep/iris", REVISION=revision)
    await one.types("rollouts.md", "kubectl wait mdep/iris --for=condition=Promoted --timeout=30m")
    status = await one.until(_serves(2))
    last = status["requests"][-1]
    assert (last["id"], last["verb"], last["outcome"]) == ("any-id-of-your-own", "promote", "Done")
    await one.types("commands.md", "kubectl annotate mdep/iris ekiben.dev/request-")


async def _promoted_by_script(one: _Reader) -> None:
    await one.applies(3)
    await one.until(_weighs(20, 3))
    await one.types("commands.md", "ekiben skip iris")
    await one.until(_weighs(50, 3))
    await one.types("commands.md", "ekiben promote iris --yes --revision 3 --timeout 60")
    told = await one.runs("gitops.md", "for outcome in Promoted RolledBack Paused")
    assert told.startswith("Promoted\n"), told
    assert "Revision 3" in told


async def _taken_back_and_undone(one: _Reader) -> None:
    await one.applies(4)
    await one.until(_weighs(20, 4))
    await one.types("commands.md", "ekiben abort iris")
    await one.types("rollouts.md", "kubectl wait mdep/iris --for=condition=RolledBack --timeout=30m")
    await one.types("commands.md", "ekiben retry iris")
    await one.until(lambda status: status.get("rollout"))
    await one.types("commands.md", "ekiben abort iris --yes --no-wait")
    await one.types("gitops.md", "kubectl wait mdep/iris --for=condition=RolledBack --timeout=1h")
    assert "Revision 4" in await one.types("commands.md", "ekiben explain iris --revision 4")
    assert "Revision 4" in await one.types("operations.md", "ekiben explain NAME")
    assert "Aborted" in await one.types("operations.md", "kubectl get mdep NAME -o jsonpath='{.status.history}'")
    await one.types("commands.md", "ekiben undo iris --to 2")
    await one.types("gitops.md", "kubectl wait mdep/iris --for=condition=Undone --timeout=10m")
    await one.until(_serves(2))
    await one.types("commands.md", "ekiben undo iris")
    await one.until(_serves(1))
    await one.types("commands.md", "ekiben undo iris --to 3")
    await one.until(_serves(3))
    await one.applies(5)
    await one.until(lambda status: (status.get("canary") or {}).get("number") == 5)
    await one.types("commands.md", "ekiben promote iris")
    await one.until(_serves(5))
    told = json.loads(await one.types("commands.md", "ekiben explain iris -o json"))
    assert told["asked"]
    assert "Undone" in await one.types("commands.md", "ekiben history iris -o yaml")
    await one.types("commands.md", "ekiben history iris")


async def _refused_by_the_api_server(one: _Reader, namespace: Namespace) -> None:
    there = json.loads(await asyncio.to_thread(namespace.kubectl, "get", "deployments", "-o", "json"))["items"]
    full = ("create", "quota", "full", f"--hard=count/deployments.apps={len(there)}")
    await asyncio.to_thread(namespace.kubectl, *full)
    await one.applies(6)
    await one.types("gitops.md", "kubectl wait mdep/iris --for=condition=Degraded --timeout=10m")
    assert "quota" in await one.types("operations.md", "kubectl describe mdep NAME")
    await asyncio.to_thread(namespace.kubectl, "delete", "quota", "full")
    await one.applies(5)
    await one.until(_serves(5))


async def _what_serves_goes_down(one: _Reader, namespace: Namespace) -> None:
    await asyncio.to_thread(namespace.kubectl, "create", "quota", "outage", "--hard=pods=0")
    await asyncio.to_thread(namespace.kubectl, "delete", "pods", "--all", "--wait=false")
    await one.types("gitops.md", "kubectl wait mdep/iris --for=condition=Healthy=false --timeout=10m")
    assert "no ready replica" in await one.types("rollouts.md", "kubectl describe mdep iris")
