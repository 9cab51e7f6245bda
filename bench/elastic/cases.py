"""The three cases: a step in load, sleep and waking, a rollout while load doubles."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from bench.elastic.replicas import followed
from bench.elastic.traffic import callers, percentile
from bench.verdicts.scene import Scene, Truth

from ekiben.cli.demo.load import Answer
from ekiben.localcluster.settings import ClusterInfo

# Waiting, not computing: ten pods of it fit on two processor cores.
SECONDS = 0.3
_BEFORE, _AFTER = 5.0, 50.0
CONCURRENCY = [{"type": "concurrency", "target": 4}]
CPU = [{"type": "cpu", "target": 80}]
# Equal revisions on two busy cores: what is shown here is capacity, and the verdict has its own bench.
TOLERANT: dict[str, Any] = {
    "steps": [{"weight": 50, "duration": "10s"}],
    "bake": "0s",
    "revisionHistoryLimit": 2,
    "analysis": {"latencyTolerance": 3, "errorTolerance": 3, "nonInferiority": {"delta": 0.1}},
}


@dataclass
class Step:
    """What came of a tenfold step in load."""

    name: str
    asked_after: float | None = None
    """Seconds from the step until more pods were asked for; None where that did not come."""
    answers: list[Answer] = field(default_factory=list)

    def line(self) -> str:
        """Return the table's line."""
        asked = "none asked for" if self.asked_after is None else f"more pods asked for after {self.asked_after:5.1f} s"
        lost = sum(one.lost for one in self.answers)
        slow = sum(one.seconds > 1.5 for one in self.answers)
        return (
            f"{self.name:32} {asked}; {len(self.answers)} requests, {lost} lost, {slow} over 1.5 s, "
            f"95 % within {percentile(self.answers, 0.95):.2f} s"
        )


async def step(info: ClusterInfo, scene: Scene, namespace: str, name: str, patience: float) -> Step:
    """Raise the load tenfold, and look when more pods are asked for; `patience` in seconds."""
    report = Step(name)
    await scene.apply(Truth("step", seconds=SECONDS))
    await scene.until("Promoted", "Available")
    async with callers(scene, _BEFORE) as some, followed(info, namespace) as deployments:
        # A start's own use of the processor is over, and whoever follows an average has seen the low load.
        await deployments.settle(1, 60)
        await deployments.fall(1, 420)
        await asyncio.sleep(30)
        before = deployments.asked
        began = asyncio.get_running_loop().time()
        some.add(_AFTER - _BEFORE)
        at = await deployments.rise(before, patience)
        report.asked_after = None if at is None else at - began
        await asyncio.sleep(30)
    report.answers = [one for one in some.answers if one.at >= began]
    return report


@dataclass
class Sleeps:
    """What came of going to sleep and waking, again and again."""

    cycles: int = 0
    woke_after: list[float] = field(default_factory=list)
    """Seconds until the first request was answered that came when no pod was there, one each second cycle."""
    answers: list[Answer] = field(default_factory=list)

    def line(self) -> str:
        """Return the table's line."""
        lost = [one for one in self.answers if one.lost]
        woke = sorted(self.woke_after)
        spread = f"{woke[0]:.1f} to {woke[-1]:.1f} s" if woke else "-"
        line = (
            f"asleep {self.cycles} times; {len(self.answers)} requests, {len(lost)} lost; with no pod there, "
            f"the first was answered after {spread}"
        )
        return "\n".join([line, *(f"  {one.status} after {one.seconds:.1f} s {one.error}" for one in lost[:10])])


async def sleep_and_wake(info: ClusterInfo, scene: Scene, namespace: str, cycles: int, seed: int = 1) -> Sleeps:
    """Let it fall asleep, and wake it by a burst of callers, at once or when no pod is left; some come when it goes.

    Raises:
        TimeoutError: it does not fall asleep.
    """
    report, chance = Sleeps(), random.Random(seed)
    await scene.apply(Truth("sleeper", seconds=SECONDS))
    await scene.until("Available")
    async with followed(info, namespace) as deployments:
        for cycle in range(cycles):
            deep = cycle % 2 == 0
            async with callers(scene) as some:
                if await deployments.fall(0, 240) is None:
                    raise TimeoutError(f"it does not fall asleep: {deployments.changes[-5:]}")
                report.cycles += 1
                if deep:
                    await scene.kubectl("wait", "pod", "--all", "--for=delete", "--timeout=120s")
                began = asyncio.get_running_loop().time()
                some.add(10)
                await deployments.settle(1, 240)
                await asyncio.sleep(10)
            first = next((one for one in some.answers if not one.lost), None)
            if deep and first is not None:
                report.woke_after.append(first.at + first.seconds - began)
            report.answers += some.answers
            # One call now and then while it wants to sleep: the way down has to wait for it, or wake again.
            async with callers(scene) as one_of_them:
                for _ in range(3):
                    await asyncio.sleep(chance.uniform(5, 9))
                    one_of_them.add(1)
                    await asyncio.sleep(0.5)
                    await one_of_them.leave()
            report.answers += one_of_them.answers
    return report


@dataclass
class Growth:
    """What came of a rollout while its load doubled."""

    outcome: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)
    """(seconds, replicas asked for of each revision), one a change."""

    def line(self) -> str:
        """Return the table's line."""
        lost = sum(one.lost for one in self.answers)
        most = max(sum(replicas) for _, replicas in self.asked)
        steps = ", ".join(f"{'+'.join(map(str, replicas))} at {at:.0f} s" for at, replicas in self.asked)
        return (
            f"{self.outcome}; {len(self.answers)} requests, {lost} lost, 95 % within "
            f"{percentile(self.answers, 0.95):.2f} s; at most {most} replicas: {steps}"
        )


async def doubling(info: ClusterInfo, scene: Scene, namespace: str) -> Growth:
    """Roll a revision out, and double the load when it has its first requests."""
    report = Growth()
    await scene.apply(Truth("one", seconds=SECONDS))
    await scene.until("Promoted", "Available")
    async with callers(scene, 15) as some, followed(info, namespace) as deployments, scene.weights() as weights:
        await scene.apply(Truth("two", seconds=SECONDS))
        async with asyncio.timeout(240):
            while not any(weight > 0 for _, weight in weights):  # noqa: ASYNC110 - a list tells nobody
                await asyncio.sleep(0.2)
        some.add(15)
        report.outcome = await scene.until("Promoted", "RolledBack")
        await asyncio.sleep(5)
        report.asked = _trajectory(deployments.changes)
    report.answers = some.answers
    return report


def _trajectory(changes: list[tuple[float, str, int, int]]) -> list[tuple[float, tuple[int, ...]]]:
    """Return the replicas asked for of each Deployment, in the order in which they came, when one of them changed."""
    now: dict[str, int] = {}
    found: list[tuple[float, tuple[int, ...]]] = []
    for at, name, asked, _ in changes:
        now[name] = asked
        if not found or found[-1][1] != tuple(now.values()):
            found.append((at - changes[0][0], tuple(now.values())))
    return found


def scaling(least: int, most: int, metrics: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return a spec.scaling."""
    return {"minReplicas": least, "maxReplicas": most, "metrics": metrics, **more}
