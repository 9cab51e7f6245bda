"""How soon real canaries are judged, and whether rightly: `python -m bench.verdicts [errors] [broken] [healthy]`.

On the local cluster, with a bento whose true error rate is known, default settings of the analysis, a canary at 10 %:

- errors: 1 % on the stable and 5 % on the canary at 100 requests/s. From the weight to weight 0 it takes under 30 s in
  the median.
- broken: half of the canary's answers fail, at 50 requests/s. From a caller's first bad answer to weight 0 it
  takes 4 s in the median.
- healthy: both alike, 1 % errors, 100 requests/s. Every one is promoted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.verdicts.scene import SMALL, Scene, Truth, image

from ekiben import localcluster
from ekiben.cli.demo import stage
from ekiben.cli.demo.load import Load
from ekiben.localcluster.progress import Lines

NAMESPACE = "bench-verdicts"
_STEP = {"weight": 10, "duration": "10s"}


@dataclass
class Family:
    """Rollouts of one kind."""

    name: str
    rate: float
    stable: float
    canary: float
    goal: str
    seconds: list[float] = field(default_factory=list)
    """Seconds that each run took, as the goal counts them."""
    outcomes: list[str] = field(default_factory=list)
    bad_answers: list[int] = field(default_factory=list)
    """Bad answers of the canary that callers got in each run."""
    lost: int = 0
    """Requests that no model answered."""

    def line(self) -> str:
        """Return the table's line."""
        ended = ", ".join(f"{self.outcomes.count(one)} {one}" for one in dict.fromkeys(self.outcomes))
        return (
            f"{self.name:8} {self.rate:4g}/s {100 * self.stable:3g} -> {100 * self.canary:2g} %  {ended:24} "
            f"{_spread(self.seconds):42} lost {self.lost}   goal: {self.goal}"
        )


class Bench:
    """Runs rollouts one after the other, under load all the time."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._count = 0

    async def run(self, family: Family, runs: int, started_by: str) -> None:
        """Run a family; `started_by` says from when a run's seconds count: weight, or answer."""
        for number in range(runs):
            self._count += 1
            await self._scene.apply(self._truth("stable", family.stable))
            # The stable revision takes over unproven or by its own evidence; either way it serves before a run begins.
            load = self._scene.load(family.rate)
            sending = asyncio.create_task(load.run())
            try:
                await self._scene.until("Promoted")
                if number == 0:
                    load.answers.clear()  # a first revision has no route until it is ready
                seconds, outcome, bad = await self._one(family, load, started_by)
            finally:
                load.stop()
                await sending
            family.seconds.append(seconds)
            family.outcomes.append(outcome)
            family.bad_answers.append(bad)
            lost = [answer for answer in load.answers if answer.lost]
            family.lost += len(lost)
            verdict = await self._scene.verdict()
            said = f"{outcome} after {seconds:.1f} s; {len(load.answers)} requests, {len(lost)} lost; {verdict[:200]}"
            print(f"{family.name} {number + 1}/{runs}: {said}", flush=True)
            for (status, error), count in Counter((one.status, one.error[:80]) for one in lost).most_common(3):
                print(f"  lost {count}: {status} {error}", flush=True)

    async def _one(self, family: Family, load: Load, started_by: str) -> tuple[float, str, int]:
        before = len(load.answers)
        version = f"canary-{self._count}"
        async with self._scene.weights() as weights:
            await self._scene.apply(Truth(version, family.canary))
            outcome = await self._scene.until("RolledBack", "Promoted")
            mine = [one for one in load.answers[before:] if one.model == version]
            # The first look may still see how the revision before took all requests.
            began = next(at for at, weight in weights if 0 < weight < 100)
            ended = next((at for at, weight in weights if at > began and weight in (0, 100)), weights[-1][0])
        bad = sorted(one.at + one.seconds for one in mine if one.failed)
        if started_by == "answer" and bad:
            began = bad[0]
        return ended - began, outcome, len(bad)

    def _truth(self, role: str, errors: float) -> Truth:
        # The stable one stays what it is over the runs of a family: only the first of them rolls it out.
        return Truth(f"{role}-{errors:g}", errors)


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "-"
    middle = statistics.median(seconds)
    return f"median {middle:.1f} s, {min(seconds):.1f} to {max(seconds):.1f} s"


async def _measure(scene: Scene, families: Sequence[Family], runs: int, healthy: int) -> None:
    bench = Bench(scene)
    for family in families:
        # What is healthy in one family is worse than the stable of another.
        await scene.forget()
        if family.name == "healthy":
            await bench.run(family, healthy, "weight")
        else:
            await bench.run(family, runs, "answer" if family.name == "broken" else "weight")


def _met(families: Sequence[Family]) -> bool:
    by_name = {family.name: family for family in families}
    errors, broken, healthy = (by_name.get(name) for name in ("errors", "broken", "healthy"))
    good = True
    if errors is not None and errors.seconds:
        good &= set(errors.outcomes) == {"RolledBack"} and statistics.median(errors.seconds) < 30
    if broken is not None and broken.seconds:
        good &= set(broken.outcomes) == {"RolledBack"} and statistics.median(broken.seconds) <= 4
    if healthy is not None and healthy.outcomes:
        good &= set(healthy.outcomes) == {"Promoted"}
    return good


def main() -> int:
    """Run the bench; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", help="which to run: errors, broken, healthy; all by default")
    parser.add_argument("--runs", type=int, default=10, help="rollouts of a bad canary, of each kind")
    parser.add_argument("--healthy", type=int, default=20, help="rollouts of a healthy one")
    parser.add_argument("--namespace", default=NAMESPACE)
    parser.add_argument("--no-install", action="store_true", help="an operator runs already: install none")
    parser.add_argument("--json", type=Path, help="write the figures into this file as well")
    arguments = parser.parse_args()
    progress = Lines()
    info = localcluster.up(localcluster.Settings(), progress)
    if not arguments.no_install:
        stage.install_operator(stage.source_root(), info, progress)
    rollout: dict[str, Any] = {"steps": [_STEP], "bake": "0s", "revisionHistoryLimit": 3}
    scene = Scene(info, image(info, progress), arguments.namespace, rollout, model=SMALL)
    families = [
        Family("errors", 100, 0.01, 0.05, "rolled back, median under 30 s from the weight"),
        Family("broken", 50, 0.0, 0.5, "rolled back, median 4 s from the first bad answer"),
        Family("healthy", 100, 0.01, 0.01, "every one promoted"),
    ]
    if unknown := set(arguments.families) - {family.name for family in families}:
        parser.error(f"there is no family {', '.join(sorted(unknown))}: choose of errors, broken, healthy")
    families = [family for family in families if family.name in (arguments.families or (family.name,))]
    remove = [str(info.kubectl), "delete", "namespace", arguments.namespace, "--ignore-not-found"]
    stage.tool([*remove, "--wait"], info)
    stage.tool([str(info.kubectl), "create", "namespace", arguments.namespace], info)
    began = time.monotonic()
    try:
        asyncio.run(_measure(scene, families, arguments.runs, arguments.healthy))
    finally:
        stage.tool([*remove, "--wait=false"], info)
        print("\n".join(family.line() for family in families))
        print(f"{time.monotonic() - began:.0f} s")
        if arguments.json is not None:
            arguments.json.write_text(json.dumps([vars(family) for family in families], indent=1))
    return 0 if _met(families) else 1


if __name__ == "__main__":
    raise SystemExit(main())
