"""What a revision was seen to carry, as a rollout needs it: its load in requests a second, and where that is going."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .config import Config
from .demand import STARTED_IN
from .learn import Learned
from .seen import COARSE
from .state import State
from .trend import Trend

_SIGMAS = 2.0
"""Standard errors of an upper bound: what is too little for a rollout is worse than what is too much."""


@dataclass(frozen=True)
class Profile:
    """The load of one revision, or of several together."""

    arrived: float = 0.0
    """Requests a second."""
    trend: Trend | None = None
    """Of the requests a second over the last minutes; None where too little was seen."""
    learned: Learned = Learned()  # noqa: RUF009  (frozen)
    """What one pod takes."""

    @property
    def starts_in(self) -> float:
        """Seconds until a pod that is asked for now is ready."""
        return self.learned.started_in if self.learned.started_in is not None else STARTED_IN

    def ahead(self, seconds: float) -> float:
        """Return an upper bound of the requests a second until then; as they are for 0 seconds."""
        if seconds <= 0 or self.trend is None:
            return self.arrived
        return max(self.arrived, self.trend.upper(seconds, _SIGMAS))


def profile(config: Config, state: State, now: float) -> Profile | None:
    """Return what a revision was seen to carry; None where nothing was seen in the stable window.

    Ready pods that could not be read are taken to carry what the others do: less would be too little for a rollout.
    """
    seen = state.seen
    stable = seen.mean(now, config.stable_window)
    if stable is None:
        return None
    arrived = max(stable.whole, seen.proven(now, config.panic_window, whole=True))
    return Profile(arrived, seen.trend(now, COARSE, whole=True), state.learned)


def together(stable: Profile, canary: Profile | None) -> Profile:
    """Return the load of both revisions, which is the load of the model, with what is known of the stable's pods.

    Weights move requests from one to the other, so the trends of each say nothing by themselves; their sum does.
    """
    if canary is None:
        return stable
    trend = stable.trend
    if trend is not None and canary.trend is not None:
        trend = trend + canary.trend
    return replace(stable, arrived=stable.arrived + canary.arrived, trend=trend)
