"""Two arms over the same spans of time: what is thrown away, what becomes a block, what the analysis makes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ekiben.analysis import Block, Config, Histogram, State, initial, step

from .counters import PodCounters
from .gather import Gatherer
from .increments import Increment
from .references import References
from .source import ScrapeTarget


@dataclass(frozen=True)
class Counted:
    """What was counted since the last reading."""

    each: Mapping[str, Increment]
    """Pod uid -> what it counted."""

    def of(self, uids: Collection[str]) -> dict[str, Increment]:
        """Return what these pods counted."""
        return {uid: self.each[uid] for uid in uids if uid in self.each}

    def requests(self, uids: Collection[str]) -> int:
        """Return how many requests these pods counted."""
        return sum(one.counts.n for one in self.of(uids).values())


@dataclass(frozen=True)
class Reading:
    """One reading, taken in."""

    counted: Counted
    since: Mapping[str, float]
    """Pod uid -> when it had counted what it said before, seconds since the epoch."""
    read: Mapping[str, float]
    """Pod uid -> when the last reading began that it answered."""
    before: float | None
    """When the reading before began."""
    now: float


class Comparison:
    """The counters of two arms, and the state of the analysis."""

    def __init__(
        self,
        config: Config,
        tick: float,
        state: State | None = None,
        *,
        randomised: bool = True,
        rejected: bool = True,
    ) -> None:
        """Prepare.

        Args:
            config: what the analysis is to guarantee.
            tick: seconds between two readings.
            state: what to go on with; None at the beginning.
            randomised: whether each request goes to one of the arms by chance, so that their shares can be checked.
            rejected: whether rejected requests are judged.
        """
        self.state = state
        self.usable = False
        """At least one block with requests of both arms was counted since the share changed."""
        self.references = References()
        self._config = config
        self._randomised = randomised
        self._rejected = rejected
        self._gatherer = Gatherer(tick)
        self._share = 0.0
        self._read_at: float | None = None
        self._read: dict[str, float] = {}

    def change(self, share: float, now: float, settle: float, history: Histogram | None) -> None:
        """Begin anew at another share of the requests.

        Args:
            share: the canary's, 0 to 1.
            now: seconds since the epoch.
            settle: seconds for which nothing counts.
            history: the baseline's successful answers so far; None where their latency is not known.
        """
        self._share, self.usable = share, False
        if share > 0 and self.state is None:
            # Before the canary's first request: afterwards its own answers might sway the boundary.
            self.state = initial(self._config, history, rejected=self._rejected)
        self._gatherer.begin(now, settle, share if self._randomised else None)

    def read(self, targets: Sequence[ScrapeTarget], counters: Mapping[str, PodCounters], now: float) -> Reading:
        """Take in a reading that began at `now`; `count` then makes evidence of it."""
        counted, since = self.references.take(targets, counters, now)
        before, self._read_at = self._read_at, now
        read = {uid: self._read[uid] for uid in counted}
        existing = {target.uid for target in targets}
        self._read = {uid: at for uid, at in self._read.items() if uid in existing} | dict.fromkeys(counters, now)
        return Reading(Counted(counted), since, read, before, now)

    def count(
        self,
        reading: Reading,
        canary: Collection[str],
        baseline: Collection[str],
        *,
        pooled: bool,
        complete: bool = True,
    ) -> None:
        """Make a block of what these pods counted, when one is full, and judge it.

        Args:
            reading: what `read` returned.
            canary: uids of the canary's pods that could be read.
            baseline: the same of the stable.
            pooled: whether what stands at a pod is of its whole revision.
            complete: whether every pod of both could be read; if not, their shares of the requests are not known.
        """
        if self._share == 0 or reading.before is None:
            return
        # What a pod counted since a look before the settle time is not told apart from what came after it.
        settled = self._gatherer.settled
        late = reading.before >= settled
        fresh = {u: one for u, one in reading.counted.each.items() if not (late and reading.since[u] < settled)}
        if reading.counted.each and not fresh:
            # A block that began here would be without the pods' first part, and they would all be left out of it.
            self._gatherer.drop()
            return
        usable = Counted(fresh)
        mine, others = usable.of(canary), usable.of(baseline)
        # Of a pod that is read for the first time nobody knows what it has just answered.
        complete = complete and len(mine) == len(canary) and len(others) == len(baseline)
        block = self._gatherer.add(
            mine, others, reading.before, reading.now, read=reading.read, pooled=pooled, complete=complete
        )
        self._step(block)

    def _step(self, block: Block | None) -> None:
        if block is None or self.state is None:
            return
        self.state, _ = step(self.state, block)
        both = (sum(counts.n for counts in arm.values()) > 0 for arm in (block.canary, block.baseline))
        self.usable = self.usable or all(both)
