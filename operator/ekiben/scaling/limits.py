"""What keeps replicas within bounds: steps, the least and the most."""

from __future__ import annotations

from math import ceil, floor

from .config import Config


def stepped(config: Config, current: int, ready: int, wanted: int) -> int:
    """Return the replicas after one step, by the scale rates of Knative's documentation.

    Up to `max_scale_up_rate` times the ready replicas, down to the present ones divided by `max_scale_down_rate`; one
    replica more or less is always allowed.
    """
    if wanted > current:
        most = max(current + 1, ceil(config.max_scale_up_rate * max(1, ready)))
        return min(wanted, most)
    if wanted < current:
        return max(wanted, min(current - 1, floor(current / config.max_scale_down_rate)))
    return wanted


def bounded(config: Config, wanted: int) -> int:
    """Return the replicas within the least and the most."""
    return min(config.max_replicas, max(config.min_replicas, wanted))
