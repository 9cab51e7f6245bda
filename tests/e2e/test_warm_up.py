"""A replica answers what warms it up before its first caller, and is not ready where it cannot."""

import json

import pytest
from tests.e2e.callers import ask
from tests.e2e.conftest import Namespace

from ekiben.cli.demo import stage
from ekiben.cli.demo.flowers import bodies

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
_SPEC = {"scaling": {"replicas": 1}, "rollout": {"progressDeadline": "20s", "bake": "0s"}}
_STARTS = {"startupTimeout": "20s"}


def _answered(namespace: Namespace) -> dict[str, float]:
    """Return path -> requests that the only replica has answered, by its own counters."""
    pod = json.loads(namespace.kubectl("get", "pods", "-o", "json"))["items"][0]["metadata"]["name"]
    path = f"/api/v1/namespaces/{namespace.name}/pods/{pod}:3000/proxy/metrics"
    found: dict[str, float] = {}
    for line in namespace.kubectl("get", "--raw", path).splitlines():
        if line.startswith("bentoml_service_request_total{"):
            labels, _, count = line.rpartition(" ")
            endpoint = labels.partition('endpoint="')[2].partition('"')[0]
            found[endpoint] = found.get(endpoint, 0) + float(count)
    return found


async def test_it_is_ready_once_it_has_answered_and_not_before(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    warm_up = {"path": "/predict", "body": json.dumps(bodies()[0]), "times": 3}
    namespace.apply({"image": images["v1"].image, "warmUp": warm_up, "probes": _STARTS}, **_SPEC)
    assert await namespace.wait_async("Available") == "Serving"
    assert _answered(namespace)["/predict"] == 3
    answer = await ask(namespace, namespace.host)
    assert answer.model == images["v1"].header
    assert _answered(namespace)["/predict"] == 4

    refused = {"path": "/predict", "body": '{"no": "flower"}'}
    namespace.apply({"image": images["v2"].image, "warmUp": refused, "probes": _STARTS}, **_SPEC)
    assert await namespace.wait_async("RolledBack", 90) == "ProgressDeadlineExceeded"
    notes = [one["note"] for one in json.loads(namespace.kubectl("get", "events.events.k8s.io", "-o", "json"))["items"]]
    assert [note for note in notes if "warm-up: POST /predict was answered with 4" in note]
    assert (await ask(namespace, namespace.host)).model == images["v1"].header
