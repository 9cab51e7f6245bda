"""Which revisions have served all requests before, and so need no steps on the way back."""

from __future__ import annotations

from ekiben.api.status import HistoryEntry, Status

from .draft import Draft

# A revision whose bake failed served all requests for a moment only.
_DISPROVED = ("RolledBack", "Failed")


def served(status: Status) -> list[str]:
    """Return the revisions that got all requests and were not rolled back since, the last one first.

    An `undo` that went back to one counts as its promotion: from then on it served as any other.
    """
    found: list[str] = []
    disproved: set[str] = set()
    for entry in reversed(status.history):
        if entry.outcome in _DISPROVED:
            disproved.add(entry.revision)
        gained = _gained(entry)
        if gained is not None and gained not in found and gained not in disproved:
            found.append(gained)
    return found


def _gained(entry: HistoryEntry) -> str | None:
    """Return the revision that got all requests as a rollout ended; None where they stayed."""
    return entry.revision if entry.outcome == "Promoted" else entry.back_to


def unfit(status: Status, revision: str) -> str:
    """Return why nobody may go back to a revision without steps, not even by request; empty where one may.

    A person may know better than an attempt that failed or was aborted since (a registry that was down); but what
    failed in its bake has served for a moment only.
    """
    for entry in reversed(status.history):
        if entry.revision == revision and entry.reason == "BakeFailed" and entry.outcome == "RolledBack":
            return "failed right after its promotion"
        if _gained(entry) == revision:
            return ""
    return "has never served"


def in_window(draft: Draft, revision: str) -> bool:
    """Return whether going to a revision is going back to one that was proven, within the rollback window.

    Only to an older one than what serves: a revision that was left for an older one may well have been left for cause.
    The one that served until just now, and is still up, counts whatever the window: its bake is for that.
    """
    stable, known = draft.status.stable, draft.revision(revision)
    if stable is None or known is None or known.number >= stable.number:
        return False
    former = draft.status.former
    if former is not None and former.revision == revision:
        return not unfit(draft.status, revision)
    others = [one for one in served(draft.status) if one != stable.revision and not undone(draft.status, one)]
    return revision in others[: draft.spec_rollout.rollback_window]


def undone(status: Status, revision: str) -> bool:
    """Return whether a revision was left by `undo` since it last got all requests.

    Then only another `undo` that names it, or steps, lead to it.
    """
    for entry in reversed(status.history):
        if _gained(entry) == revision:
            return False
        if entry.revision == revision and entry.outcome == "Undone":
            return True
    return False
