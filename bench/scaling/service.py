"""A service of pods under load, second by second: who waits, who is lost, what it costs.

Every request is simulated. It goes to the less busy of two ready pods chosen by chance (what gateways call
"least request"), waits there in order of arrival for one of the pod's slots, and is lost when no pod is ready, when the
pod's queue is full, or when it has waited for the timeout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Model:
    """How one pod of a model works."""

    slots: int = 4
    """Requests that it works on at once."""
    service: float = 0.5
    """Seconds that it works on one, on average; log-normal."""
    deviation: float = 0.5
    """Standard deviation of that, as a share of it."""
    queue: int = 64
    """Requests that may wait in it."""
    timeout: float = 30.0
    """Seconds after which a request that waits gives up."""
    slow: float = 1.0
    """A request that waited for longer was slow."""


@dataclass
class SimPod:
    """One pod."""

    created: float
    ready_at: float
    free_at: list[float]
    """When each slot is free; a heap."""
    leaves_at: list[float] = field(default_factory=list)
    """When each of its requests leaves; a heap."""
    in_flight: int = 0
    """At the last look."""
    busy: float = 0.0
    mean_in_flight: float = 0.0
    came: int = 0
    """Requests since the last look, refused ones included."""
    refused: int = 0
    arrived: float = 0.0
    answered: float = 0.0
    seen: bool = False
    """It was ready at the look before as well."""

    def look(self, now: float) -> None:
        """Count what happened since the last look, a second ago."""
        while self.leaves_at and self.leaves_at[0] <= now:
            heappop(self.leaves_at)
        before, self.in_flight = self.in_flight, len(self.leaves_at)
        self.mean_in_flight = (before + self.in_flight) / 2
        self.arrived = float(self.came)
        self.answered = float(max(0, self.came - self.refused - (self.in_flight - before)))
        self.busy = float(sum(at > now for at in self.free_at))
        self.came = self.refused = 0


@dataclass
class View:
    """What a scaler may look at."""

    now: float
    replicas: int
    """Asked for."""
    pods: list[SimPod]
    model: Model

    @property
    def ready(self) -> list[SimPod]:
        """Pods that take requests."""
        return [pod for pod in self.pods if pod.ready_at <= self.now]


class Scaler(Protocol):
    """Decides how many replicas there are."""

    def look(self, view: View) -> int:
        """Return the replicas to ask for; called once a second."""


@dataclass
class Outcome:
    """What came of a load; the first seconds, in which windows fill, are left out."""

    requests: int = 0
    lost: int = 0
    slow: int = 0
    waited: float = 0.0
    replica_seconds: float = 0.0
    changes: int = 0
    replicas: list[int] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)
    bad: list[int] = field(default_factory=list)
    """Lost or slow, second by second."""


def simulate(
    rates: np.ndarray, scaler: Scaler, model: Model, start: float, seed: int, initial: int, warm: int = 120
) -> Outcome:
    """Return what came of a load.

    Args:
        rates: requests a second, second by second.
        scaler: what decides.
        model: what a pod does.
        start: seconds until a new pod is ready, give or take a fifth.
        seed: of arrivals, times and choices; the same ones for each scaler.
        initial: replicas that are ready at the beginning.
        warm: seconds at the beginning that are not counted.
    """
    rng, starts = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    sigma = float(np.sqrt(np.log(1 + model.deviation**2)))
    pods = [SimPod(-start, 0.0, [0.0] * model.slots, seen=True) for _ in range(initial)]
    outcome = Outcome()
    for second, rate in enumerate(rates):
        now = float(second)
        for pod in pods:
            pod.look(now)
        wanted = scaler.look(View(now, len(pods), pods, model))
        for pod in pods:
            pod.seen = pod.ready_at <= now
        counted = second >= warm
        if counted:
            outcome.changes += wanted != len(pods)
            outcome.replica_seconds += wanted
        _resize(pods, wanted, now, start, starts, model)
        ready = [pod for pod in pods if pod.ready_at <= now]
        count = int(rng.poisson(rate))
        times = np.sort(rng.random(count)) + now
        services = rng.lognormal(np.log(model.service) - sigma**2 / 2, sigma, count)
        choices = rng.random((count, 2))
        lost, slow, waited = _serve(ready, times.tolist(), services.tolist(), choices.tolist(), model)
        outcome.replicas.append(wanted)
        outcome.ready.append(len(ready))
        outcome.bad.append(lost + slow)
        if counted:
            outcome.requests += count
            outcome.lost += lost
            outcome.slow += slow
            outcome.waited += waited
    return outcome


def _resize(
    pods: list[SimPod], wanted: int, now: float, start: float, starts: np.random.Generator, model: Model
) -> None:
    while len(pods) < wanted:
        ready_at = now + start * float(starts.uniform(0.8, 1.2))
        pods.append(SimPod(now, ready_at, [0.0] * model.slots))
    if len(pods) > wanted:
        # As a ReplicaSet chooses: those that are not ready first, then the youngest.
        pods.sort(key=lambda pod: (pod.ready_at > now, pod.created))
        del pods[wanted:]


def _serve(
    ready: list[SimPod], times: list[float], services: list[float], choices: list[list[float]], model: Model
) -> tuple[int, int, float]:
    lost = slow = 0
    waited = 0.0
    many, room = len(ready), model.slots + model.queue
    if not many:
        return len(times), 0, 0.0
    for at, service, (a, b) in zip(times, services, choices, strict=True):
        pod, other = ready[int(a * many)], ready[int(b * many)]
        leaves = pod.leaves_at
        while leaves and leaves[0] <= at:
            heappop(leaves)
        if other is not pod:
            others = other.leaves_at
            while others and others[0] <= at:
                heappop(others)
            if len(others) < len(leaves):
                pod, leaves = other, others
        pod.came += 1
        if len(leaves) >= room:
            pod.refused += 1
            lost += 1
            continue
        begins = max(at, pod.free_at[0])
        wait = begins - at
        if wait > model.timeout:
            heappush(leaves, at + model.timeout)
            lost += 1
            continue
        heapreplace(pod.free_at, begins + service)
        heappush(leaves, begins + service)
        waited += wait
        slow += wait > model.slow
    return lost, slow, waited
