"""What is told about a rollout, as data: the same for people (render.py) and for programs (-o json)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from pydantic.alias_generators import to_camel


class Tone(StrEnum):
    """How it went, for the eye."""

    GOOD = "good"
    BAD = "bad"
    WAITING = "waiting"
    PLAIN = "plain"


@dataclass(frozen=True)
class Figure:
    """One measure of the new revision beside the one that serves."""

    metric: str
    text: str
    """The counts in a sentence."""
    worse: float
    """Evidence that the new revision is worse, as a share of what rolls it back; 1 and more decides."""
    not_worse: float
    """Evidence that it is not worse, as a share of what it needs; 1 and more is enough."""
    canary_events: int
    canary_requests: int
    stable_events: int
    stable_requests: int


@dataclass(frozen=True)
class Beat:
    """One thing that happened."""

    at: str
    """RFC 3339."""
    decision: str
    """The operator's word for it, such as WeightRaised."""
    text: str
    by_then: str = ""
    """What the requests said by then, counted from the beginning of the rollout, in one line."""
    figures: tuple[Figure, ...] = ()
    """The same, with the evidence."""


@dataclass(frozen=True)
class Option:
    """Something that one can do next."""

    command: str
    what: str


@dataclass(frozen=True)
class Story:
    """One rollout: what was asked, what happened, why, and what comes next."""

    namespace: str
    name: str
    revision: str
    number: int
    image: str
    outcome: str
    """Running, an outcome of the history, or None where nothing has happened yet."""
    reason: str
    tone: Tone
    headline: str
    """One sentence that says it all."""
    asked: str
    """What was asked for."""
    beats: tuple[Beat, ...]
    figures: tuple[Figure, ...]
    """What the requests say last."""
    decided: str
    """What decided, and how sure that is."""
    waits: str
    """What it waits for now; empty where it waits for nothing."""
    until: str | None
    """When that wait ends by itself, one way or the other; RFC 3339."""
    then: str
    """What happens at that time."""
    notes: tuple[str, ...]
    options: tuple[Option, ...]

    def data(self) -> dict[str, Any]:
        """Return it as JSON, keys in camelCase as in a resource."""
        return {to_camel(key): _plain(value) for key, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {to_camel(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.value if isinstance(value, StrEnum) else value
