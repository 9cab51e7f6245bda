"""Panic, as Knative's documentation has it: a burst is followed at once, and nothing goes until it has passed."""

from __future__ import annotations

from collections.abc import Sequence

from .config import Config
from .demand import Demand
from .state import Panic


def panic_after(
    before: Panic | None, demands: Sequence[Demand], config: Config, ready: int, now: float
) -> Panic | None:
    """Return the panic that is on after a look; None where there is none.

    It begins when the load of the panic window reaches `panic_threshold_percent` of what the ready pods take, and ends
    when that has not happened for a stable window.
    """
    most = max((demand.panics for demand in demands), default=0)
    if any(_over(demand, config, ready) for demand in demands):
        return Panic(now, max(most, before.most if before is not None else 0))
    if before is None or now - before.over_at >= config.stable_window:
        return None
    return Panic(before.over_at, max(most, before.most))


def _over(demand: Demand, config: Config, ready: int) -> bool:
    return demand.panics >= config.panic_threshold_percent / 100 * max(1, ready)
