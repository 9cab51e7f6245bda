"""Each strategy, and each turn that moves traffic, on the local cluster under steady load: no request is lost."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.e2e.callers import outside
from tests.e2e.conftest import Namespace

from ekiben.cli.demo import stage
from ekiben.cli.demo.load import Answer, Load

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
_SCALING = {"minReplicas": 1, "maxReplicas": 2}
# Two replicas on a machine of two cores differ by more than the defaults tolerate.
_ANALYSIS = {"latencyTolerance": 1.5, "nonInferiority": {"delta": 0.03}}
_RATE = 50.0


def _load(namespace: Namespace) -> AbstractAsyncContextManager[Load]:
    """Steady requests by the gateway from the first answer on; none may be lost by the platform."""
    return outside(namespace, namespace.host, _RATE, patience=30)


def _lost(load: Load) -> list[Answer]:
    return [answer for answer in load.answers if answer.lost]


async def _apply(namespace: Namespace, image: str, bake: str = "0s", **rollout: Any) -> None:
    spec = {"scaling": _SCALING, "rollout": {"analysis": _ANALYSIS, "bake": bake, **rollout}}
    await asyncio.to_thread(namespace.apply, {"image": image}, **spec)


async def _until(namespace: Namespace, met: Callable[[dict[str, Any]], bool], seconds: float = 120) -> dict[str, Any]:
    """Wait until the status says so; it is returned."""
    deadline = time.monotonic() + seconds
    one: dict[str, Any] = {}
    while time.monotonic() < deadline:
        one = await asyncio.to_thread(namespace.get, "mdep", "iris")
        status: dict[str, Any] = one.get("status") or {}
        if status.get("observedGeneration") == one["metadata"]["generation"] and met(status):
            return status
        await asyncio.sleep(0.3)
    raise AssertionError(json.dumps(one.get("status"), indent=1))


def _weighs(status: dict[str, Any]) -> bool:
    return (status.get("canary") or {}).get("acknowledgedWeight", 0) > 0


async def _serves(namespace: Namespace, image: str) -> None:
    await _apply(namespace, image)
    await _until(
        namespace, lambda status: not status.get("rollout") and (status.get("stable") or {}).get("image") == image, 240
    )


def _ask(namespace: Namespace, verb: str, revision: str) -> None:
    text = f"ekiben.dev/request={verb} {revision} {verb}-{time.time_ns()}"
    namespace.kubectl("annotate", "mdep", "iris", "--overwrite", text)


async def test_blue_green_switches_under_load_and_undo_is_instant_while_it_bakes(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    await _serves(namespace, images["v1"].image)
    async with _load(namespace) as load:
        await _apply(namespace, images["v2"].image, "10m", strategy="blueGreen", blueGreen={"duration": "3s"})
        await _until(namespace, lambda status: status.get("phase") == "Preview")
        assert {answer.model for answer in load.answers if answer.status == 200} == {images["v1"].header}
        status = await _until(namespace, lambda status: "formerUntil" in status)
        asked = asyncio.get_running_loop().time()
        await asyncio.to_thread(_ask, namespace, "undo", status["former"]["revision"])
        await _until(namespace, lambda status: not status.get("rollout") and "pinned" in status)
        back = next(one for one in load.answers if one.at > asked and one.model == images["v1"].header)
        print(f"undo to the first answer of the former revision: {back.at - asked:.1f} s")
    assert _lost(load) == []
    assert load.answers[-1].model == images["v1"].header


async def test_recreate_never_runs_both_and_brings_the_former_back_when_the_new_one_fails(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    await _serves(namespace, images["v1"].image)
    await _apply(namespace, images["v2"].image, strategy="recreate")
    await _until(namespace, lambda status: status.get("phase") == "Replacing")
    assert await namespace.wait_async("Promoted") == "Serving"
    crash = {"image": images["v1"].image, "env": [{"name": "BENTOML_PORT", "value": "not-a-port"}]}
    await asyncio.to_thread(namespace.apply, crash, scaling=_SCALING, rollout={"strategy": "recreate"})
    assert await namespace.wait_async("RolledBack", 180) == "Crashed"
    status = await _until(namespace, lambda status: (status.get("stable") or {}).get("ready", 0) > 0)
    assert status["stable"]["image"] == images["v2"].image
    async with _load(namespace) as load:
        pass
    assert _lost(load) == []


async def test_a_shadow_that_is_slow_is_found_out_and_no_caller_has_waited(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    await _serves(namespace, images["v1"].image)
    async with _load(namespace) as load:
        await _apply(namespace, images["v4"].image, strategy="shadow", shadow={"duration": "5s"})
        await _until(namespace, lambda status: status.get("phase") == "Shadow")
        assert await namespace.wait_async("RolledBack", 180) == "LatencyRegressed"
        await _apply(namespace, images["v2"].image, strategy="shadow", shadow={"duration": "5s"})
        assert await namespace.wait_async("Promoted", 240) == "Serving"
    assert _lost(load) == []
    assert images["v4"].header not in {answer.model for answer in load.answers}


async def test_a_third_revision_supersedes_a_canary_and_a_reverted_spec_cancels_one(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    await _serves(namespace, images["v1"].image)
    slow = {"steps": [{"weight": 20, "duration": "1h"}]}
    async with _load(namespace) as load:
        await _apply(namespace, images["v2"].image, **slow)
        await _until(namespace, _weighs)
        await _apply(namespace, images["v2"].image.replace("iris@", "iris:latest@"), **slow)
        status = await _until(
            namespace, lambda status: _weighs(status) and status["history"][-1]["outcome"] == "Superseded"
        )
        assert status["canary"]["number"] > status["history"][-1]["number"]
        await _apply(namespace, images["v1"].image, **slow)
        await _until(
            namespace, lambda status: not status.get("rollout") and status["history"][-1]["outcome"] == "Cancelled"
        )
    assert _lost(load) == []
    assert load.answers[-1].model == images["v1"].header


async def test_a_resource_deleted_in_mid_canary_takes_its_children_away(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    await _serves(namespace, images["v1"].image)
    await _apply(namespace, images["v2"].image, steps=[{"weight": 20, "duration": "1h"}])
    await _until(namespace, lambda status: bool(status.get("rollout")))
    await asyncio.to_thread(namespace.kubectl, "delete", "mdep", "iris", "--wait")
    kinds = "deployments,services,httproutes,horizontalpodautoscalers,poddisruptionbudgets"
    deadline = time.monotonic() + 60
    left = ["?"]
    while left and time.monotonic() < deadline:
        left = [item["metadata"]["name"] for item in json.loads(namespace.kubectl("get", kinds, "-o", "json"))["items"]]
        await asyncio.sleep(0.5)
    assert left == []
