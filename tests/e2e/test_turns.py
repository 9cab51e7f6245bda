"""Turns that nobody asked for, and those that a spec can take, on the local cluster under load: no request is lost."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from bench.verdicts.scene import NAME, Scene, Truth, image
from tests.e2e.callers import lost, models, steady
from tests.e2e.conftest import Namespace

from ekiben.localcluster.progress import Lines
from ekiben.localcluster.settings import ClusterInfo

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
_RATE = 20.0
_SMALL = {"resources": {"requests": {"cpu": "100m", "memory": "256Mi"}}}
_ONE = {"replicas": 1}
# Only the turn itself is to decide: equal models on busy cores are never convicted.
_UNJUDGED = {"latencyTolerance": 100, "errorTolerance": 100}
_QUICK = {"strategy": "blueGreen", "blueGreen": {"duration": "1s"}, "bake": "0s"}
_FIRST, _SECOND = 20, 40
# The last step has no end by itself: what goes on from there is a person.
_STEPS = {
    "steps": [{"weight": _FIRST, "duration": "6s"}, {"weight": _SECOND, "duration": "1h"}],
    "bake": "0s",
    "analysis": _UNJUDGED,
}
_NUMBERS = itertools.count()
Status = dict[str, Any]


@pytest.fixture(scope="module")
def bento(operator: ClusterInfo) -> str:
    """A model that fails as often as it is told to."""
    return image(operator, Lines())


@pytest.fixture
def scene(namespace: Namespace, bento: str) -> Callable[..., Scene]:
    """The resource under a policy: the same one in all of these tests, whatever serves by then."""

    def under(rollout: dict[str, Any], scaling: dict[str, Any] = _ONE) -> Scene:
        return Scene(namespace.cluster, bento, namespace.name, rollout, scaling, _SMALL)

    return under


def _new(errors: float = 0.0) -> Truth:
    return Truth(f"turn-{next(_NUMBERS)}", errors)


async def _until(namespace: Namespace, met: Callable[[Status], Any], seconds: float = 180) -> Status:
    """Wait until a status of the present spec says so; it is returned."""
    deadline = time.monotonic() + seconds
    one: dict[str, Any] = {}
    while time.monotonic() < deadline:
        one = await asyncio.to_thread(namespace.get, "mdep", NAME)
        status: Status = one.get("status") or {}
        if status.get("observedGeneration") == one["metadata"]["generation"] and met(status):
            return status
        await asyncio.sleep(0.3)
    raise AssertionError(json.dumps(one.get("status"), indent=1))


async def _serves(namespace: Namespace, scene: Scene, truth: Truth) -> Status:
    await scene.apply(truth)
    return await _until(namespace, lambda status: _told(status, "Promoted") == ("True", "Serving"))


def _told(status: Status, kind: str) -> tuple[str, str]:
    """Return a condition's status and reason."""
    found = next((one for one in status.get("conditions") or () if one["type"] == kind), None)
    return (found["status"], found["reason"]) if found else ("", "")


def _weighs(per_cent: int) -> Callable[[Status], bool]:
    return lambda status: (status.get("canary") or {}).get("acknowledgedWeight", 0) == per_cent


