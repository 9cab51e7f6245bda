"""The colour of a decision: what went wrong is red, what went well is green, wherever it is shown."""

from __future__ import annotations

_BAD = frozenset(
    {
        "RollingBack",
        "RolledBack",
        "BakeFailed",
        "ObjectiveMissed",
        "CanaryUnavailable",
        "StableUnavailable",
        "RequestRefused",
    }
)
_GOOD = frozenset({"Promoted", "Available", "RequestDone"})


def colour(decision: str) -> str:
    """Return the terminal's colour for a decision of the ledger."""
    return "red" if decision in _BAD else "green" if decision in _GOOD else "default"
