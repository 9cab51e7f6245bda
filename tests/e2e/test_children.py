"""The objects that a resource is made of: they come back, are put right, wait in a freeze, and lose no caller."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.e2e.callers import inside, lost, models
from tests.e2e.conftest import Namespace

from ekiben.cli.demo import stage

pytestmark = pytest.mark.e2e
_RATE = 50.0
_SMALL = {"requests": {"cpu": "50m", "memory": "200Mi"}}
# Pods that have just started are slower where the tests have both cores busy; nobody is judged here.
_UNJUDGED = {"latencyTolerance": 100, "errorTolerance": 100}
_SWITCH = {"strategy": "blueGreen", "blueGreen": {"duration": "1s"}, "bake": "0s", "analysis": _UNJUDGED}


async def _until(namespace: Namespace, kind: str, name: str, met: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Wait until an object that may not be there yet says so; it is returned."""
    deadline = time.monotonic() + 300
    found: dict[str, Any] = {}
    while time.monotonic() < deadline:
        listed = await asyncio.to_thread(namespace.get, kind, f"--field-selector=metadata.name={name}")
        found = next(iter(listed["items"]), {})
        if found and met(found):
            return found
        await asyncio.sleep(0.3)
    raise AssertionError(f"{kind} {name}: {found}")


def _says(condition: str, status: str, text: str = "") -> Callable[[dict[str, Any]], bool]:
    def met(one: dict[str, Any]) -> bool:
        told = {item["type"]: item for item in (one.get("status") or {}).get("conditions") or ()}
        item = told.get(condition) or {}
        return item.get("status") == status and text in item.get("message", "")

    return met


async def _apply(namespace: Namespace, image: str) -> None:
    model = {"image": image, "resources": _SMALL}
    await asyncio.to_thread(namespace.apply, model, scaling={"replicas": 2}, rollout=_SWITCH)


async def _serves(namespace: Namespace, image: str) -> str:
    """Have an image serve; returns the name of its Deployment."""
    await _apply(namespace, image)

    def met(one: dict[str, Any]) -> bool:
        status = one.get("status") or {}
        current = status.get("observedGeneration") == one["metadata"]["generation"]
        return current and not status.get("rollout") and (status.get("stable") or {}).get("image") == image

    one = await _until(namespace, "mdep", "iris", met)
    return f"iris-{one['status']['stable']['revision']}"


async def test_what_is_deleted_or_changed_comes_back_and_what_is_added_is_told(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    name = await _serves(namespace, images["v1"].image)
    budget = await _until(namespace, "pdb", name, lambda _one: True)
    assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    for kind in ("pdb", "service"):
        before = await asyncio.to_thread(namespace.get, kind, name)
        await asyncio.to_thread(namespace.kubectl, "delete", kind, name)
        await _until(namespace, kind, name, lambda one, uid=before["metadata"]["uid"]: one["metadata"]["uid"] != uid)

    def image(one: dict[str, Any]) -> str:
        return str(one["spec"]["template"]["spec"]["containers"][0]["image"])

    await asyncio.to_thread(namespace.kubectl, "set", "image", f"deployment/{name}", "model=nowhere.example.com/x:1")
    await _until(namespace, "deployment", name, lambda one: image(one) == images["v1"].image)
    await asyncio.to_thread(namespace.kubectl, "set", "env", f"deployment/{name}", "DEBUG=1")
    told = f"Deployment {name}: kubectl-set set spec.template.spec.containers[model].env[DEBUG]"
    await _until(namespace, "mdep", "iris", _says("Drifted", "True", told))
    await asyncio.to_thread(namespace.kubectl, "set", "env", f"deployment/{name}", "DEBUG-")
    await _until(namespace, "mdep", "iris", _says("Drifted", "False"))


async def test_in_a_freeze_a_new_revision_waits(namespace: Namespace, images: dict[str, stage.Packed]) -> None:
    await _serves(namespace, images["v1"].image)
    freeze = ("annotate", "namespace", namespace.name, "--overwrite")
    await asyncio.to_thread(namespace.kubectl, *freeze, "ekiben.dev/freeze=audit")
    try:
        await asyncio.sleep(1.5)  # a namespace is read at most every second
        await _apply(namespace, images["v2"].image)
        one = await _until(namespace, "mdep", "iris", _says("Frozen", "True", "audit"))
        assert one["status"]["stable"]["image"] == images["v1"].image
        assert not one["status"].get("rollout")
    finally:
        await asyncio.to_thread(namespace.kubectl, *freeze, "ekiben.dev/freeze-")
    await _serves(namespace, images["v2"].image)


@pytest.mark.slow
async def test_callers_in_the_cluster_keep_their_connections_and_lose_no_request(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    """Pods end under load: one after the other, and all of a revision after a switch."""
    name = await _serves(namespace, images["v2"].image)
    selector = f"ekiben.dev/revision={name.removeprefix('iris-')}"
    async with inside(namespace, images["v2"].image, "http://iris/predict", _RATE) as answers:
        await asyncio.to_thread(namespace.kubectl, "rollout", "restart", f"deployment/{name}")
        await asyncio.to_thread(namespace.kubectl, "rollout", "status", f"deployment/{name}", "--timeout=180s")
        await _serves(namespace, images["v4"].image)
        await asyncio.to_thread(
            namespace.kubectl, "wait", "--for=delete", "pod", "--selector", selector, "--timeout=180s"
        )
    assert lost(answers) == []
    assert models(answers) == {images["v2"].header, images["v4"].header}
