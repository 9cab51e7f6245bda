"""The rollouts that a status tells of, each with its decisions: pure."""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.api.status import Decision, HistoryEntry, RolloutStatus, Status

from .words import moment

RUNNING = "Running"
_OPENING = ("RolloutStarted", "RevisionCreated", "GoingBack", "Replacing")
"""Decisions that begin a rollout; at the moment in which the former one ended they belong to the next."""


@dataclass(frozen=True)
class Episode:
    """One rollout, going on or over."""

    revision: str
    """The revision that it was about: the new one, or with outcome Undone the one that was left."""
    number: int
    image: str
    outcome: str
    """Running, or one of the history's outcomes."""
    reason: str
    message: str
    started_at: str
    ended_at: str | None
    decisions: tuple[Decision, ...]
    """Those that fell while it went on; older ones may be forgotten."""

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.outcome == RUNNING

    @property
    def leaves(self) -> bool:
        """Whether it took requests away from the revision that had served, instead of giving it any."""
        return self.outcome == "Undone" or self.reason == "BakeFailed"

    def seconds(self, now: float) -> float:
        """How long it took, or has taken."""
        return max(0.0, (moment(self.ended_at) if self.ended_at else now) - moment(self.started_at))

    @property
    def back_to(self) -> int:
        """The number of the revision that all requests went back to, where it `leaves`; 0 where that is forgotten."""
        return next((one.number for one in self.decisions if one.decision == "GoingBack"), 0)

    @property
    def weight(self) -> int | None:
        """The most that the new revision had, in per cent; None where that is forgotten."""
        if self.leaves or (self.outcome == "Promoted"):
            return 100
        told = [one.weight for one in self.decisions if one.revision == self.revision]
        complete = any(one.decision in _OPENING for one in self.decisions)
        return max(told, default=0) if complete else (max(told, default=0) or None)


def episodes(status: Status) -> list[Episode]:
    """Return the rollouts, the oldest first; the last one may be going on."""
    found = [_over(status, entry) for entry in status.history]
    running, canary = status.rollout, status.canary
    if running is not None:
        number, image = (canary.number, canary.image) if canary is not None else (0, "")
        found.append(_going_on(status, running, number, image))
    return found


def chosen(status: Status, revision: str = "") -> Episode | None:
    """Return the last rollout, or the last one of a revision; None where there was none."""
    about = [one for one in episodes(status) if not revision or one.revision == revision]
    return about[-1] if about else None


def _over(status: Status, entry: HistoryEntry) -> Episode:
    begin, end = moment(entry.started_at), moment(entry.ended_at)
    decisions = tuple(one for one in status.decisions if _within(one, entry.revision, begin, end))
    return Episode(
        entry.revision,
        entry.number,
        entry.image,
        entry.outcome,
        entry.reason,
        entry.message,
        entry.started_at,
        entry.ended_at,
        decisions,
    )


def _going_on(status: Status, running: RolloutStatus, number: int, image: str) -> Episode:
    begin = moment(running.started_at)
    decisions = tuple(one for one in status.decisions if _within(one, running.revision, begin, float("inf")))
    return Episode(
        running.revision,
        number,
        image,
        RUNNING,
        running.reason,
        running.message,
        running.started_at,
        None,
        decisions,
    )


def _within(one: Decision, revision: str, begin: float, end: float) -> bool:
    """Whether a decision fell within a rollout: one look may end a rollout and begin the next in the same moment."""
    at = moment(one.at)
    if begin < at < end:
        return True
    opening = one.decision in _OPENING
    if at == begin:
        return opening or one.revision == revision
    return at == end and not (opening and one.revision != revision)
