"""How long blocks are thrown away after a weight change."""

from __future__ import annotations


def settle_seconds(tick: float, baseline_p99: float | None, timeout: float) -> float:
    """Return the settle time in seconds: twice the baseline's p99, at least a tick, at most the request timeout.

    Counters count completions. After a weight has risen, quick failures complete before slow successes, which would
    make a healthy canary look bad. A tick lets the first requests arrive, so that the pods are scraped once before what
    counts. With no p99 known, two ticks.
    """
    if baseline_p99 is None:
        return 2 * tick
    return min(max(tick, 2 * baseline_p99), max(timeout, tick))
