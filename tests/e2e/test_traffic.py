"""How requests move, by each provider, on the local cluster under load: no request is lost."""

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.e2e import pages
from tests.e2e.callers import ask, inside, lost, models, outside
from tests.e2e.conftest import Namespace

from ekiben.cli.demo import stage
from ekiben.cli.demo.load import MODEL_HEADER

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
_SCALING = {"minReplicas": 1, "maxReplicas": 2}
# Only commands move anything: the steps last longer than the test, and equal models are never convicted.
_ANALYSIS = {"latencyTolerance": 10, "errorTolerance": 10}
_HALF = {"steps": [{"weight": 50, "duration": "1h"}], "analysis": _ANALYSIS, "bake": "0s"}
_RATE = 10.0
_NUMBERS = itertools.count()
_PREDICTIONS = re.compile(r'^bentoml_service_request_total\{[^}]*endpoint="/predict"[^}]*\} (\S+)', re.MULTILINE)


async def _apply(namespace: Namespace, image: str, traffic: dict[str, Any] | None = None, **rollout: Any) -> None:
    """A revision is new each time, though its image may have been there before."""
    spec = {"scaling": _SCALING, "traffic": traffic or {}, "rollout": rollout or _HALF}
    model = {"image": image, "env": [{"name": "REVISION", "value": str(next(_NUMBERS))}]}
    await asyncio.to_thread(namespace.apply, model, **spec)


async def _until(
    namespace: Namespace, met: Callable[[dict[str, Any]], Any], kind: str = "mdep", name: str = "iris"
) -> dict[str, Any]:
    """Wait until the object says so; it is returned."""
    one: dict[str, Any] = {}
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        one = await asyncio.to_thread(namespace.get, kind, name)
        if met(one):
            return one
        await asyncio.sleep(0.2)
    raise AssertionError(json.dumps({"status": one.get("status"), "spec": one.get("spec")}, indent=1))


async def _reached(namespace: Namespace, host: str, model: str, **headers: str) -> None:
    """Wait until a host's requests are answered by a model."""
    async with asyncio.timeout(30):
        while (await ask(namespace, host, **headers)).model != model:
            await asyncio.sleep(0.05)


def _current(one: dict[str, Any]) -> dict[str, Any]:
    status: dict[str, Any] = one.get("status") or {}
    return status if status.get("observedGeneration") == one["metadata"]["generation"] else {}


def _serves(image: str) -> Callable[[dict[str, Any]], Any]:
    def met(one: dict[str, Any]) -> bool:
        status = _current(one)
        stable = status.get("stable") or {}
        return not status.get("rollout") and stable.get("image") == image and stable.get("acknowledgedWeight") == 100

    return met


def _acknowledged(one: dict[str, Any]) -> bool:
    return bool((_current(one).get("canary") or {}).get("acknowledgedWeight", 0) > 0)


def _in_phase(phase: str) -> Callable[[dict[str, Any]], Any]:
    return lambda one: _current(one).get("phase") == phase


async def _fresh(namespace: Namespace) -> None:
    """No resource, and nothing of the one before."""
    kinds = "mdep,deployments,services,httproutes,pods"
    await asyncio.to_thread(namespace.kubectl, "delete", "mdep,httproutes", "--all", "--wait")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = json.loads(await asyncio.to_thread(namespace.kubectl, "get", kinds, "-o", "json"))["items"]
        if not [one for one in found if one["metadata"].get("labels", {}).get("ekiben.dev/modeldeployment")]:
            return
        await asyncio.sleep(0.5)
    raise AssertionError("the children of the resource before did not go")


async def _ask_for(namespace: Namespace, verb: str) -> None:
    one = await asyncio.to_thread(namespace.get, "mdep", "iris")
    revision = one["status"]["canary"]["revision"]
    text = f"ekiben.dev/request={verb} {revision} {verb}-{time.time_ns()}"
    await asyncio.to_thread(namespace.kubectl, "annotate", "mdep", "iris", "--overwrite", text)


def _counted(namespace: Namespace, revision: str) -> int:
    """Return how many predictions the pods of a revision have counted."""
    labels = f"ekiben.dev/revision={revision}"
    pods = json.loads(namespace.kubectl("get", "pods", "-l", labels, "-o", "json"))["items"]
    total = 0.0
    for pod in pods:
        path = f"/api/v1/namespaces/{namespace.name}/pods/{pod['metadata']['name']}:3000/proxy/metrics"
        page = namespace.kubectl("get", "--raw", path)
        values = _PREDICTIONS.findall(page)
        total += sum(float(value) for value in values)
    return round(total)


async def _answered(namespace: Namespace, revisions: list[str]) -> int:
    """Return how many predictions the pods of these revisions have counted together."""
    return sum([await asyncio.to_thread(_counted, namespace, one) for one in revisions])


