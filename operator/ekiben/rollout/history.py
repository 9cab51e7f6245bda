"""The history: how each rollout ended, bounded, and never so that what has served is forgotten for what has not."""

from __future__ import annotations

from collections.abc import Container, Sequence

from ekiben.api.status import HistoryEntry, RevisionStatus, RolloutStatus

from . import times
from .draft import Draft

_KEPT = 20
# Whatever they are: what has just happened has to be there for whoever asks.
_LAST = 10


def close(draft: Draft, outcome: str, revision: RevisionStatus, rollout: RolloutStatus) -> None:
    """Write the end of a rollout into the history and forget the rollout."""
    entry = HistoryEntry(
        revision=revision.revision,
        number=revision.number,
        image=revision.image,
        outcome=outcome,
        reason=rollout.reason or outcome,
        message=rollout.message[:2048],
        started_at=rollout.started_at,
        ended_at=times.text(draft.now),
    )
    entries = bounded([*draft.status.history, entry], draft.observation.revisions)
    draft.update(history=entries, rollout=None, canary=None, last_policy=rollout.policy or draft.status.last_policy)


def bounded(entries: Sequence[HistoryEntry], exist: Container[str]) -> list[HistoryEntry]:
    """Return at most 20 entries: the last ten, and of the others rather those that prove a revision than failures.

    Twenty failed attempts in a row would otherwise leave no revision to go back to. `exist` has the revisions that
    can still be gone back to.
    """
    kept = list(entries)
    while len(kept) > _KEPT:
        older = range(len(kept) - _LAST)
        kept.pop(next((index for index in older if not _proves(kept, index, exist)), 0))
    return kept


def _proves(entries: Sequence[HistoryEntry], index: int, exist: Container[str]) -> bool:
    """Whether an entry is the last one that says that a revision has served."""
    one = entries[index]
    later = (entry for entry in entries[index + 1 :] if entry.revision == one.revision)
    return one.outcome == "Promoted" and one.revision in exist and all(entry.outcome != "Promoted" for entry in later)
