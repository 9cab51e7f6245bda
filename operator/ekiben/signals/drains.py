"""Which revisions have no request left on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ekiben.rollout.observation import Drain

from .counters import PodCounters
from .increments import Increment
from .source import ScrapeTarget


class Drains:
    """Since when each revision's pods have been quiet."""

    def __init__(self) -> None:
        self._drains: dict[str, Drain] = {}

    def observe(
        self,
        targets: Sequence[ScrapeTarget],
        counters: Mapping[str, PodCounters],
        counted: Mapping[str, Increment],
        now: float,
    ) -> None:
        """Take in one scrape.

        Args:
            targets: the pods that were asked.
            counters: what those said that answered, by uid.
            counted: what happened since each pod's last answer, by uid.
            now: when the scrape began, seconds since the epoch.
        """
        revisions = {target.revision for target in targets}
        self._drains = {
            revision: self._drain(
                revision, [target.uid for target in targets if target.revision == revision], counters, counted, now
            )
            for revision in revisions
        }

    def drain(self, revision: str) -> Drain:
        """Return what the counters say; not known for a revision without pods, or with one that did not answer."""
        return self._drains.get(revision, Drain(known=False))

    def _drain(
        self,
        revision: str,
        uids: Sequence[str],
        counters: Mapping[str, PodCounters],
        counted: Mapping[str, Increment],
        now: float,
    ) -> Drain:
        if any(uid not in counters for uid in uids):
            return Drain(known=False)
        # A pod's first scrape tells nothing about what went before: the quiet time begins with the second at best.
        quiet = all(uid in counted and counted[uid].counts.n == 0 and counters[uid].in_flight == 0 for uid in uids)
        if not quiet:
            return Drain(known=True)
        before = self.drain(revision).quiet_since
        return Drain(known=True, quiet_since=now if before is None else before)
