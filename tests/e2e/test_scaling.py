"""Replicas that follow the load, down to none and back, on the local cluster: no request is lost."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bench.elastic import cases
from bench.verdicts.scene import NAME, SMALL, Scene, image
from tests.e2e.callers import inside, lost, models
from tests.e2e.conftest import Namespace

from ekiben.cli.demo import stage
from ekiben.localcluster.progress import Lines
from ekiben.localcluster.settings import ClusterInfo
from ekiben.objects.names import child_name

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def bento(operator: ClusterInfo) -> str:
    """A model whose cost is waiting: two cores hold many pods of it."""
    return image(operator, Lines())


@pytest.fixture
def room(namespace: Namespace) -> Iterator[Namespace]:
    """The namespace, without the resource of the test before."""
    yield namespace
    namespace.kubectl("delete", "mdep", NAME, "--ignore-not-found", "--wait", "--cascade=foreground")


@pytest.fixture
def activator(operator: ClusterInfo) -> Iterator[None]:
    """The chart with its activator, which is not there by default."""
    stage.install_operator(stage.source_root(), operator, Lines(), "activator.enabled=true")
    yield
    stage.install_operator(stage.source_root(), operator, Lines())


def scene(room: Namespace, bento: str, least: int, most: int, **more: str) -> Scene:
    spec = cases.scaling(least, most, cases.CONCURRENCY, **more)
    return Scene(room.cluster, bento, room.name, cases.TOLERANT, spec, SMALL)


_GOAL = 3.0
"""Seconds from a tenfold step in load until more pods are asked for."""


async def test_a_tenfold_step_is_followed_before_a_cpu_autoscaler_would_and_no_request_is_lost(
    room: Namespace, bento: str
) -> None:
    """Both in one run, with Kubernetes' default of 15 s between two looks of the autoscaler."""
    own = await cases.step(room.cluster, scene(room, bento, 1, 6), room.name, "concurrency, by ekiben", 60)
    print(own.line())
    await asyncio.to_thread(room.kubectl, "delete", "mdep", NAME, "--wait", "--cascade=foreground")
    spec = cases.scaling(1, 6, cases.CPU)
    beside = Scene(room.cluster, bento, room.name, cases.TOLERANT, spec, SMALL)
    theirs = await cases.step(room.cluster, beside, room.name, "cpu, by the HPA", 120)
    print(theirs.line())
    assert own.asked_after is not None
    assert own.asked_after < _GOAL
    assert theirs.asked_after is None or theirs.asked_after > own.asked_after
    assert [one for one in own.answers if one.lost] == []


async def test_a_canary_under_a_doubling_load_loses_no_request(room: Namespace, bento: str) -> None:
    report = await cases.doubling(room.cluster, scene(room, bento, 1, 8), room.name)
    print(report.line())
    assert report.outcome == "Promoted"
    assert [one for one in report.answers if one.lost] == []
    assert max(sum(replicas) for _, replicas in report.asked) <= 8


@pytest.mark.usefixtures("activator")
async def test_it_falls_asleep_and_wakes_and_no_request_is_lost(room: Namespace, bento: str) -> None:
    report = await cases.sleep_and_wake(room.cluster, scene(room, bento, 0, 3, idleWindow="6s"), room.name, cycles=2)
    print(report.line())
    assert report.cycles == 2
    assert [one for one in report.answers if one.lost] == []


_CALLED = {"minReplicas": 0, "maxReplicas": 2, "idleWindow": "6s", "metrics": [{"type": "concurrency"}]}


@pytest.fixture
def iris(namespace: Namespace) -> Iterator[Namespace]:
    """The namespace, without iris after the test."""
    yield namespace
    namespace.kubectl("delete", "mdep", "iris", "--ignore-not-found", "--wait", "--cascade=foreground")


async def _until(look: Callable[[], Any], met: Callable[[Any], Any], seconds: float = 240) -> Any:
    """Wait until what is looked at is as it should be; it is returned."""
    deadline, found = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        found = await asyncio.to_thread(look)
        if met(found):
            return found
        await asyncio.sleep(0.3)
    raise AssertionError(f"after {seconds:g} s: {found}")


def _condition(namespace: Namespace, name: str) -> dict[str, str]:
    conditions = namespace.get("mdep", "iris").get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == name), {})


@pytest.mark.usefixtures("activator")
async def test_callers_of_the_service_lose_no_request_while_it_sleeps_and_wakes(
    iris: Namespace, images: dict[str, stage.Packed]
) -> None:
    """From a pod, by the Service: no gateway is there to hold anything, or to try anything again."""
    image = images["v1"].image
    await asyncio.to_thread(iris.apply, {"image": image}, scaling=_CALLED)
    await iris.wait_async("Available")
    await iris.wait_async("Asleep", 240)
    name = child_name("iris", iris.get("mdep", "iris")["status"]["stable"]["revision"])

    def replicas() -> tuple[int, int]:
        deployment = iris.get("deployment", name)
        return deployment["spec"]["replicas"], deployment.get("status", {}).get("readyReplicas", 0)

    def led() -> str:
        labels = "kubernetes.io/service-name=iris,endpointslice.kubernetes.io/managed-by=activator.ekiben.dev"
        return iris.kubectl("get", "endpointslices", "-l", labels, "-o", "name")

    await _until(replicas, lambda found: found == (0, 0))
    url = f"http://iris.{iris.name}/predict"
    async with inside(iris, image, url, 5) as rush:  # on the way up, and when the activators leave it
        await _until(replicas, lambda found: found[1] > 0)
        await _until(led, lambda found: "endpointslice" not in found)
        await _until(lambda: _condition(iris, "Asleep"), lambda found: found["reason"] == "Awake")
    async with inside(iris, image, url, 1 / 25) as seldom:  # each wakes it, or meets it on the way down
        for _ in range(2):
            await _until(replicas, lambda found: found == (0, 0))
            await _until(replicas, lambda found: found[1] > 0)
    async with inside(iris, image, url, 1 / 9) as late:  # each meets it when it is about to go
        for _ in range(3):
            await _until(led, lambda found: "endpointslice" in found)
            await _until(led, lambda found: "endpointslice" not in found)
    for answers in (rush, seldom, late):
        assert answers
        assert lost(answers) == []
        assert models(answers) == {images["v1"].header}
    print(f"{len(rush)} requests of a rush, {len(seldom) + len(late)} now and then, none lost")


