"""What a new user does, and what goes wrong on the way: a crash, a missing image, an operator's restart."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.conftest import Namespace

from ekiben.cli.demo import stage
from ekiben.cli.demo.flowers import bodies
from ekiben.cli.demo.load import Answer, Load

pytestmark = pytest.mark.e2e
_SPEC = {
    "scaling": {"minReplicas": 2, "maxReplicas": 3},
    "rollout": {
        "steps": [{"weight": 20, "duration": "5s"}, {"weight": 50, "duration": "5s"}],
        "bake": "0s",
        # Pods that share two cores with a whole cluster differ by more than the defaults tolerate.
        "analysis": {"latencyTolerance": 1.5, "nonInferiority": {"delta": 0.03}},
    },
}


def _events(namespace: Namespace, reason: str) -> list[str]:
    found = json.loads(namespace.kubectl("get", "events.events.k8s.io", "-o", "json"))["items"]
    return [one["note"] for one in found if one["reason"] == reason]


def _load(namespace: Namespace, rate: float) -> Load:
    return Load(f"{namespace.cluster.gateway_url.rstrip('/')}/predict", namespace.host, rate, bodies(), most=30_000)


def _lost(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.lost]


async def test_three_fields_of_yaml_serve_a_model(namespace: Namespace, images: dict[str, stage.Packed]) -> None:
    namespace.apply({"image": images["v1"].image})
    assert namespace.wait("Available") == "Serving"
    probe = _load(namespace, 20)
    running = asyncio.create_task(probe.run())
    async with asyncio.timeout(20):
        while not any(answer.status == 200 for answer in probe.answers):
            await asyncio.sleep(0.05)
    probe.stop()
    await running
    assert {answer.model for answer in probe.answers if answer.status == 200} == {images["v1"].header}
    status = namespace.get("mdep", "iris")["status"]
    assert status["stable"]["ready"] == 2
    assert status["selector"]
    namespace.kubectl("get", "hpa", f"iris-{status['stable']['revision']}")


async def test_metrics_and_probes_are_not_served_to_the_outside(namespace: Namespace) -> None:
    for path in ("metrics", "livez", "readyz"):
        probe = Load(f"{namespace.cluster.gateway_url.rstrip('/')}/{path}", namespace.host, 10, [{}], most=1)
        await probe.run()
        assert probe.answers[0].status in (404, 405), path


async def test_a_crashing_and_an_unpullable_canary_are_rolled_back_without_a_lost_request(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    load = _load(namespace, 20)
    running = asyncio.create_task(load.run())
    crash = [{"name": "BENTOML_PORT", "value": "not-a-port"}]
    await asyncio.to_thread(namespace.apply, {"image": images["v2"].image, "env": crash}, **_SPEC)
    assert await namespace.wait_async("RolledBack") == "Crashed"
    missing = images["v2"].image.partition("@")[0] + "@sha256:" + "0" * 64
    await asyncio.to_thread(namespace.apply, {"image": missing}, **_SPEC)
    assert await namespace.wait_async("RolledBack") == "ImagePullFailed"
    load.stop()
    await running
    assert _lost(load.answers) == []
    assert {answer.model for answer in load.answers} == {images["v1"].header}, "the broken canaries got traffic"
    deployments = json.loads(namespace.kubectl("get", "deployments", "-o", "json"))["items"]
    assert sorted(one["spec"]["replicas"] for one in deployments)[:-1] == [0] * (len(deployments) - 1)


async def test_an_operator_that_restarts_in_mid_canary_goes_on_where_it_was(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    load = _load(namespace, 60)
    running = asyncio.create_task(load.run())
    before = len(_events(namespace, "WeightRaised"))
    await asyncio.to_thread(namespace.apply, {"image": images["v2"].image}, **_SPEC)
    async with asyncio.timeout(120):
        while not _canary_has_weight(await asyncio.to_thread(namespace.get, "mdep", "iris")):
            await asyncio.sleep(0.2)
    operator = Namespace(stage.OPERATOR_NAMESPACE, namespace.cluster)
    await asyncio.to_thread(operator.kubectl, "delete", "pods", "--all", "--wait=false", "--grace-period=1")
    assert await namespace.wait_async("Promoted", 240) == "Serving"
    load.stop()
    await running
    assert _lost(load.answers) == []
    assert len(_events(namespace, "WeightRaised")) - before == 2, "a step was repeated or skipped"
    assert len(_events(namespace, "RolloutStarted")) == 3


@pytest.mark.slow
async def test_an_operator_on_a_laptop_judges_through_the_api_server(
    namespace: Namespace, images: dict[str, stage.Packed], tmp_path: Path
) -> None:
    inside = Namespace(stage.OPERATOR_NAMESPACE, namespace.cluster)
    await asyncio.to_thread(inside.kubectl, "scale", "deployment/ekiben", "--replicas=0")
    await asyncio.to_thread(inside.kubectl, "wait", "pods", "--all", "--for=delete", "--timeout=60s")
    load = _load(namespace, 60)
    running = asyncio.create_task(load.run())
    try:
        with _laptop_operator(namespace, tmp_path / "operator.log"):
            await asyncio.to_thread(namespace.apply, {"image": images["v3"].image}, **_SPEC)
            assert await namespace.wait_async("RolledBack") == "ErrorRateRegressed"
    finally:
        load.stop()
        await running
        await asyncio.to_thread(inside.kubectl, "scale", "deployment/ekiben", "--replicas=1")
        await asyncio.to_thread(inside.kubectl, "rollout", "status", "deployment/ekiben", "--timeout=60s")
    assert _lost(load.answers) == []


@contextmanager
def _laptop_operator(namespace: Namespace, log: Path) -> Iterator[None]:
    """`ekiben operator run` against the kubeconfig, as one would type it."""
    options = ["--kubeconfig", str(namespace.cluster.kubeconfig), "--context", namespace.cluster.context, "--port", "0"]
    command = [sys.executable, "-c", "from ekiben.cli.main import main; main()", "operator", "run", *options]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield
            assert process.poll() is None, log.read_text()
        finally:
            process.terminate()
            assert process.wait(30) == 0, log.read_text()[-3000:]


def _canary_has_weight(resource: dict[str, dict[str, dict[str, int]]]) -> bool:
    return (resource["status"].get("canary") or {}).get("acknowledgedWeight", 0) > 0
