"""Commands that are no state: one annotation, `ekiben.dev/request: "VERB REVISION ID"` (approve: and a WEIGHT)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from .base import GROUP

REQUEST_ANNOTATION = f"{GROUP}/request"
_FORM = re.compile(r"([a-z]{1,16}) ([a-z0-9]{1,63}) ([-A-Za-z0-9._]{1,64})(?: ([0-9]{1,3}))?")


class Verb(StrEnum):
    """What somebody may ask for."""

    APPROVE = "approve"
    """The step that waits for approval may be left; its evidence still has to hold."""
    PROMOTE = "promote"
    """Give the new revision all requests now, whatever the steps still ahead."""
    SKIP = "skip"
    """Leave the present step now: its time, its approval and its evidence."""
    PAUSE = "pause"
    """Hold the rollout where it is; a regression still rolls back."""
    RESUME = "resume"
    """End a pause that was asked for by request."""
    ABORT = "abort"
    """Roll the new revision back."""
    RETRY = "retry"
    """Try the revision that was rolled back again."""
    UNDO = "undo"
    """Go back to an earlier revision, until spec.model changes."""
    WAKE = "wake"
    """Start a model that sleeps, without a request of a caller's; the idle window begins anew."""


@dataclass(frozen=True)
class Request:
    """One command, for one revision, to be handled once."""

    verb: Verb
    revision: str
    """Name of the revision that it is meant for; of `undo` the one to go back to."""
    id: str
    """Chosen by the sender: a second request with the ID of an earlier one is not handled."""

    weight: int | None = None
    """Of `approve`, the weight of the step that it is meant for, in per cent; None for the one that is waited at."""

    def text(self) -> str:
        """Return the annotation's value."""
        step = "" if self.weight is None else f" {self.weight}"
        return f"{self.verb.value} {self.revision} {self.id}{step}"


def parse(text: str) -> Request:
    """Read the annotation.

    Raises:
        ValueError: it has not the form "VERB REVISION ID", or "approve REVISION ID WEIGHT"; the message says what would
            be right.
    """
    found = _FORM.fullmatch(text)
    if found is None or found[1] not in set(Verb) or (found[4] and found[1] != Verb.APPROVE):
        verbs = ", ".join(Verb)
        raise ValueError(
            f'{text[:80]!r} is no request: write "VERB REVISION ID" with a verb out of {verbs}, the name of a revision '
            "and an ID of your own choice (letters, digits, '.', '_' and '-')"
        )
    return Request(Verb(found[1]), found[2], found[3], int(found[4]) if found[4] else None)
