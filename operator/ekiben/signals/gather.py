"""From increments to blocks: what is thrown away after a weight change, and how long a block is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add

from ekiben.analysis import POOLED, Block

from .increments import Increment, common_bounds, counts_on, merge

_WANTED = 5
"""Requests that a block should have in its smaller arm."""
_MOST_TICKS = 60
_FIRST_TICKS = 5


@dataclass
class Gatherer:
    """Makes blocks of the increments since the last weight change.

    At little traffic a tick holds requests of one arm alone and would say nothing, so a block is as many ticks long as
    bring about five requests of the smaller arm. Its length is fixed when it begins, from the traffic before it.
    """

    tick: float
    """Seconds."""
    since: float = 0.0
    """When the weight changed, seconds since the epoch."""
    settled: float = 0.0
    """When blocks begin to count."""
    weight: float | None = None
    """Share of the requests that the canary should get, 0 to 1; None where they are not split one by one."""
    _before: tuple[int, int] = (0, 0)
    """Requests of canary and baseline since the weight changed."""
    _complete: bool = True
    _began: float | None = None
    _ends: float = 0.0
    _canary: dict[str, Increment] = field(default_factory=dict)
    _baseline: dict[str, Increment] = field(default_factory=dict)
    _from: dict[str, float] = field(default_factory=dict)
    """Pod uid -> since when it has counted what the block has of it."""

    def begin(self, now: float, settle: float, weight: float | None = None) -> None:
        """Start anew after a weight change; nothing counts for `settle` seconds."""
        self.since, self.settled, self.weight = now, now + settle, weight
        self._before = (0, 0)
        self.drop()

    def add(
        self,
        canary: Mapping[str, Increment],
        baseline: Mapping[str, Increment],
        start: float,
        end: float,
        *,
        read: Mapping[str, float],
        pooled: bool = False,
        complete: bool = True,
    ) -> Block | None:
        """Take in one tick, from one scrape to the next; return a block when one is full.

        Args:
            canary: pod uid -> increments of the pods that could be read; empty when none could.
            baseline: the same for the stable.
            start: when the earlier of the two scrapes began.
            end: when the later one began.
            read: pod uid -> when the earlier of its own two scrapes began.
            pooled: whether what stands at a pod is of its whole revision.
            complete: whether all pods could be read; if not, the block carries no weight to compare its requests with.
        """
        if start >= self.settled:
            if self._began is None:
                self._began, self._ends = start, start + self._length(start)
            for uid in (*canary, *baseline):
                self._from.setdefault(uid, read[uid])
            self._canary, self._baseline = merge(self._canary, canary), merge(self._baseline, baseline)
            self._complete = self._complete and complete
        self._before = (self._before[0] + _requests(canary), self._before[1] + _requests(baseline))
        # Half a tick of grace: scrapes are never exactly a tick apart.
        full = self._began is not None and end >= self._ends - self.tick / 2
        # Both arms have to be seen at the end, or the block would compare different spans.
        if not (full and canary and baseline):
            return None
        self._leave_out(canary, baseline)
        return self._close(end, pooled=pooled)

    def _leave_out(self, canary: Mapping[str, Increment], baseline: Mapping[str, Increment]) -> None:
        """Leave out the pods whose counts are not of the whole block, and of nothing else.

        What a pod brings that could not be read for a while is of a longer span than the others' counts: a burst of
        errors that hit both revisions alike would stand in one of them alone.
        """
        whole = {uid for uid in (*canary, *baseline) if self._from[uid] == self._began}
        self._complete = self._complete and whole == {*self._canary, *self._baseline}
        self._canary = {uid: one for uid, one in self._canary.items() if uid in whole}
        self._baseline = {uid: one for uid, one in self._baseline.items() if uid in whole}

    def _close(self, end: float, *, pooled: bool) -> Block:
        bounds = common_bounds((*self._canary.values(), *self._baseline.values()))
        block = Block(
            id=f"{end:.6f}",
            t=end,
            canary=counts_on(_arm(self._canary, pooled=pooled), bounds),
            baseline=counts_on(_arm(self._baseline, pooled=pooled), bounds),
            bounds=bounds,
            weight=self.weight if self._complete else None,
        )
        self.drop()
        return block

    def drop(self) -> None:
        """Forget what the present block has so far; the next tick begins another."""
        self._began, self._canary, self._baseline, self._from, self._complete = None, {}, {}, {}, True

    def _length(self, start: float) -> float:
        elapsed = start - self.since
        rate = min(self._before) / elapsed if elapsed > 0 else 0.0
        # To the nearest tick: one that may hold four is looked at rather than waited on for twice as long.
        ticks = round(_WANTED / (rate * self.tick)) if rate > 0 else _FIRST_TICKS
        return self.tick * min(max(ticks, 1), _MOST_TICKS)


def _arm(parts: dict[str, Increment], *, pooled: bool) -> dict[str, Increment]:
    return {POOLED: reduce(add, parts.values())} if pooled and parts else parts


def _requests(parts: Mapping[str, Increment]) -> int:
    return sum(part.counts.n for part in parts.values())
