"""What the analysis remembers between blocks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Self

from . import codec
from .config import Config
from .histogram import Histogram
from .metric import LatencyMode, Metric
from .noise import Noise
from .pace import Pace
from .slowness import Answers
from .split import Split

_KEPT_IDS = 16


class StateError(ValueError):
    """A saved state cannot be read; the message says why."""


@dataclass(frozen=True)
class State:
    """The whole of what the analysis remembers; at most 8 KB as JSON."""

    config: Config
    errors: Metric
    latency: Metric | None
    """None while latency is pending or absent."""
    mode: LatencyMode
    boundary: float | None = None
    """Seconds; an answer that takes longer is slow. For "not worse", and in what is told."""
    gathered: Histogram | None = None
    """The stable's answers so far, while latency is pending."""
    regressed: bool = False
    """Once true, always true."""
    ids: tuple[str, ...] = ()
    """The last blocks' ids."""
    rejected: Metric | None = None
    """None where it is not judged."""
    answers: Answers | None = None
    """Both arms' latencies so far, once the boundary is fixed."""
    pods: Noise | None = None
    """None where arms are counted as a whole."""
    split: Split = field(default_factory=Split)
    pace: Pace = field(default_factory=Pace)

    def seen(self, block_id: str) -> bool:
        """Whether the block was counted already."""
        return block_id in self.ids

    def remembering(self, block_id: str) -> tuple[str, ...]:
        """Return the ids with one more."""
        return (*self.ids, block_id)[-_KEPT_IDS:]

    @property
    def metrics(self) -> tuple[tuple[str, Metric], ...]:
        """Name -> metric, of those that are judged now."""
        named = (("errors", self.errors), ("latency", self.latency), ("rejected", self.rejected))
        return tuple((name, metric) for name, metric in named if metric is not None)

    def to_json(self) -> str:
        """Return the state as text; floats are exact."""
        return json.dumps(codec.encoded(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return a state from its text, of this version or of one before.

        Raises:
            StateError: the text is not a state, or was written by another version.
        """
        try:
            data = json.loads(text)
            version = data.pop("version")
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise StateError(f"this is not a state of the analysis: {text[:80]!r}") from error
        if version not in range(1, codec.VERSION + 1):
            raise StateError(
                f"the state was written in version {version} of its format; this program reads 1 to {codec.VERSION}"
            )
        try:
            return cls(**codec.decoded(data))
        except (ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
            raise StateError(f"the state of the analysis is damaged: {error!r}") from error