def _since(text: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()


def _decided(status: Status, since: Status) -> list[str]:
    """Return what was decided after an earlier status."""
    return [one["decision"] for one in status["decisions"] if one["at"] > since["decisions"][-1]["at"]]


async def _promote(namespace: Namespace) -> Status:
    revision = (await asyncio.to_thread(namespace.get, "mdep", NAME))["status"]["canary"]["revision"]
    text = f"ekiben.dev/request=promote {revision} promote-{time.time_ns()}"
    await asyncio.to_thread(namespace.kubectl, "annotate", "mdep", NAME, "--overwrite", text)
    return await _until(
        namespace, lambda status: not status.get("rollout") and status["stable"]["revision"] == revision
    )


def _pods(namespace: Namespace, revision: str) -> set[str]:
    labels = f"ekiben.dev/revision={revision}"
    found = json.loads(namespace.kubectl("get", "pods", "--selector", labels, "-o", "json"))["items"]
    return {one["metadata"]["uid"] for one in found}


@asynccontextmanager
async def _kept_down(namespace: Namespace, revision: str) -> AsyncIterator[None]:
    """The pods of a revision end, as in any eviction, and no new one may be made until the block ends."""
    await asyncio.to_thread(namespace.kubectl, "create", "quota", "outage", "--hard=pods=0")
    try:
        pods = ("delete", "pods", "--selector", f"ekiben.dev/revision={revision}", "--wait=false")
        await asyncio.to_thread(namespace.kubectl, *pods)
        yield
    finally:
        await asyncio.to_thread(namespace.kubectl, "delete", "quota", "outage")


async def test_a_stable_revision_that_goes_down_halts_the_canary_which_goes_on_once_it_is_back(
    namespace: Namespace, scene: Callable[..., Scene]
) -> None:
    await _serves(namespace, scene(_QUICK), _new())
    loop, canary = asyncio.get_running_loop(), scene(_STEPS)
    async with steady(canary.load(_RATE)) as load:
        await canary.apply(_new())
        before = await _until(namespace, _weighs(_FIRST))
        began = loop.time()
        async with _kept_down(namespace, before["stable"]["revision"]):
            # Longer than the step lasts, which would be left by now.
            held = await _until(namespace, lambda status: _since(status["stable"].get("downSince") or _now()) > 8)
            assert _told(held, "Healthy") == ("False", "StableUnavailable")
            assert _told(held, "Progressing") == ("True", "StableUnavailable")
            assert _weighs(_FIRST)(held)
        await _until(namespace, lambda status: _told(status, "Healthy")[0] == "True")
        over = loop.time()
        after = await _until(namespace, _weighs(_SECOND))
        assert after["rollout"]["startedAt"] == before["rollout"]["startedAt"]
        assert after["canary"]["revision"] == before["canary"]["revision"]
        assert (await _promote(namespace))["history"][-1]["outcome"] == "Promoted"
    failed = [one for one in load.answers if one.status != 200]
    # The proxies hear of the new pod a moment after the EndpointSlice has it.
    assert [one for one in failed if not began - 1 < one.at < over + 1] == []
    print(f"the outage itself: {over - began:.1f} s, {len(failed)} of {len(load.answers)} requests failed")


def _now() -> str:
    return datetime.now(UTC).isoformat()


async def test_a_revision_that_misses_its_objectives_in_the_bake_is_gone_back_from_at_once(
    namespace: Namespace, scene: Callable[..., Scene]
) -> None:
    good, bad = _new(), _new(errors=0.5)
    before = await _serves(namespace, scene(_QUICK), good)
    pods = await asyncio.to_thread(_pods, namespace, before["stable"]["revision"])
    baked = scene(_QUICK | {"bake": "10m", "objectives": {"errorRate": 0.05}})
    loop = asyncio.get_running_loop()
    async with steady(baked.load(_RATE)) as load:
        await baked.apply(bad)
        await _until(namespace, lambda status: (status.get("rollout") or {}).get("reason") == "BakeFailed")
        found = loop.time()
        status = await _until(namespace, lambda status: _told(status, "RolledBack")[0] == "True")
    assert _told(status, "RolledBack") == ("True", "BakeFailed")
    assert (status["history"][-1]["outcome"], status["history"][-1]["reason"]) == ("RolledBack", "BakeFailed")
    assert status["stable"]["revision"] == before["stable"]["revision"]
    assert await asyncio.to_thread(_pods, namespace, before["stable"]["revision"]) == pods, "they were there all along"
    of_bad = [one for one in load.answers if one.model == bad.version]
    print(f"{len(of_bad)} requests to the bad revision; the last one {of_bad[-1].at - found:.1f} s after the verdict")
    assert lost(load.answers) == []
    assert load.answers[-1].model == good.version
    assert of_bad[-1].at - found < 5


async def test_a_revision_of_the_rollback_window_takes_no_steps(
    namespace: Namespace, scene: Callable[..., Scene]
) -> None:
    older, newer = _new(), _new()
    first = await _serves(namespace, scene(_QUICK), older)
    async with steady(scene(_QUICK).load(_RATE)) as load:
        second = await _serves(namespace, scene(_QUICK), newer)
        back = await _serves(namespace, scene(_STEPS), older)
    assert back["stable"]["revision"] == first["stable"]["revision"]
    assert (back["history"][-1]["outcome"], back["history"][-1]["reason"]) == ("Promoted", "RollbackWindow")
    decided = _decided(back, second)
    assert "GoingBack" in decided
    assert "WeightRaised" not in decided
    assert lost(load.answers) == []
    assert models(load.answers) == {older.version, newer.version}
    assert load.answers[-1].model == older.version


async def test_a_status_that_is_lost_in_mid_canary_is_rebuilt_from_what_serves(
    namespace: Namespace, scene: Callable[..., Scene]
) -> None:
    await _serves(namespace, scene(_QUICK), _new())
    canary = scene(_STEPS)
    async with steady(canary.load(_RATE)) as load:
        await canary.apply(_new())
        before = await _until(namespace, _weighs(_SECOND))
        pods = [await asyncio.to_thread(_pods, namespace, before[one]["revision"]) for one in ("stable", "canary")]
        empty = json.dumps([{"op": "replace", "path": "/status", "value": {}}])
        await asyncio.to_thread(
            namespace.kubectl, "patch", "mdep", NAME, "--subresource=status", "--type=json", "--patch", empty
        )
        after = await _until(namespace, _weighs(_SECOND))
        assert "StateRebuilt" in [one["decision"] for one in after["decisions"]]
        assert after["rollout"]["startedAt"] > before["rollout"]["startedAt"]
        for one, those in zip(("stable", "canary"), pods, strict=True):
            assert after[one]["revision"] == before[one]["revision"]
            assert after[one]["number"] == before[one]["number"]
            assert await asyncio.to_thread(_pods, namespace, after[one]["revision"]) == those
        await _promote(namespace)
    assert lost(load.answers) == []


async def test_a_scale_edit_in_mid_canary_is_carried_out_and_repeats_no_step(
    namespace: Namespace, scene: Callable[..., Scene]
) -> None:
    follows = {"maxReplicas": 5, "metrics": [{"type": "requestRate", "target": 1000}]}
    least, more = {"minReplicas": 1, **follows}, {"minReplicas": 2, **follows}
    await _serves(namespace, scene(_QUICK, least), _new())
    truth, canary = _new(), scene(_STEPS, least)
    async with steady(canary.load(_RATE)) as load:
        await canary.apply(truth)
        before = await _until(namespace, _weighs(_SECOND))
        assert before["stable"]["ready"] == 1
        await scene(_STEPS, more).apply(truth)
        during = await _until(namespace, lambda status: status["stable"].get("ready") == 2)
        assert during["rollout"]["startedAt"] == before["rollout"]["startedAt"]
        assert _weighs(_SECOND)(during)
        after = await _promote(namespace)
        assert "WeightRaised" not in _decided(after, before)
        assert after["stable"]["ready"] >= 2
    assert lost(load.answers) == []
