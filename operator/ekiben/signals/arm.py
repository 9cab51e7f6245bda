"""One arm of the comparison as seen from outside: does it answer the scraper, does it complete requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .counters import MetricsError, PodCounters
from .increments import Increment
from .scrape import Scraped, ScrapeTarget

_STALE_TICKS = 3


@dataclass
class Arm:
    """What is known about the pods of one revision."""

    revision: str
    pods: int = 0
    missed: int = 0
    """Scrapes in a row in which no pod could be read."""
    last_read: float | None = None
    """When a pod was read last."""
    last_completion: float | None = None
    """When a request was counted last."""
    waiting_since: float | None = None
    """Since when requests have been in flight and none was completed."""
    troubles: tuple[str, ...] = ()
    counters: Mapping[str, PodCounters] = field(default_factory=dict)
    """The last counters of the pods that answered the last scrape."""

    def observe(
        self, targets: Sequence[ScrapeTarget], scraped: Scraped, counted: Mapping[str, Increment], now: float
    ) -> None:
        """Take in one scrape; other revisions' pods are left aside."""
        mine = [target.uid for target in targets if target.revision == self.revision]
        answers = {uid: scraped[uid] for uid in mine if uid in scraped}
        self.pods = len(mine)
        self.counters = {uid: answer for uid, answer in answers.items() if isinstance(answer, PodCounters)}
        self.troubles = tuple(sorted({str(a) for a in answers.values() if isinstance(a, MetricsError)}))
        if not self.counters:
            self.missed += 1
            return
        self.missed, self.last_read = 0, now
        completed = any(counted[uid].counts.n > 0 for uid in self.counters if uid in counted)
        if completed:
            self.last_completion = now
        if completed or not any(counters.in_flight for counters in self.counters.values()):
            self.waiting_since = None
        elif self.waiting_since is None:
            self.waiting_since = now

    @property
    def stale(self) -> bool:
        """Whether no pod could be read for three scrapes in a row."""
        return self.missed >= _STALE_TICKS

    def stale_message(self) -> str:
        """Say what is wrong, in plain English."""
        if self.pods == 0:
            return f"revision {self.revision} has no pods to read metrics from"
        pods = "the only pod" if self.pods == 1 else f"none of the {self.pods} pods"
        could = "could not be read" if self.pods == 1 else "could be read"
        why = f": {'; '.join(self.troubles[:3])}" if self.troubles else ""
        return f"{pods} of revision {self.revision} {could} at least {_STALE_TICKS} times in a row{why}"
