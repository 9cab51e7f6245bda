"""What each pod had counted when it was read last, and what it has counted since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ekiben.analysis import Histogram

from .counters import PodCounters
from .increments import Increment, increments
from .source import ScrapeTarget


class References:
    """The last counters of every pod that is still there."""

    def __init__(self) -> None:
        self._counters: dict[str, PodCounters] = {}
        self._at: dict[str, float] = {}

    def take(
        self, targets: Sequence[ScrapeTarget], counters: Mapping[str, PodCounters], now: float
    ) -> tuple[dict[str, Increment], dict[str, float]]:
        """Take in a reading.

        Returns:
            Pod uid -> what it counted since its last reading, a pod that is read for the first time not among them;
            and pod uid -> when that last reading was, seconds since the epoch.
        """
        counted = increments(self._counters, counters)
        since = {uid: self._at[uid] for uid in counted}
        existing = {target.uid for target in targets}
        fresh = {uid: now if one.at is None else one.at for uid, one in counters.items()}
        self._at = {uid: at for uid, at in self._at.items() if uid in existing} | fresh
        self._counters = {uid: old for uid, old in self._counters.items() if uid in existing} | dict(counters)
        return counted, since

    @property
    def uids(self) -> tuple[str, ...]:
        """The pods that are known."""
        return tuple(self._counters)

    def histogram(self, uids: Sequence[str]) -> Histogram:
        """Return the sum of the pods' successful answers since they started."""
        pods = [self._counters[uid] for uid in uids]
        bounds = max((pod.bounds for pod in pods), key=len, default=())
        total = Histogram(bounds, (0,) * (len(bounds) + 1))
        for pod in pods:
            if pod.hist and pod.bounds == bounds:
                total = total.plus(pod.hist)
        return total
