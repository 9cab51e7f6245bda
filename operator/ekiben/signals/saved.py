"""What a collector keeps in status, so that a later one goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ekiben.analysis import State, StateError

_VERSION = 1


@dataclass(frozen=True)
class Saved:
    """The evidence so far."""

    canary: str
    """The revision that it is about."""
    requests: int
    """Requests of the canary counted so far."""
    analysis: State
    metrics: Mapping[str, State] = field(default_factory=dict)
    """Business metrics, by name."""

    def text(self) -> str:
        """Return it as text."""
        return json.dumps(
            {
                "version": _VERSION,
                "canary": self.canary,
                "requests": self.requests,
                "analysis": self.analysis.to_json(),
                **(
                    {"metrics": {name: state.to_json() for name, state in self.metrics.items()}} if self.metrics else {}
                ),
            },
            separators=(",", ":"),
        )


def load(text: str, canary: str | None) -> Saved:
    """Read what `Saved.text` wrote.

    Raises:
        StateError: it cannot be read, or is about another canary.
    """
    try:
        data = json.loads(text)
        if data["version"] != _VERSION:
            raise StateError(f"it has version {data['version']}, this program reads {_VERSION}")
        if canary is None or data["canary"] != canary:
            raise StateError(f"it belongs to revision {data['canary']}")
        metrics = {str(name): State.from_json(one) for name, one in dict(data.get("metrics") or {}).items()}
        return Saved(canary, int(data["requests"]), State.from_json(data["analysis"]), metrics)
    except (ValueError, KeyError, TypeError) as error:
        raise error if isinstance(error, StateError) else StateError(f"it cannot be read: {error}") from error
