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
    """Write the end of a rollout into the history and forget the rollout.

    The entry is about `revision`: the rollout's own, or the one that served until it went back to its own.
    """
    entry = HistoryEntry(
        revision=revision.revision,
        number=revision.number,
        image=revision.image,
        outcome=outcome,
        reason=rollout.reason or outcome,
        message=rollout.message[:2048],
        started_at=rollout.started_at,
        ended_at=times.text(draft.now),
        back_to=rollout.revision if rollout.revision != revision.revision else None,
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
        kept.pop(min(range(len(kept) - _LAST), key=lambda index: _worth(kept, index, exist)))
    return kept


def _worth(entries: Sequence[HistoryEntry], index: int, exist: Container[str]) -> int:
    """Return 2 for the last promotion of a revision, 1 for the last return to one, 0 for what proves nothing."""
    one, later = entries[index], entries[index + 1 :]
    if one.outcome == "Promoted" and one.revision in exist:
        again = any(entry.outcome == "Promoted" and entry.revision == one.revision for entry in later)
        return 0 if again else 2
    if one.back_to is not None and one.back_to in exist:
        return 0 if any(entry.back_to == one.back_to for entry in later) else 1
    return 0
