"""The scalers that are compared: ekiben's, the HPA's algorithm and Knative's, the latter two from their documentation.

- HorizontalPodAutoscaler: kubernetes.io, "Horizontal Pod Autoscaling", algorithm details and default behaviour. The CPU
  that a pod requests is what it uses with all slots busy. What it sees is the average over the 15 s before its look:
  no delay of a metrics server is held against it.
- Knative: knative.dev, "Additional autoscaling configuration for Knative Pod Autoscaler", and its default settings.
  The data path is the same for all three: no activator holds requests back while there are pods.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import ceil, floor

from ekiben.scaling import Config, Pod, Reading, Sample, State, initial, step

from .service import View


@dataclass
class Ekiben:
    """ekiben.scaling, a look each second."""

    config: Config
    state: State = field(init=False)

    def __post_init__(self) -> None:
        self.state = initial()

    def look(self, view: View) -> int:
        """Return the replicas that it asks for."""
        pods = []
        for pod in view.pods:
            ready = pod.ready_at <= view.now
            reading = Reading(pod.mean_in_flight, pod.arrived, pod.answered) if ready and pod.seen else None
            pods.append(Pod(ready, reading, pod.ready_at - pod.created if ready else None))
        sample = Sample(view.replicas, tuple(pods))
        self.state, decision = step(self.config, self.state, sample, view.now + 1)
        return decision.replicas


@dataclass
class Hpa:
    """A HorizontalPodAutoscaler: 15 s sync, 80 % CPU, tolerance 0.1, 300 s down stabilisation."""

    least: int
    most: int
    target: float = 0.8
    tolerance: float = 0.1
    sync: int = 15
    stabilisation: int = 300
    _usage: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=15))
    _wanted: deque[tuple[float, int]] = field(default_factory=deque)

    def look(self, view: View) -> int:
        """Return the replicas that it asks for."""
        ready = view.ready
        self._usage.append((sum(pod.busy for pod in ready) / view.model.slots, len(ready)))
        current = view.replicas
        if not self._wanted:
            self._wanted.append((view.now, current))  # it has run for long when the load begins
        if int(view.now) % self.sync or not ready:
            return current
        usage = sum(used for used, _ in self._usage) / len(self._usage)
        average = sum(used / many for used, many in self._usage if many) / len(self._usage)
        ratio, wanted = average / self.target, current
        if ratio > 1 + self.tolerance:
            # Pods that are not ready yet count as idle, which may not turn the direction.
            damped = usage / current / self.target
            wanted = ceil(damped * current) if damped > 1 + self.tolerance else current
        elif ratio < 1 - self.tolerance:
            wanted = ceil(ratio * len(ready))
        self._wanted.append((view.now, wanted))
        while self._wanted[0][0] <= view.now - self.stabilisation:
            self._wanted.popleft()
        if wanted < current:
            wanted = min(current, max(each for _, each in self._wanted))
        # Default policies: by 100 % or 4 pods in 15 s, whichever is more; down without a limit.
        return max(self.least, min(self.most, wanted, max(2 * current, current + 4)))


@dataclass
class Knative:
    """Knative's pod autoscaler by concurrency: 2 s tick, 60 s and 6 s windows, panic at 200 %, 70 % utilisation."""

    least: int
    most: int
    utilisation: float = 0.7
    _seen: deque[float] = field(default_factory=lambda: deque(maxlen=60))
    _panic_until: float = -1.0
    _panic_most: int = 0

    def look(self, view: View) -> int:
        """Return the replicas that it asks for."""
        self._seen.append(sum(pod.mean_in_flight for pod in view.pods))
        current, ready = view.replicas, max(1, len(view.ready))
        if self._panic_until < 0:
            self._panic_until, self._panic_most = view.now + 60, current  # as it starts: with what it finds
        if int(view.now) % 2:
            return current
        target = self.utilisation * view.model.slots
        last = list(self._seen)
        stable, panic = ceil(sum(last) / len(last) / target), ceil(sum(last[-6:]) / len(last[-6:]) / target)
        stable, panic = (max(floor(ready / 2), min(each, 1000 * ready)) for each in (stable, panic))
        if panic / ready >= 2:
            self._panic_until = view.now + 60
        if view.now < self._panic_until:
            self._panic_most = max(self._panic_most, stable, panic)
            wanted = self._panic_most
        else:
            self._panic_most, wanted = 0, stable
        return max(self.least, min(self.most, wanted))
