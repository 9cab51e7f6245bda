"""How long blocks are thrown away after a weight change."""

from __future__ import annotations


def settle_seconds(tick: float, baseline_p99: float | None, timeout: float) -> float:
    """Return the settle time in seconds: max(2 ticks, twice the baseline's p99), at most the request timeout.

    Counters count completions. After a weight has risen, quick failures complete before slow successes, which would
    make a healthy canary look bad. With no p99 known, two ticks.
    """
    return min(max(2 * tick, 2 * (baseline_p99 or 0.0)), max(timeout, 2 * tick))
