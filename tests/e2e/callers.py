"""Callers of a model, outside of the cluster by the gateway and inside by the Service NAME."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from tests.e2e.conftest import Namespace

from ekiben.cli.demo import load as load_module
from ekiben.cli.demo.flowers import bodies
from ekiben.cli.demo.load import Answer, Load

_POD = "caller"
_STOP = "/tmp/stop"
# Python of a bento's own image runs the same load as outside, so that answers are judged the same way.
_DRIVER = """
import json, os, sys

async def main(url, rate, bodies):
    load = Load(url, url.split("/")[2], rate, bodies, timeout=60)
    running = asyncio.create_task(load.run())
    while not load.answers:
        await asyncio.sleep(0.05)
    print("begun", flush=True)
    while not os.path.exists("/tmp/stop"):
        await asyncio.sleep(0.05)
    load.stop()
    await running
    print(json.dumps([[a.at, a.seconds, a.status, a.model, a.error] for a in load.answers]))

asyncio.run(main(sys.argv[1], float(sys.argv[2]), json.loads(sys.argv[3])))
"""


@asynccontextmanager
async def outside(namespace: Namespace, host: str, rate: float, patience: float = 60) -> AsyncIterator[Load]:
    """Requests by the gateway, from the first answer on; after `patience` seconds one counts as unanswered."""
    url = f"{namespace.cluster.gateway_url.rstrip('/')}/predict"
    async with steady(Load(url, host, rate, bodies(), timeout=patience)) as load:
        yield load


@asynccontextmanager
async def steady(load: Load) -> AsyncIterator[Load]:
    """Run a load for as long as the block runs; its answers are those from the first good one on."""
    running = asyncio.create_task(load.run())
    try:
        async with asyncio.timeout(60):
            while not any(answer.status == 200 for answer in load.answers):
                await asyncio.sleep(0.05)
        load.answers.clear()
        yield load
    finally:
        load.stop()
        await running


@asynccontextmanager
async def inside(namespace: Namespace, image: str, url: str, rate: float) -> AsyncIterator[list[Answer]]:
    """Requests from a pod, over connections that are kept alive; the answers are in the list once it is over."""
    await asyncio.to_thread(_start, namespace, image)
    answers: list[Answer] = []
    kubectl = [str(namespace.cluster.kubectl), "--kubeconfig", str(namespace.cluster.kubeconfig)]
    source = inspect.getsource(load_module) + _DRIVER
    process = await asyncio.create_subprocess_exec(
        *kubectl,
        *("--namespace", namespace.name, "exec", "-i", _POD, "--", "python", "-c", source),
        *(url, str(rate), json.dumps(bodies()[:20])),
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert (await process.stdout.readline()).strip() == b"begun"
        yield answers
    finally:
        await asyncio.to_thread(namespace.kubectl, "exec", _POD, "--", "touch", _STOP)
        printed = (await process.stdout.read()).decode().strip().splitlines()
        await process.wait()
        answers.extend(Answer(*one) for one in json.loads(printed[-1]))


def _start(namespace: Namespace, image: str) -> None:
    namespace.kubectl("delete", "pod", _POD, "--ignore-not-found", "--now")
    container: dict[str, Any] = {
        "name": _POD,
        "image": image,
        "command": ["sleep", "3600"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    context = {"runAsNonRoot": True, "runAsUser": 1034, "seccompProfile": {"type": "RuntimeDefault"}}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _POD},
        "spec": {"containers": [container], "securityContext": context, "terminationGracePeriodSeconds": 1},
    }
    namespace.kubectl("apply", "-f", "-", body=body)
    namespace.kubectl("wait", "pod", _POD, "--for=condition=Ready", "--timeout=120s")


async def ask(namespace: Namespace, host: str, path: str = "/predict", **headers: str) -> Answer:
    """Send one request by the gateway, on a connection of its own."""
    url = f"{namespace.cluster.gateway_url.rstrip('/')}{path}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=bodies()[0], headers={"Host": host, **headers}) as response,
    ):
        text = await response.text()
        model = response.headers.get(load_module.MODEL_HEADER, "")
        return Answer(time.monotonic(), 0.0, response.status, model, text)


def lost(answers: list[Answer]) -> list[Answer]:
    """Return the requests that no model answered."""
    return [answer for answer in answers if answer.lost]


def models(answers: list[Answer]) -> set[str]:
    """Return the versions of the models that answered."""
    return {answer.model for answer in answers if not answer.lost}
