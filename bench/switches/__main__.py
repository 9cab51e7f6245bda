"""Promotions and aborts in a row under steady load: `python -m bench.switches [--promotions 20] [--aborts 20]`.

On the local cluster, with real bentos. A canary gets 20 % of the requests; then `ekiben promote` or `ekiben abort`
switches it. Every request has to be answered by a model: what the platform lost is printed, and none is the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ekiben import localcluster
from ekiben.cli.demo import stage
from ekiben.cli.demo.flowers import bodies
from ekiben.cli.demo.load import Answer, Load
from ekiben.localcluster.progress import Lines
from ekiben.localcluster.settings import ClusterInfo

NAMESPACE = "bench-switches"
NAME = "iris"
_DEADLINE = 240.0
# Only commands switch: the first step lasts longer than the bench, and the evidence never convicts equal models.
SPEC: dict[str, Any] = {
    "scaling": {"minReplicas": 2, "maxReplicas": 3},
    "rollout": {
        "steps": [{"weight": 20, "duration": "1h"}],
        "bake": "0s",
        "revisionHistoryLimit": 2,
        "analysis": {"latencyTolerance": 10, "errorTolerance": 10},
    },
}


@dataclass
class Report:
    """What the switches cost."""

    rate: float
    promoted: list[float] = field(default_factory=list)
    """Seconds from the command to condition Promoted, one a promotion."""
    aborted: list[float] = field(default_factory=list)
    """Seconds from the command to condition RolledBack, one an abort."""
    answers: list[Answer] = field(default_factory=list)

    @property
    def lost(self) -> list[Answer]:
        """The requests that no model answered."""
        return [answer for answer in self.answers if answer.lost]

    def text(self) -> str:
        """Return the report's lines."""
        failed = sum(answer.failed for answer in self.answers)
        lines = [
            f"promotions: {len(self.promoted)}, from the command to all requests {_spread(self.promoted)}",
            f"aborts:     {len(self.aborted)}, from the command to no pods      {_spread(self.aborted)}",
            f"requests:   {len(self.answers)} at {self.rate:g}/s; answered by a model with an error: {failed}",
            f"lost:       {len(self.lost)} (limit 0)",
        ]
        return "\n".join([*lines, *(f"  at {one.at:.1f} s: {one.status} {one.error}" for one in self.lost[:20])])


