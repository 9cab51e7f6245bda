"""One look: signals -> replicas."""

from __future__ import annotations

from dataclasses import replace

from . import words
from .choose import choose, held
from .config import Config, Kind
from .decision import Decision
from .demand import Demand, Look, demand
from .learn import learn
from .need import limit_of
from .panic import panic_after
from .sample import Sample
from .seen import COARSE, FINE
from .state import State, initial, with_peak
from .traffic import traffic_of
from .zero import busy_after

_KEPT = 8.0
"""Pods are kept for so many times as long as they take to start: the longer it takes to have one back, the longer it is
worth keeping."""
_RUSH = 20.0
"""Seconds that replicas stay which were asked for to work off a queue, where the scale-down delay is longer."""


def step(config: Config, state: State, sample: Sample, now: float) -> tuple[State, Decision]:
    """Return the state and the decision after one look.

    The same state, sample and time give the same decision. Nothing that could not be read lowers the replicas, and
    nothing does before the load was seen for as long as the scale-down delay.

    Args:
        config: what was asked for.
        state: what was remembered; `initial` gives the first.
        sample: what was measured since the last look.
        now: seconds since the epoch.
    """
    if state.at is not None and now <= state.at:
        if now > state.at - FINE:
            return state, held(config, sample, "this look is not later than the one before")
        # A clock that was put right: what was seen by the wrong one cannot be placed any more.
        state = initial(state.learned)
    if not _readable(sample):
        return replace(state, busy_at=now), held(config, sample, words.unreadable(sample))
    state = _seen(config, state, sample, now)
    look = Look(config, state.learned, state.seen, now, sample.replicas)
    found = [demand(metric, look) for metric in config.metrics]
    demands = [one for one in found if one is not None]
    quantile = next((metric.quantile for metric in config.metrics if metric.kind is Kind.LATENCY), None)
    state = replace(state, learned=learn(state.learned, sample, now, config.limit, quantile))
    if not demands:
        return state, held(config, sample, "nobody knows yet what a pod takes")
    delay = max(config.scale_down_delay, min(COARSE, _KEPT * look.starts_in))
    state = _asked(config, state, demands, sample, now, delay)
    watched = now - (now if state.began is None else state.began)
    may_fall = sample.known and len(demands) == len(found) and watched >= max(config.stable_window, delay)
    return state, choose(config, state, sample, demands, now, may_fall=may_fall)


def _seen(config: Config, state: State, sample: Sample, now: float) -> State:
    """Return the state with what the sample says about the load."""
    traffic = traffic_of(sample, limit_of(config, state.learned), exact=config.limit is not None)
    gap = state.at is None or now - state.at > FINE
    return replace(
        state,
        seen=state.seen.plus(traffic, now),
        began=now if gap else state.began,
        at=now,
        busy_at=busy_after(None if gap else state.busy_at, traffic, now),
    )


def _asked(config: Config, state: State, demands: list[Demand], sample: Sample, now: float, delay: float) -> State:
    """Return the state with what the load asks for now."""
    return replace(
        state,
        panic=panic_after(state.panic, demands, config, sample.ready, now),
        peaks=with_peak(state.peaks, now, max(one.down for one in demands), now - delay),
        rushes=with_peak(state.rushes, now, max(one.up for one in demands), now - min(delay, _RUSH)),
    )


def _readable(sample: Sample) -> bool:
    """Whether anything is known: some pod was read, the activator holds requests, or nothing runs at all.

    Of several activators one that cannot be read hides requests, but none of those that are seen.
    """
    read = any(pod.reading is not None for pod in sample.pods)
    return read or sample.waiting > 0 or sample.arrived > 0 or (sample.replicas == 0 and sample.known)
