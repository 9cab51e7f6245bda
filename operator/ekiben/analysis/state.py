"""What the analysis remembers between blocks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from .block import Table
from .config import Config
from .histogram import Histogram
from .regression import Wealth

VERSION = 1
_KEPT_IDS = 16


class StateError(ValueError):
    """A saved state cannot be read; the message says why."""


class LatencyMode(StrEnum):
    """What is known about the boundary between quick and slow answers."""

    FIXED = "fixed"
    PENDING = "pending"
    """The stable has not answered often enough yet."""
    ABSENT = "absent"
    """The stable exports no latency histogram; latency is left out of the verdict."""


@dataclass(frozen=True)
class Metric:
    """One metric: errors, or slow answers."""

    share: float
    """Share of alpha, fixed before the first block."""
    log_w0: float
    """Log of the odds ratio that is tolerated."""
    wealth: Wealth = field(default_factory=Wealth)
    log_not_worse: float = 0.0
    totals: Table = field(default_factory=Table)
    """Over all blocks that had trials in both arms."""


@dataclass(frozen=True)
class State:
    """The whole of what the analysis remembers; at most 8 KB as JSON."""

    config: Config
    errors: Metric
    latency: Metric | None
    """None while latency is pending or absent."""
    mode: LatencyMode
    boundary: float | None = None
    """Seconds; an answer that takes longer is slow."""
    gathered: Histogram | None = None
    """The stable's answers so far, while latency is pending."""
    regressed: bool = False
    """Once true, always true."""
    ids: tuple[str, ...] = ()
    """The last blocks' ids."""

    def seen(self, block_id: str) -> bool:
        """Whether the block was counted already."""
        return block_id in self.ids

    def remembering(self, block_id: str) -> tuple[str, ...]:
        """Return the ids with one more."""
        return (*self.ids, block_id)[-_KEPT_IDS:]

    def to_json(self) -> str:
        """Return the state as text; floats are exact."""
        return json.dumps({"version": VERSION, **asdict(self)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return a state from its text.

        Raises:
            StateError: the text is not a state, or was written by another version.
        """
        try:
            data = json.loads(text)
            version = data.pop("version")
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise StateError(f"this is not a state of the analysis: {text[:80]!r}") from error
        if version != VERSION:
            raise StateError(f"the state was written in version {version} of its format; this program reads {VERSION}")
        try:
            return cls(
                config=Config(**data["config"]),
                errors=_metric(data["errors"]),
                latency=_metric(data["latency"]) if data["latency"] else None,
                mode=LatencyMode(data["mode"]),
                boundary=data["boundary"],
                gathered=_histogram(data["gathered"]) if data["gathered"] else None,
                regressed=bool(data["regressed"]),
                ids=tuple(data["ids"]),
            )
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise StateError(f"the state of the analysis is damaged: {error!r}") from error


def _metric(data: dict[str, Any]) -> Metric:
    wealth = data["wealth"]
    return Metric(
        share=data["share"],
        log_w0=data["log_w0"],
        wealth=Wealth(**{**wealth, "shares": tuple(wealth["shares"])}),
        log_not_worse=data["log_not_worse"],
        totals=Table(**data["totals"]),
    )


def _histogram(data: dict[str, Any]) -> Histogram:
    return Histogram(bounds=tuple(data["bounds"]), counts=tuple(data["counts"]))