async def test_a_gpu_that_no_node_has_is_told_in_the_scheduler_s_words(
    iris: Namespace, images: dict[str, stage.Packed]
) -> None:
    resources = {"limits": {"nvidia.com/gpu": "1"}}
    model = {"image": images["v1"].image, "resources": resources}
    await asyncio.to_thread(iris.apply, model, scaling={"minReplicas": 1, "maxReplicas": 2})
    told = await _until(lambda: _condition(iris, "Scheduled"), lambda found: found.get("status") == "False", 60)
    assert told["reason"] == "Unschedulable"
    assert "finds no node" in told["message"]
    assert "Insufficient nvidia.com/gpu" in told["message"]
    scaling = iris.get("mdep", "iris")["status"]["scaling"]
    assert "by concurrency" in scaling["follows"], "its use of the CPU says nothing"
    pods = json.loads(iris.kubectl("get", "pods", "-o", "json"))["items"]
    asking = [pod for pod in pods if pod["spec"]["containers"][0]["resources"]["limits"].get("nvidia.com/gpu")]
    assert {pod["status"]["phase"] for pod in asking} == {"Pending"}
    print(told["message"])


_TRIGGERS = [{"type": "cron", "metadata": {"timezone": "UTC", "start": "0 8 * * *", "end": "0 18 * * *"}}]
_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_SCALED_OBJECT = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "scaledobjects.keda.sh"},
    "spec": {
        "group": "keda.sh",
        "scope": "Namespaced",
        "names": {"kind": "ScaledObject", "listKind": "ScaledObjectList", "plural": "scaledobjects"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {"type": "object", "properties": {"spec": _ANYTHING, "status": _ANYTHING}}
                },
            }
        ],
    },
}


@pytest.fixture
def keda(operator: ClusterInfo, namespace: Namespace) -> Iterator[None]:
    """The chart with a trigger that is allowed; KEDA's own kind is not there."""
    gone = ("delete", "crd", "scaledobjects.keda.sh", "--ignore-not-found", "--wait")
    namespace.kubectl(*gone)
    stage.install_operator(stage.source_root(), operator, Lines(), "keda.triggers={cron}")
    yield
    namespace.kubectl(*gone)
    stage.install_operator(stage.source_root(), operator, Lines())


@pytest.mark.usefixtures("keda")
async def test_triggers_pass_through_to_a_scaled_object_and_it_goes_with_them(
    iris: Namespace, images: dict[str, stage.Packed]
) -> None:
    """Of KEDA there is its kind alone: nobody else writes what is looked at."""
    model = {"image": images["v1"].image}
    asked = {"minReplicas": 1, "maxReplicas": 3, "keda": {"triggers": _TRIGGERS}}
    await asyncio.to_thread(iris.apply, model, scaling=asked)
    await iris.wait_async("Available")
    told = await _until(lambda: _condition(iris, "ScalingActive"), lambda found: found.get("reason") == "NotPossible")
    assert told["status"] == "False"
    assert "KEDA is not installed here" in told["message"]
    await asyncio.to_thread(iris.kubectl, "apply", "-f", "-", body=_SCALED_OBJECT)
    established = ("wait", "crd/scaledobjects.keda.sh", "--for=condition=Established", "--timeout=60s")
    await asyncio.to_thread(iris.kubectl, *established)

    def scaled() -> str:
        # No watch tells that a kind has come: any change of the resource has it looked at.
        iris.kubectl("annotate", "--overwrite", "mdep/iris", f"look={time.monotonic():.0f}")
        return iris.kubectl("get", "scaledobjects.keda.sh", "-o", "name")

    await _until(scaled, lambda found: "scaledobject" in found)
    name = child_name("iris", iris.get("mdep", "iris")["status"]["stable"]["revision"])
    spec = iris.get("scaledobjects.keda.sh", name)["spec"]
    assert spec["triggers"] == _TRIGGERS
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 3)
    assert spec["scaleTargetRef"] == {"name": name}
    await _until(lambda: _condition(iris, "ScalingActive"), lambda found: found["reason"] == "Keda")
    assert "No resources" in iris.kubectl("get", "hpa"), "exactly one owns the replicas"
    cpu = {"minReplicas": 1, "maxReplicas": 3, "metrics": [{"type": "cpu", "target": 80}]}
    await asyncio.to_thread(iris.apply, model, scaling=cpu)
    await _until(lambda: iris.kubectl("get", "hpa", "-o", "name"), lambda found: name in found)
    assert "No resources" in iris.kubectl("get", "scaledobjects.keda.sh")
    assert _condition(iris, "Available")["status"] == "True"