async def test_a_shadow_gets_its_share_of_copies_and_answers_nobody(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    await _fresh(namespace)
    await _apply(namespace, images["v1"].image, {"path": "/models/iris"})
    await _until(namespace, _serves(images["v1"].image))
    rollout = {"strategy": "shadow", "shadow": {"percent": 25, "duration": "1h"}, "analysis": _ANALYSIS}
    await _apply(namespace, images["v2"].image, {"path": "/models/iris"}, **rollout)
    status = (await _until(namespace, _in_phase("Shadow")))["status"]
    host, path = namespace.host, "/models/iris/predict"
    answers = []
    async with asyncio.timeout(120):
        for _ in range(400):
            answers.append(await ask(namespace, host, path))
    assert {(one.status, one.model) for one in answers} == {(200, images["v1"].header)}
    copied = await asyncio.to_thread(_counted, namespace, status["canary"]["revision"])
    print(f"copies of {len(answers)} requests at 25 %: {copied}")
    assert 60 <= copied <= 140
    await _ask_for(namespace, "abort")
    await _until(namespace, lambda one: not _current(one).get("rollout"))
    rules = (await asyncio.to_thread(namespace.get, "httproute", "iris"))["spec"]["rules"]
    assert "RequestMirror" not in json.dumps(rules)


async def test_testers_reach_the_new_revision_by_header_and_hostname_and_nobody_else_does(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    await _fresh(namespace)
    await _apply(namespace, images["v1"].image)
    await _until(namespace, _serves(images["v1"].image))
    preview = f"preview.{namespace.name}.{namespace.cluster.domain}"
    rollout = {
        "strategy": "blueGreen",
        "blueGreen": {"duration": "1s", "approval": True, "hostname": preview},
        "testers": {"header": "X-Tester", "value": "yes"},
        "bake": "0s",
    }
    async with outside(namespace, namespace.host, _RATE) as load:
        await _apply(namespace, images["v2"].image, **rollout)
        await _until(namespace, lambda one: (_current(one).get("rollout") or {}).get("state") == "Preview")
        await _until(namespace, lambda one: one["status"].get("parents"), "httproute", "iris-preview")
        # The gateway tells before its proxies have it.
        await _reached(namespace, namespace.host, images["v2"].header, **{"X-Tester": "yes"})
        await _reached(namespace, preview, images["v2"].header)
        for _ in range(20):
            assert (await ask(namespace, namespace.host, **{"X-Tester": "yes"})).model == images["v2"].header
            assert (await ask(namespace, preview)).model == images["v2"].header
            assert (await ask(namespace, namespace.host, **{"X-Tester": "no"})).model == images["v1"].header
        line = pages.command("traffic.md", "curl -H 'X-Tester: yes'")
        told = await asyncio.to_thread(pages.run, namespace, f"{line} --silent --show-error --include")
        assert f"{MODEL_HEADER}: {images['v2'].header}".lower() in told.lower(), told
        for private in ("/metrics", "/readyz"):
            for host, headers in ((preview, {}), (namespace.host, {"X-Tester": "yes"})):
                assert (await ask(namespace, host, private, **headers)).status in (404, 405)
        assert models(load.answers) == {images["v1"].header}
        await _ask_for(namespace, "approve")
        await _until(namespace, _serves(images["v2"].image))
    assert lost(load.answers) == []
    assert load.answers[-1].model == images["v2"].header
    names = await asyncio.to_thread(namespace.kubectl, "get", "httproutes", "-o", "name")
    assert "iris-preview" not in names
    assert (await ask(namespace, preview)).status == 404


def _own(namespace: Namespace, host: str) -> dict[str, Any]:
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/predict"}}],
        "backendRefs": [{"name": "iris", "port": 80}],
        "filters": [
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "X-A", "value": "b"}]}}
        ],
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "front"},
        "spec": {
            "parentRefs": [{"name": "ekiben", "namespace": "ekiben-gateway"}],
            "hostnames": [host],
            "rules": [rule],
        },
    }


def _at_rest(one: dict[str, Any]) -> bool:
    return [backend["name"] for backend in one["spec"]["rules"][0]["backendRefs"]] == ["iris"]


