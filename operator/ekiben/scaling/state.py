"""What the scaler remembers between looks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from .learn import Learned
from .levels import Level, Levels
from .seen import Seen
from .window import Bucket, Window

VERSION = 1
_MOST_PEAKS = 60


Peaks = tuple[tuple[float, int], ...]
"""(time, most replicas since then): rising in time, falling in replicas."""


class StateError(ValueError):
    """A saved state cannot be read; the message says why."""


@dataclass(frozen=True)
class Panic:
    """A panic that has not passed."""

    over_at: float
    """When the load was last above the threshold."""
    most: int
    """The most replicas that it needed."""


@dataclass(frozen=True)
class State:
    """The whole of what the scaler remembers of one revision; at most 16 KB as JSON."""

    seen: Seen = field(default_factory=Seen)
    """The looks of the last minutes."""
    learned: Learned = field(default_factory=Learned)
    peaks: Peaks = ()
    """What the load needed, over the scale-down delay."""
    rushes: Peaks = ()
    """What load and queue needed together, over less."""
    panic: Panic | None = None
    began: float | None = None
    """The first look after which there was none without another within a minute; None before any."""
    at: float | None = None
    """The last look at which anything could be read."""
    busy_at: float | None = None
    """When there was last a request, or a pod that nobody could see into."""

    def to_json(self) -> str:
        """Return the state as text; floats are exact."""
        data = asdict(self)
        for window in data["seen"].values():
            # By place, not by name: there are up to 120 of them.
            window["buckets"] = [list(bucket.values()) for bucket in window["buckets"]]
        return json.dumps({"version": VERSION, **data}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return a state from its text.

        Raises:
            StateError: the text is not a state, or was written by another version.
        """
        data = _versioned(text)
        try:
            return cls(
                seen=Seen(_window(data["seen"]["fine"]), _window(data["seen"]["coarse"])),
                learned=_learned(data["learned"]),
                peaks=tuple((at, most) for at, most in data["peaks"]),
                rushes=tuple((at, most) for at, most in data["rushes"]),
                panic=Panic(**data["panic"]) if data["panic"] else None,
                began=data["began"],
                at=data["at"],
                busy_at=data["busy_at"],
            )
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise StateError(f"the state of the scaler is damaged: {error!r}") from error


def with_peak(peaks: Peaks, now: float, needed: int, since: float) -> Peaks:
    """Return the peaks with what is needed now, and without what is older than `since`; the first is the most."""
    kept = [(at, most) for at, most in peaks if at >= since and most > needed]
    kept.append((now, needed))
    while len(kept) > _MOST_PEAKS:
        # What is merged holds for longer than it needs to, never for less.
        kept[0:2] = [(kept[1][0], kept[0][1])]
    return tuple(kept)


def initial(learned: Learned | None = None) -> State:
    """Return the state before the first look; `learned` is what is known from before a restart."""
    return State(learned=learned or Learned())


def learned_to_json(learned: Learned) -> str:
    """Return what is known about a pod as text, to be kept in status: at most 4 KB."""
    return json.dumps({"version": VERSION, **asdict(learned)}, separators=(",", ":"))


def learned_from_json(text: str) -> Learned:
    """Return what is known about a pod from its text.

    Raises:
        StateError: the text is not what learned_to_json wrote, or another version wrote it.
    """
    data = _versioned(text)
    try:
        return _learned(data)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise StateError(f"what the scaler has learned is damaged: {error!r}") from error


def _versioned(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
        version = data.pop("version")
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise StateError(f"this is not a state of the scaler: {text[:80]!r}") from error
    if version != VERSION:
        raise StateError(f"the state was written in version {version} of its format; this program reads {VERSION}")
    return dict(data)


def _window(data: dict[str, Any]) -> Window:
    return Window(data["width"], data["span"], tuple(Bucket(*bucket) for bucket in data["buckets"]))


def _learned(data: dict[str, Any]) -> Learned:
    levels = data["levels"]
    return Learned(
        **{
            **data,
            "levels": Levels(
                tuple(Level(**level) for level in levels["filed"]), Level(**levels["stretch"]), levels["lasted"]
            ),
        }
    )
