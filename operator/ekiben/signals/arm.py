"""One arm of the comparison as seen from outside: can it be read, does it complete requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ekiben.api.model import Runtime

from .counters import MetricsError, PodCounters, Trouble
from .increments import Increment
from .source import Readings, ScrapeTarget

_STALE_TICKS = 3


@dataclass
class Arm:
    """What is known about the pods of one revision."""

    revision: str
    pods: int = 0
    missed: int = 0
    """Readings in a row in which no pod could be read."""
    last_completion: float | None = None
    """When a request was counted last."""
    waiting_since: float | None = None
    """Since when requests have been in flight and none was completed."""
    requests: int = 0
    """Requests counted so far."""
    runtime: Runtime = Runtime.BENTOML
    """The model server in its pods."""
    troubles: tuple[MetricsError, ...] = ()
    unread: Mapping[str, tuple[float, MetricsError]] = field(default_factory=dict)
    """Pod uid -> since when it could not be read, and why."""
    at_rest: Mapping[str, int] = field(default_factory=dict)
    """Pod uid -> requests in flight, the reading itself among them, while there are no others: the fewest so far."""
    counters: Mapping[str, PodCounters] = field(default_factory=dict)
    """The last counters of the pods that answered the last reading."""

    def observe(
        self, targets: Sequence[ScrapeTarget], read: Readings, counted: Mapping[str, Increment], now: float
    ) -> None:
        """Take in one reading; other revisions' pods are left aside."""
        mine = [target.uid for target in targets if target.revision == self.revision]
        answers = {uid: read[uid] for uid in mine if uid in read}
        self.pods = len(mine)
        self.runtime = next((one.runtime for one in targets if one.revision == self.revision), self.runtime)
        self.counters = {uid: answer for uid, answer in answers.items() if isinstance(answer, PodCounters)}
        self.troubles = tuple(answer for answer in answers.values() if isinstance(answer, MetricsError))
        self.unread = {
            uid: (self.unread[uid][0] if uid in self.unread else now, answer)
            for uid, answer in answers.items()
            if isinstance(answer, MetricsError)
        }
        fewest = {uid: one.in_flight for uid, one in self.counters.items() if one.in_flight_itself}
        before = {uid: count for uid, count in self.at_rest.items() if uid in mine}
        self.at_rest = before | {uid: min(count, before.get(uid, count)) for uid, count in fewest.items()}
        if not self.counters:
            self.missed += 1
            return
        self.missed = 0
        completed = sum(counted[uid].counts.n for uid in self.counters if uid in counted)
        self.requests += completed
        if completed:
            self.last_completion = now
        if completed or not any(self._works(uid, counters) for uid, counters in self.counters.items()):
            self.waiting_since = None
        elif self.waiting_since is None:
            self.waiting_since = now

    def _works(self, uid: str, counters: PodCounters) -> bool:
        """Whether a pod works on a request other than the reading itself."""
        return counters.in_flight > (self.at_rest[uid] if counters.in_flight_itself else 0)

    @property
    def stale(self) -> bool:
        """Whether no pod could be read for three readings in a row."""
        return self.missed >= _STALE_TICKS

    @property
    def source_down(self) -> bool:
        """Whether that was not the pods' fault: what is asked about them does not answer itself."""
        return self.stale and any(one.trouble is Trouble.SOURCE_DOWN for one in self.troubles)

    @property
    def several(self) -> bool:
        """Whether pods do answer, but several processes of one do, each with counters of its own."""
        return any(one.trouble is Trouble.SEVERAL for one in self.troubles)

    @property
    def not_routed(self) -> bool:
        """Whether the gateway knows nothing of the resource."""
        return any(one.trouble is Trouble.NOT_ROUTED for one in self.troubles)

    @property
    def reasons(self) -> str:
        """Up to three of the reasons, in plain English."""
        return "; ".join(sorted({str(one) for one in self.troubles})[:3])

    def blind_spot(self, patience: float, now: float) -> str:
        """Say which part of the pods has not been read for so many seconds; empty where all are read, or none is."""
        lost = [why for since, why in self.unread.values() if now - since >= patience]
        if not lost or not self.counters:
            return ""
        # No number of seconds: each would be a write of the status.
        return (
            f"PodsUnread: what {len(lost)} of the {self.pods} pods of revision {self.revision} answer is not judged, "
            f"because they cannot be read: {min(map(str, lost))}"
        )

    def stale_message(self) -> str:
        """Say what is wrong, in plain English."""
        if self.pods == 0:
            return f"revision {self.revision} has no pods to read metrics from"
        pods = "the only pod" if self.pods == 1 else f"none of the {self.pods} pods"
        could = "could not be read" if self.pods == 1 else "could be read"
        why = f": {self.reasons}" if self.troubles else ""
        return f"{pods} of revision {self.revision} {could} at least {_STALE_TICKS} times in a row{why}"
