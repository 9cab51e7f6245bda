"""Replicas that follow load on the local cluster: `python -m bench.elastic [step] [sleep] [canary]`.

With a bento whose cost is waiting, so that two processor cores hold many pods of it:

- step: from a tenfold step in load to the request for more pods, with metric concurrency, in under 3 s; in the same
  run, with a HorizontalPodAutoscaler at 80 % of the CPU (its controller looks every 15 s, Kubernetes' default).
- sleep: minReplicas 0. It falls asleep, a burst of callers wakes it, single calls come just when it goes; none is
  lost.
- canary: a rollout during which the load doubles; no request is lost.
"""

from __future__ import annotations

import argparse
import asyncio

from bench.elastic import cases
from bench.verdicts.scene import SMALL, Scene, image

from ekiben import localcluster
from ekiben.cli.demo import stage
from ekiben.localcluster.progress import Lines
from ekiben.localcluster.settings import ClusterInfo

_CASES = ("step", "sleep", "canary")
_GOAL = 3.0


class Room:
    """A namespace for one case, gone at its end."""

    def __init__(self, info: ClusterInfo, name: str) -> None:
        self._info, self.name = info, f"bench-elastic-{name}"
        self._remove = [str(info.kubectl), "delete", "namespace", self.name, "--ignore-not-found"]

    def __enter__(self) -> str:
        stage.tool([*self._remove, "--wait"], self._info)
        stage.tool([str(self._info.kubectl), "create", "namespace", self.name], self._info)
        return self.name

    def __exit__(self, *_: object) -> None:
        stage.tool([*self._remove, "--wait=false"], self._info)


def _step(info: ClusterInfo, bento: str) -> bool:
    reports = []
    for name, metrics in (("concurrency, by ekiben", cases.CONCURRENCY), ("cpu, by the HPA", cases.CPU)):
        with Room(info, name.split(",", maxsplit=1)[0]) as namespace:
            scene = Scene(info, bento, namespace, cases.TOLERANT, cases.scaling(1, 6, metrics), SMALL)
            reports.append(asyncio.run(cases.step(info, scene, namespace, name, 120)))
            print(reports[-1].line(), flush=True)
    own = reports[0].asked_after
    print(f"goal: under {_GOAL:g} s by ekiben")
    return own is not None and own < _GOAL


def _sleep(info: ClusterInfo, bento: str, cycles: int) -> bool:
    with Room(info, "sleep") as namespace:
        spec = cases.scaling(0, 3, cases.CONCURRENCY, idleWindow="6s")
        scene = Scene(info, bento, namespace, cases.TOLERANT, spec, SMALL)
        report = asyncio.run(cases.sleep_and_wake(info, scene, namespace, cycles))
    print(report.line())
    print("goal: 0 lost")
    return not any(one.lost for one in report.answers)


def _canary(info: ClusterInfo, bento: str) -> bool:
    with Room(info, "canary") as namespace:
        scene = Scene(info, bento, namespace, cases.TOLERANT, cases.scaling(1, 8, cases.CONCURRENCY), SMALL)
        report = asyncio.run(cases.doubling(info, scene, namespace))
    print(report.line())
    print("goal: promoted, 0 lost")
    return report.outcome == "Promoted" and not any(one.lost for one in report.answers)


def main() -> int:
    """Run the cases; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"which to run: {', '.join(_CASES)}; all by default")
    parser.add_argument("--cycles", type=int, default=5, help="how often it falls asleep")
    parser.add_argument("--no-install", action="store_true", help="an operator runs already: install none")
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - set(_CASES)
    if unknown:
        parser.error(f"there is no case {', '.join(sorted(unknown))}: choose from {', '.join(_CASES)}")
    progress = Lines()
    info = localcluster.up(localcluster.Settings(), progress)
    if not arguments.no_install:
        stage.install_operator(stage.source_root(), info, progress, "activator.enabled=true")
    bento = image(info, progress)
    good = True
    for case in arguments.cases or _CASES:
        print(f"-- {case}", flush=True)
        if case == "step":
            good &= _step(info, bento)
        elif case == "sleep":
            good &= _sleep(info, bento, arguments.cycles)
        else:
            good &= _canary(info, bento)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
