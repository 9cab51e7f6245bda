"""One ModelDeployment as the command line reads it: its status, and of its spec only what a text may speak of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ekiben.api.modeldeployment import Metadata
from ekiben.api.rollout import Rollout
from ekiben.api.status import Condition, RevisionStatus, Status
from ekiben.rollout import proven


class UnreadableError(Exception):
    """The resource was written by a version of ekiben that this one does not understand."""


@dataclass(frozen=True)
class Seen:
    """What was read. spec is kept raw: a field that this version does not know must not hide what serves."""

    metadata: Metadata
    status: Status
    spec: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """metadata.name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """metadata.namespace."""
        return self.metadata.namespace

    @property
    def policy(self) -> Rollout | None:
        """The policy of the rollout that is going on; None without one, or where it cannot be read."""
        running = self.status.rollout
        if running is None or not running.policy:
            return None
        try:
            return Rollout.model_validate(running.policy)
        except ValidationError:
            return None

    @property
    def stale(self) -> bool:
        """Whether the operator has not looked at the present spec yet."""
        return self.status.observed_generation < self.metadata.generation

    @property
    def by_replicas(self) -> bool:
        """Whether the number of ready pods splits the requests, not a Gateway."""
        return bool((self.spec.get("traffic") or {}).get("provider") == "replicaRatio")

    def condition(self, kind: str) -> Condition | None:
        """Return a condition of the status."""
        return next((one for one in self.status.conditions if one.type == kind), None)

    def told(self, kind: str) -> Condition | None:
        """Return a condition that is True, or None."""
        found = self.condition(kind)
        return found if found is not None and found.status == "True" else None

    def paused_by(self, reason: str) -> bool:
        """Return whether condition Paused is True for this reason."""
        paused = self.told("Paused")
        return paused is not None and paused.reason == reason

    def numbers(self) -> dict[str, int]:
        """Return the number of each revision that the status names, by its name; those that take part come first."""
        found: dict[str, int] = {}
        status = self.status
        taking_part: list[RevisionStatus | None] = [status.canary, status.stable, status.former]
        for one in taking_part:
            if one is not None:
                found.setdefault(one.revision, one.number)
        if status.pinned is not None:
            found.setdefault(status.pinned.revision, status.pinned.number)
        for entry in reversed(status.history):
            found.setdefault(entry.revision, entry.number)
        for decision in reversed(status.decisions):
            found.setdefault(decision.revision, decision.number)
        return found

    def before(self) -> str:
        """Return the revision that `undo` without --to goes back to; empty where there is none.

        Neither what was rejected nor what an undo has left: a second undo goes back further, not forward again.
        """
        status = self.status
        unfit = {status.rejected_revision, status.stable.revision if status.stable else None}
        found = (one for one in proven.served(status) if one not in unfit and not proven.undone(status, one))
        return next(found, "")

    def data(self) -> dict[str, Any]:
        """Return what -o json prints: the status, with the names that say whose it is."""
        status = self.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        if self.status.rollout is not None:
            status["rollout"].pop("evidence", None)  # the analysis' own notes: not for reading
        return {
            "namespace": self.namespace,
            "name": self.name,
            "generation": self.metadata.generation,
            "status": status,
        }

    def find(self, text: str) -> str | None:
        """Return the name of the revision that somebody means by its number or its name; None where none is known."""
        numbers = self.numbers()
        if text in numbers:
            return text
        return next((name for name, number in numbers.items() if number and str(number) == text), None)

    def called(self, revision: str) -> str:
        """Return what people call a revision: "revision 3 (bcdfghjk)"."""
        number = self.numbers().get(revision, 0)
        return f"revision {number} ({revision})" if number else f"revision {revision}"


def seen(raw: dict[str, Any]) -> Seen:
    """Read a resource as the API server gives it.

    Raises:
        UnreadableError: its status has not the form that this version knows.
    """
    try:
        metadata = Metadata.model_validate(raw.get("metadata") or {})
        status = Status.model_validate(raw.get("status") or {})
    except ValidationError as error:
        name = (raw.get("metadata") or {}).get("name", "")
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnreadableError(
            f"The status of {name} was written by another version of ekiben ({where}: {first['msg']}): "
            "install the version of the command line that the operator has"
        ) from error
    return Seen(metadata, status, raw.get("spec") or {})
