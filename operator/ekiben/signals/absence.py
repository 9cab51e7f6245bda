"""Whether a metric has no series where by now it should have some."""

from __future__ import annotations

from collections.abc import Mapping

_EXPECTED = 20.0
"""Trials that a revision should have had before its having none is no chance any more: e^-20."""


class Absence:
    """Which of two revisions has no series, and since when."""

    def __init__(self, canary: str, stable: str, patience: float) -> None:
        """Prepare; `patience` is how long (seconds) nothing need be there."""
        self._pair = canary, stable
        self._patience = patience
        self._share = 0.0
        self._since: dict[str, float] = {}
        self._due: dict[str, float] = {}

    def change(self, share: float) -> None:
        """Say which share of the requests the canary has, 0 to 1."""
        self._share = share
        if not 0 < share < 1:
            self._since, self._due = {}, {}

    def observe(self, found: Mapping[str, int], now: float) -> None:
        """Take in a reading that began at `now`: revision -> trials since the last one, of those that have series."""
        if not 0 < self._share < 1:
            return
        canary, stable = self._pair
        odds = self._share / (1 - self._share)
        for revision, other, more in ((canary, stable, odds), (stable, canary, 1 / odds)):
            if revision in found:
                self._since.pop(revision, None)
                self._due.pop(revision, None)
            else:
                self._since.setdefault(revision, now)
                self._due[revision] = self._due.get(revision, 0.0) + found.get(other, 0) * more

    def of(self, now: float) -> tuple[str, ...]:
        """Return the revisions that are without, where that is no chance: both, or one that should have had trials."""
        late = tuple(one for one, since in self._since.items() if now - since >= self._patience)
        return late if len(late) == len(self._pair) else tuple(one for one in late if self._due[one] >= _EXPECTED)
