"""One revision in the scaler's eyes: its pods' counters, what it remembers, and its last decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ekiben.scaling import Config, Decision, Learned, Pod, Profile, Sample, State, initial, profile, step
from ekiben.signals.counters import PodCounters
from ekiben.signals.source import Readings, ScrapeTarget

from .readings import At, between


@dataclass(frozen=True)
class Seen:
    """A pod as the API server shows it."""

    uid: str
    ready: bool
    started_in: float | None
    """Seconds from its creation to its first readiness; None where that is not known."""


@dataclass(frozen=True)
class Flow:
    """What the activator adds to a look."""

    waiting: float = 0.0
    arrived: float = 0.0
    forwarded: float = 0.0
    known: bool = True
    may_sleep: bool = False


class Arm:
    """Follows one revision."""

    def __init__(self, revision: str, learned: Learned | None = None) -> None:
        self.revision = revision
        self.state: State = initial(learned)
        self.decision: Decision | None = None
        self._read: dict[str, At] = {}
        self._started: dict[str, float] = {}
        self._at: float | None = None

    def observe(
        self,
        config: Config,
        pods: Sequence[Seen],
        replicas: int,
        read: Readings,
        targets: Sequence[ScrapeTarget],
        flow: Flow,
        below: float | None,
        now: float,
    ) -> Decision:
        """Take one look, and decide.

        Args:
            config: what is asked for.
            pods: those that exist and are not going.
            replicas: what the Deployment asks for.
            read: what the pods answered.
            targets: those that were asked.
            flow: what the activator holds and has counted.
            below: seconds above which an answer is slow.
            now: seconds since the epoch.
        """
        asked = {target.uid for target in targets}
        read_now = {uid: At(found, now) for uid in asked if isinstance(found := read.get(uid), PodCounters)}
        seconds = 1.0 if self._at is None else min(60.0, max(0.05, now - self._at))
        for pod in pods:
            if pod.ready and pod.started_in is not None:
                self._started.setdefault(pod.uid, pod.started_in)
        sample = Sample(
            replicas=replicas,
            pods=tuple(
                Pod(
                    ready=pod.ready,
                    reading=between(self._read.get(pod.uid), read_now[pod.uid], below) if pod.uid in read_now else None,
                    started_in=self._started.get(pod.uid),
                )
                for pod in pods
            ),
            seconds=seconds,
            waiting=flow.waiting,
            arrived=flow.arrived,
            forwarded=flow.forwarded,
            may_sleep=flow.may_sleep,
            known=flow.known,
        )
        kept = {pod.uid for pod in pods}
        self._read = {uid: at for uid, at in {**self._read, **read_now}.items() if uid in kept}
        self._started = {uid: took for uid, took in self._started.items() if uid in kept}
        self._at = now
        self.state, self.decision = step(config, self.state, sample, now)
        return self.decision

    def woken(self, at: float) -> None:
        """Take somebody to have asked for the revision at that time, seconds since the epoch."""
        self.state = replace(self.state, busy_at=max(at, self.state.busy_at or at))

    def profile(self, config: Config, now: float) -> Profile | None:
        """Return what the revision was seen to carry."""
        return profile(config, self.state, now)