async def test_a_users_route_is_left_as_it_was_found_and_no_request_is_lost_on_the_way(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    await _fresh(namespace)
    host = f"front.{namespace.name}.{namespace.cluster.domain}"
    await asyncio.to_thread(namespace.kubectl, "apply", "-f", "-", body=_own(namespace, host))
    found = (await asyncio.to_thread(namespace.get, "httproute", "front"))["spec"]
    traffic = {"httpRoute": "front"}
    await _apply(namespace, images["v1"].image, traffic)
    await _until(namespace, _serves(images["v1"].image))
    async with outside(namespace, host, _RATE) as load:
        for number in range(3):
            for verb in ("promote", "abort"):
                # The one that serves already is as good as any to be aborted, and tells nothing by its answers.
                await _apply(namespace, images[f"v{2 - number % 2}"].image, traffic)
                await _until(namespace, _acknowledged)
                split = await asyncio.to_thread(namespace.get, "httproute", "front")
                assert [one["weight"] for one in split["spec"]["rules"][0]["backendRefs"]] == [50, 50]
                await _ask_for(namespace, verb)
                await _until(namespace, lambda one: not _current(one).get("rollout"))
                after = await _until(namespace, _at_rest, "httproute", "front")
                assert after["spec"] == found
    assert lost(load.answers) == []
    print(f"{len(load.answers)} requests over 6 rollouts in a user's route, by {models(load.answers)}")
    assert models(load.answers) == {images["v1"].header, images["v2"].header}
    await _apply(namespace, images["v1"].image, traffic)
    await _until(namespace, _acknowledged)
    await asyncio.to_thread(namespace.kubectl, "delete", "mdep", "iris", "--wait")
    after = await _until(namespace, _at_rest, "httproute", "front")
    assert after["spec"] == found


async def test_testers_reach_a_canary_without_weight_where_a_users_route_leads_and_nobody_else_does(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    await _fresh(namespace)
    host = f"front.{namespace.name}.{namespace.cluster.domain}"
    await asyncio.to_thread(namespace.kubectl, "apply", "-f", "-", body=_own(namespace, host))
    found = (await asyncio.to_thread(namespace.get, "httproute", "front"))["spec"]
    traffic, tester = {"httpRoute": "front"}, {"X-Tester": "yes"}
    await _apply(namespace, images["v1"].image, traffic)
    await _until(namespace, _serves(images["v1"].image))
    rollout = {
        "steps": [{"weight": 0, "duration": "1h"}, {"weight": 50, "duration": "1h"}],
        "testers": {"header": "X-Tester", "value": "yes"},
        "analysis": _ANALYSIS,
        "bake": "0s",
    }
    async with outside(namespace, host, _RATE) as load:
        await _apply(namespace, images["v2"].image, traffic, **rollout)
        await _until(namespace, lambda one: (_current(one).get("rollout") or {}).get("state") == "Step")
        [rule] = (await asyncio.to_thread(namespace.get, "httproute", "front"))["spec"]["rules"]
        assert [one["weight"] for one in rule["backendRefs"]] == [100, 0]
        assert {**rule, "backendRefs": []} == {**found["rules"][0], "backendRefs": []}
        beside = await asyncio.to_thread(namespace.get, "httproute", "iris-testers")
        assert beside["spec"]["hostnames"] == [host]
        await _reached(namespace, host, images["v2"].header, **tester)
        for _ in range(20):
            assert (await ask(namespace, host, **tester)).model == images["v2"].header
            assert (await ask(namespace, host, **{"X-Tester": "no"})).model == images["v1"].header
            assert (await ask(namespace, host, "/metrics", **tester)).status == 404  # no rule of the user's leads there
        assert models(load.answers) == {images["v1"].header}
        await _ask_for(namespace, "promote")
        tested = []
        async with asyncio.timeout(300):
            while not _serves(images["v2"].image)(await asyncio.to_thread(namespace.get, "mdep", "iris")):
                tested.append(await ask(namespace, host, **tester))
        assert {(one.status, one.model) for one in tested} == {(200, images["v2"].header)}
        after = await _until(namespace, _at_rest, "httproute", "front")
        assert after["spec"] == found
    assert lost(load.answers) == []
    assert load.answers[-1].model == images["v2"].header
    print(f"{len(load.answers)} requests, and {len(tested)} of testers while their route went")
    names = await asyncio.to_thread(namespace.kubectl, "get", "httproutes", "-o", "name")
    assert "front" in names
    assert "iris-testers" not in names


async def test_without_a_gateway_callers_of_the_service_lose_no_request(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    await _fresh(namespace)
    traffic = {"provider": "replicaRatio"}
    await _apply(namespace, images["v1"].image, traffic)
    await _until(namespace, _serves(images["v1"].image))
    url = f"http://iris.{namespace.name}/predict"
    async with inside(namespace, images["v1"].image, url, _RATE) as answers:
        for number in range(2):
            for verb in ("promote", "abort"):
                await _apply(namespace, images[f"v{2 - number % 2}"].image, traffic)
                status = (await _until(namespace, _acknowledged))["status"]
                line = pages.command("traffic.md", "kubectl get mdep iris -o jsonpath='{.status.canary.weight}")
                assert (await asyncio.to_thread(pages.run, namespace, line)).split() == ["50", "50"], status
                pair = [status[part]["revision"] for part in ("stable", "canary")]
                before = await _answered(namespace, pair)
                async with asyncio.timeout(60):
                    while await _answered(namespace, pair) < before + 3 * _RATE:
                        await asyncio.sleep(0.1)
                await _ask_for(namespace, verb)
                await _until(namespace, lambda one: not _current(one).get("rollout"))
    assert lost(answers) == []
    print(f"{len(answers)} requests over 4 rollouts without a Gateway, by {models(answers)}")
    assert models(answers) == {images["v1"].header, images["v2"].header}
    assert "No resources" in await asyncio.to_thread(namespace.kubectl, "get", "httproutes")
