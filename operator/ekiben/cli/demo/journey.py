"""The way of four revisions: applied, watched, judged."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from rich.console import Console

from ekiben.cluster.api import Cluster
from ekiben.cluster.connection import Source
from ekiben.cluster.kinds import MODEL_DEPLOYMENT
from ekiben.localcluster.settings import ClusterInfo

from . import view
from .acts import ACTS, Act, Outcome, ended, outcome
from .flowers import bodies
from .load import Answer, Load
from .stage import DemoError, Packed, tool
from .watch import Watch

NAMESPACE = "demo"
NAME = "iris"
RATE = 100.0
_LONGEST = 240.0
"""Seconds that one act may take."""

# Short steps, so that the demo takes minutes; the defaults are 5, 20 and 50 % for at least a minute each.
_SPEC = {
    "rollout": {
        "steps": [{"weight": 10, "duration": "8s"}, {"weight": 40, "duration": "10s"}],
        "bake": "0s",
        "progressDeadline": "2m",
        # Pods that share two cores with a whole cluster differ by more than the default tolerates.
        "analysis": {"deadline": "3m", "latencyTolerance": 1.5, "nonInferiority": {"delta": 0.03}},
    },
    "scaling": {"minReplicas": 2, "maxReplicas": 4},
}
# Both arms get the same share of the machine's two cores, so that the comparison is of the models.
_RESOURCES = {"requests": {"cpu": "150m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "768Mi"}}


@dataclass
class Journey:
    """Everything that was seen on the way."""

    host: str
    outcomes: list[Outcome] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    """When each act under load began; seconds on the event loop's clock."""
    answers: list[Answer] = field(default_factory=list)
    sent: int = 0
    heading: str = ""


def manifest(image: str) -> str:
    """Return the ModelDeployment of the demo as JSON, which is YAML."""
    return json.dumps(
        {
            "apiVersion": MODEL_DEPLOYMENT.api_version,
            "kind": MODEL_DEPLOYMENT.kind,
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {"model": {"image": image, "resources": _RESOURCES}, **_SPEC},
        },
        indent=2,
    )


async def travel(console: Console, info: ClusterInfo, packed: Sequence[Packed]) -> Journey:
    """Apply the revisions one after the other under steady load, and show what becomes of them."""
    journey = Journey(host=f"{NAME}.{NAMESPACE}.{info.domain}")
    names = {one.header: one.version for one in packed}
    images = {one.version: one.image for one in packed}
    cluster = await Cluster.connect(Source(str(info.kubeconfig), info.context))
    try:
        _prepare(info)
        async with _watched(Watch(cluster, NAMESPACE, NAME)) as watch:
            await _first(console, info, watch, journey, ACTS[0], images)
            load = Load(f"{info.gateway_url.rstrip('/')}/predict", journey.host, RATE, bodies(), names=names)
            journey.answers = load.answers
            await _under_load(console, info, watch, journey, load, images)
    finally:
        await cluster.close()
    return journey


async def _first(
    console: Console, info: ClusterInfo, watch: Watch, journey: Journey, act: Act, images: dict[str, str]
) -> None:
    console.print(f"\n[bold]{act.version}[/]: {act.title}")
    begun = asyncio.get_running_loop().time()
    generation = await asyncio.to_thread(_apply, info, images[act.version])
    await _until_ended(watch, act, generation)
    await _until_answered(info, journey.host)
    journey.outcomes.append(replace(outcome(act, begun, watch.now, [], []), counts=None))
    console.print(f"    serves at {info.gateway_url} (Host: {journey.host}) after {journey.outcomes[0].seconds:.1f} s")


async def _under_load(
    console: Console, info: ClusterInfo, watch: Watch, journey: Journey, load: Load, images: dict[str, str]
) -> None:
    running = asyncio.create_task(load.run())
    showing = asyncio.create_task(view.show(console, lambda: (journey.heading, watch.now, load.answers)))
    try:
        journey.heading = "steady load"
        await asyncio.sleep(5)  # what the chart shows before the first change
        for act in ACTS[1:]:
            await _act(console, info, watch, journey, act, images)
        await asyncio.sleep(3)  # and after the last one
    finally:
        load.stop()
        await running
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        journey.sent = load.sent


async def _act(
    console: Console, info: ClusterInfo, watch: Watch, journey: Journey, act: Act, images: dict[str, str]
) -> None:
    journey.heading = f"{act.version}: {act.title}"
    console.print(f"\n[bold]{act.version}[/]: {act.title}")
    begun = asyncio.get_running_loop().time()
    before = len(watch.changes)
    journey.begun.append(begun)
    generation = await asyncio.to_thread(_apply, info, images[act.version])
    await _until_ended(watch, act, generation)
    answers = [answer for answer in journey.answers if answer.at >= begun]
    found = outcome(act, begun, watch.now, answers, watch.changes[before:])
    journey.outcomes.append(found)
    word = "[green]as expected[/]" if found.reached else "[red]not as expected[/]"
    console.print(f"    {found.reason} after {found.seconds:.1f} s, {word}. {found.message}", soft_wrap=True)


async def _until_ended(watch: Watch, act: Act, generation: int) -> None:
    deadline = asyncio.get_running_loop().time() + _LONGEST
    while not ended(watch.now, generation):
        if asyncio.get_running_loop().time() > deadline:
            reason = watch.now.condition("Progressing")
            raise DemoError(f"{act.version} came to no end within {_LONGEST:.0f} s: {' '.join(reason)}")
        await asyncio.sleep(0.1)


async def _until_answered(info: ClusterInfo, host: str) -> None:
    """Wait until the gateway answers: the route was accepted a moment ago, and reaches its data plane in the next."""
    for _ in range(100):
        probe = Load(f"{info.gateway_url.rstrip('/')}/predict", host, 10, bodies(), most=1)
        await probe.run()
        if probe.answers[0].status == 200:
            return
        await asyncio.sleep(0.2)
    raise DemoError(f"the gateway does not answer for {host}: {probe.answers[0]}")


def _prepare(info: ClusterInfo) -> None:
    kubectl = str(info.kubectl)
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }
    tool([kubectl, "apply", "-f", "-"], info, stdin=json.dumps(namespace))
    # An earlier demo's revisions are known to the resource: begin anew.
    gone = ["--ignore-not-found", "--wait", "--cascade=foreground", "--timeout=120s"]
    tool([kubectl, "delete", "mdep", NAME, "-n", NAMESPACE, *gone], info)


def _apply(info: ClusterInfo, image: str) -> int:
    """Apply the resource as a user would, and return its generation."""
    printed = tool([str(info.kubectl), "apply", "-f", "-", "-o", "json"], info, stdin=manifest(image))
    return int(json.loads(printed)["metadata"]["generation"])


@contextlib.asynccontextmanager
async def _watched(watch: Watch) -> AsyncIterator[Watch]:
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
