"""Specs that people write: every strategy, with times short enough for a history."""

from __future__ import annotations

from random import Random
from typing import Any

Json = dict[str, Any]

VERSIONS = tuple(f"registry.test/iris:v{number}" for number in range(1, 7))

_STEPS = (
    [{"weight": 10, "duration": "4s"}, {"weight": 50, "duration": "4s"}],
    [{"weight": 5, "duration": "3s"}, {"weight": 20, "duration": "3s"}, {"weight": 50, "duration": "3s"}],
    [{"weight": 20, "duration": "5s"}],
    [{"weight": 25, "duration": "4s", "approval": True}, {"weight": 50, "duration": "4s"}],
    [{"weight": 10, "duration": "4s", "requires": "notWorse"}, {"weight": 30, "duration": "4s", "approval": True}],
    [{"weight": 10, "duration": "3s"}, {"weight": 75, "duration": "3s"}, {"weight": 100, "duration": "3s"}],
    [{"weight": 0, "duration": "3s"}, {"weight": 40, "duration": "4s"}],
)

_TESTERS = {"header": "X-Tester", "value": "yes"}

_METRICS = (
    [{"type": "concurrency", "target": 4}],
    [{"type": "requestRate", "target": 4}],
    [{"type": "latency", "below": "300ms"}],
    [{"type": "concurrency"}, {"type": "requestRate", "target": 4}],
)


def model(version: str) -> Json:
    """Return spec.model of one version."""
    return {"image": version}


def rollout(rng: Random, strategy: str | None = None) -> Json:
    """Return a spec.rollout."""
    strategy = strategy or rng.choices(("canary", "blueGreen", "shadow", "recreate"), (4, 2, 3, 4))[0]
    spec: Json = {
        "strategy": strategy,
        "bake": rng.choice(("0s", "6s", "20s")),
        "progressDeadline": rng.choice(("15s", "30s")),
        "onProgressDeadline": rng.choice(("rollback", "rollback", "pause")),
        "rollbackWindow": rng.choice((0, 1, 3)),
        "revisionHistoryLimit": rng.choice((1, 2, 10)),
        "analysis": {
            "deadline": rng.choice(("12s", "40s")),
            "onInconclusive": rng.choice(("pause", "promote", "rollback")),
            "nonInferiority": {"delta": 0.05},
        },
    }
    if strategy == "canary":
        spec["steps"] = rng.choice(_STEPS)
        if spec["steps"][0]["weight"] == 0 or rng.random() < 0.3:
            spec["testers"] = dict(_TESTERS)
    elif strategy == "blueGreen":
        spec["blueGreen"] = {"duration": "5s", "approval": rng.random() < 0.3}
        if rng.random() < 0.3:
            spec["blueGreen"]["hostname"] = "preview.iris.example.com"
            spec["testers"] = dict(_TESTERS)
    elif strategy == "shadow":
        spec["shadow"] = {"percent": rng.choice((50, 100)), "duration": "5s", "approval": rng.random() < 0.3}
    return spec


def scaling(rng: Random) -> Json:
    """Return a spec.scaling."""
    kind = rng.random()
    if kind < 0.35:
        return {"replicas": rng.choice((1, 2, 3))}
    if kind < 0.4:
        return {"replicas": 0}
    least = rng.choice((1, 2, 3))
    return {"minReplicas": least, "maxReplicas": least + rng.choice((0, 1, 3))}


def followed(rng: Random, *, sleeps: bool = False) -> Json:
    """Return a spec.scaling, most often one by which replicas follow a measured load, and may be 0."""
    kind = 0.0 if sleeps else rng.random()
    least = rng.choice((1, 2))
    most = least + rng.choice((0, 1, 3, 6))
    metrics = rng.choice(_METRICS)
    if kind < 0.45:
        spec: Json = {"minReplicas": 0, "maxReplicas": most, "idleWindow": rng.choice(("6s", "10s"))}
        return spec if rng.random() < 0.3 else {**spec, "metrics": metrics}
    if kind < 0.6:
        return {"minReplicas": least, "maxReplicas": most, "metrics": metrics}
    if kind < 0.8:
        trigger = {"type": "cron", "metadata": {"desiredReplicas": "3"}}
        return {"minReplicas": least, "maxReplicas": most, "keda": {"triggers": [trigger]}}
    return scaling(rng)


def whole(rng: Random, strategy: str | None = None) -> Json:
    """Return the spec of a new resource."""
    spec: Json = {"model": model(VERSIONS[0]), "rollout": rollout(rng, strategy)}
    if rng.random() < 0.7:
        spec["scaling"] = scaling(rng)
    spec["traffic"] = traffic(rng)
    return spec


def traffic(rng: Random) -> Json:
    """Return a spec.traffic: each of the three ways."""
    return rng.choices(({}, {"provider": "replicaRatio"}, {"httpRoute": "front"}), (6, 2, 2))[0]
