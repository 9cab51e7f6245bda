"""Status -> one line a rollout: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ekiben.cli.episodes import Episode, episodes
from ekiben.cli.explain.reasons import because
from ekiben.cli.seen import Seen
from ekiben.cli.words import moment

_SHORT = {"FirstRevision": "the first one", "Superseded": "another one was asked for"}
_SHORT |= {"Cancelled": "the one that served was asked for again"}


@dataclass(frozen=True)
class Line:
    """One rollout."""

    number: int
    revision: str
    image: str
    started_at: str
    ended_at: str | None
    seconds: float
    """How long it took, or has taken."""
    weight: int | None
    """The most that it had, in per cent of the requests; None where that is forgotten."""
    outcome: str
    reason: str
    why: str
    """The reason in plain English; empty where there is none."""
    message: str
    serves: bool
    """Whether the revision gets the requests now."""

    def data(self) -> dict[str, Any]:
        """Return it as JSON, keys as in a resource."""
        found = {
            "number": self.number,
            "revision": self.revision,
            "image": self.image,
            "startedAt": self.started_at,
            "endedAt": self.ended_at,
            "seconds": round(self.seconds, 3),
            "weight": self.weight,
            "outcome": self.outcome,
            "reason": self.reason,
            "message": self.message,
            "serves": self.serves,
        }
        return {key: value for key, value in found.items() if value is not None}


def lines(seen: Seen, now: float) -> list[Line]:
    """Return the rollouts, the latest first."""
    found = list(reversed(episodes(seen.status)))
    stable = seen.status.stable
    serving = stable.revision if stable else ""
    # A revision may have been rolled out more than once: it serves because of the last time.
    last = next((index for index, one in enumerate(found) if one.revision == serving and one.outcome == "Promoted"), -1)
    return [_line(one, now, serves=index == last) for index, one in enumerate(found)]


def _line(one: Episode, now: float, *, serves: bool) -> Line:
    return Line(
        number=one.number,
        revision=one.revision,
        image=one.image,
        started_at=one.started_at,
        ended_at=one.ended_at,
        seconds=max(0.0, (moment(one.ended_at) if one.ended_at else now) - moment(one.started_at)),
        weight=one.weight,
        outcome=one.outcome,
        reason=one.reason,
        why=_SHORT.get(one.reason) or because(one.reason, "the former one") or one.reason,
        message=one.message,
        serves=serves,
    )