class Switches:
    """One ModelDeployment that changes its revision again and again."""

    def __init__(self, info: ClusterInfo, image: str, namespace: str = NAMESPACE) -> None:
        self._info = info
        self._image = image
        self._namespace = namespace
        self._count = 0

    async def run(self, promotions: int, aborts: int, rate: float) -> Report:
        """Switch under load; promotions and aborts alternate while there are both.

        Raises:
            TimeoutError: a switch did not come about.
        """
        report = Report(rate)
        await self._next()
        await self._until("Available")
        load = Load(f"{self._info.gateway_url.rstrip('/')}/predict", self._host(), rate, bodies())
        sending = asyncio.create_task(load.run())
        try:
            await self._answered(load)
            for verb in _alternating(promotions, aborts):
                await self._next()
                await self._weight()
                started = time.monotonic()
                await asyncio.to_thread(self._ask, verb)
                await self._until("Promoted" if verb == "promote" else "RolledBack")
                (report.promoted if verb == "promote" else report.aborted).append(time.monotonic() - started)
                done = len(report.promoted) + len(report.aborted)
                lost = sum(answer.lost for answer in load.answers)
                print(f"{done:3} of {promotions + aborts}: {verb}, {load.sent} requests sent, {lost} lost", flush=True)
        finally:
            load.stop()
            await sending
        report.answers = load.answers
        return report

    async def _next(self) -> None:
        """Apply a revision that there never was."""
        self._count += 1
        model = {"image": self._image, "env": [{"name": "SWITCH", "value": str(self._count)}]}
        body = {
            "apiVersion": "ekiben.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": NAME},
            "spec": {"model": model, **SPEC},
        }
        await asyncio.to_thread(self.kubectl, "apply", "-f", "-", stdin=json.dumps(body))

    async def _weight(self) -> None:
        """Wait until the canary has requests."""

        def has_weight(one: dict[str, Any]) -> bool:
            status = one.get("status") or {}
            current = status.get("observedGeneration") == one["metadata"]["generation"]
            return current and (status.get("canary") or {}).get("acknowledgedWeight", 0) > 0

        await self._wait(has_weight, "the canary has no weight")

    async def _until(self, condition: str) -> None:
        def holds(one: dict[str, Any]) -> bool:
            status = one.get("status") or {}
            conditions = {item["type"]: item["status"] for item in status.get("conditions") or ()}
            current = status.get("observedGeneration") == one["metadata"]["generation"]
            return current and conditions.get(condition) == "True" and not status.get("rollout")

        await self._wait(holds, f"condition {condition} does not come true")

    async def _wait(self, met: Any, what: str) -> None:
        deadline = time.monotonic() + _DEADLINE
        one: dict[str, Any] = {}
        while time.monotonic() < deadline:
            one = json.loads(await asyncio.to_thread(self.kubectl, "get", "mdep", NAME, "-o", "json"))
            if met(one):
                return
            await asyncio.sleep(0.5)
        raise TimeoutError(f"{what} within {_DEADLINE:g} s: {json.dumps(one.get('status'), indent=1)[:6000]}")

    async def _answered(self, load: Load) -> None:
        """The route may be a moment late the first time: what came before the first answer is no switch."""
        async with asyncio.timeout(30):
            while not any(answer.status == 200 for answer in load.answers):  # noqa: ASYNC110 - Load tells nobody
                await asyncio.sleep(0.05)
        load.answers[:] = [answer for answer in load.answers if not answer.lost]

    def _ask(self, verb: str) -> None:
        command = [str(Path(sys.executable).parent / "ekiben"), verb, NAME, "-n", self._namespace, "--yes"]
        environment = {**os.environ, "KUBECONFIG": str(self._info.kubeconfig)}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        if result.returncode:
            raise RuntimeError(f"`ekiben {verb}` ended with {result.returncode}: {result.stdout}{result.stderr}")

    def _host(self) -> str:
        return f"{NAME}.{self._namespace}.{self._info.domain}"

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the namespace and return what it printed."""
        return stage.tool([str(self._info.kubectl), "-n", self._namespace, *arguments], self._info, stdin=stdin)


def _alternating(promotions: int, aborts: int) -> list[str]:
    pairs = [verb for _ in range(min(promotions, aborts)) for verb in ("promote", "abort")]
    rest = "promote" if promotions > aborts else "abort"
    return [*pairs, *[rest] * abs(promotions - aborts)]


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "-"
    ordered = sorted(seconds)
    return f"{ordered[0]:.1f} to {ordered[-1]:.1f} s, median {ordered[len(ordered) // 2]:.1f} s"


def main() -> int:
    """Run the bench; 1 where a request was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promotions", type=int, default=20)
    parser.add_argument("--aborts", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    arguments = parser.parse_args()
    root, progress = stage.source_root(), Lines()
    info = localcluster.up(localcluster.Settings(), progress)
    stage.install_operator(root, info, progress)
    image = next(one.image for one in stage.pack(root, info, progress, print) if one.version == "v1")
    switches = Switches(info, image)
    remove = [str(info.kubectl), "delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait"]
    stage.tool(remove, info)
    stage.tool([str(info.kubectl), "create", "namespace", NAMESPACE], info)
    try:
        report = asyncio.run(switches.run(arguments.promotions, arguments.aborts, arguments.rate))
    finally:
        stage.tool([*remove[:-1], "--wait=false"], info)
    print(report.text())
    return 1 if report.lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
