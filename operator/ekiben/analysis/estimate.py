"""How much worse the canary is, about."""

from __future__ import annotations

from .block import Table


def odds_ratio(totals: Table) -> float:
    """Return the odds ratio of events, half an event added to each cell (Haldane, Anscombe)."""
    quick_canary = totals.canary_trials - totals.canary_events + 0.5
    quick_baseline = totals.baseline_trials - totals.baseline_events + 0.5
    return (totals.canary_events + 0.5) * quick_baseline / (quick_canary * (totals.baseline_events + 0.5))


def estimable(totals: Table) -> bool:
    """Whether there is anything to estimate it from."""
    return totals.compares and totals.canary_events + totals.baseline_events > 0
