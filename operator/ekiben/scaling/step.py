"""One look: signals -> replicas."""

from __future__ import annotations

from dataclasses import replace

from . import words
from .config import Config, Kind
from .decision import Decision, Numbers, Reason
from .demand import Demand, Look, demand
from .learn import learn
from .limits import bounded, stepped
from .need import limit_of
from .panic import panic_after
from .sample import Sample
from .state import HISTORY, Panic, State, with_peak
from .traffic import traffic_of
from .window import Window
from .zero import busy_after, sleeps

HOLD = 8.0
RUSH = 20.0
"""Seconds that replicas stay which were asked for to work off a queue, where the scale-down delay is longer."""


def step(config: Config, state: State, sample: Sample, now: float) -> tuple[State, Decision]:
    """Return the state and the decision after one look.

    The same state, sample and time give the same decision. Nothing that could not be read lowers the replicas, and no
    look lowers them before a stable window was seen without a gap.

    Args:
        config: what was asked for.
        state: what was remembered; `initial` gives the first.
        sample: what was measured since the last look.
        now: seconds since the epoch.
    """
    state = _fitting(config, state)
    if state.at is not None and now <= state.at:
        return state, _held(config, sample, "the clock went back: this look says nothing")
    if not _readable(sample):
        return replace(state, busy_at=now), _held(config, sample, words.unreadable(sample))
    traffic = traffic_of(sample, limit_of(config, state.learned), exact=config.limit is not None)
    gap = state.at is None or now - state.at > config.stable_window
    state = replace(
        state,
        window=state.window.plus(traffic, now),
        history=state.history.plus(traffic, now),
        began=now if gap or state.began is None else state.began,
        at=now,
        busy_at=busy_after(state.busy_at, traffic, now),
    )
    look = Look(config, state.learned, state.window, state.history, now, sample.replicas)
    found = [demand(metric, look) for metric in config.metrics]
    demands = [one for one in found if one is not None]
    quantile = next((metric.quantile for metric in config.metrics if metric.kind is Kind.LATENCY), None)
    learned = learn(state.learned, sample, now, config.limit, quantile)
    state = replace(state, learned=learned, panic=panic_after(state.panic, demands, config, sample.ready, now))
    if not demands:
        return state, _held(config, sample, "nothing is known about a pod yet")
    delay = max(config.scale_down_delay, min(HISTORY, HOLD * look.starts_in))
    state = replace(
        state,
        peaks=with_peak(state.peaks, now, max(one.down for one in demands), now - delay),
        rushes=with_peak(state.rushes, now, max(one.up for one in demands), now - min(delay, RUSH)),
    )
    may_fall = len(demands) == len(found) and now - (state.began or now) >= config.stable_window
    return state, _decide(config, state, sample, demands, now, may_fall=may_fall)


def _decide(
    config: Config, state: State, sample: Sample, demands: list[Demand], now: float, *, may_fall: bool
) -> Decision:
    leading = max(demands, key=lambda one: (one.up, one.panics, one.down))
    current, up = sample.replicas, max(one.up for one in demands)
    enough = max(up, state.peaks[0][1], state.rushes[0][1])
    wanted, reason = current, Reason.STEADY
    if state.panic is not None:
        up = max(up, state.panic.most)
    if up > current:
        wanted, reason = up, _why_up(leading, state.panic, up)
    elif state.panic is None and enough < current and may_fall:
        wanted, reason = enough, Reason.LOAD_FELL
    elif max(one.down for one in demands) < current:
        reason = Reason.PANIC if state.panic is not None else Reason.COOLING_DOWN
    if sleeps(config, state, sample, now):
        wanted, reason = 0, Reason.IDLE
    numbers = _numbers(leading, state, sample, up)
    return _limited(config, sample, wanted, reason, numbers, panicking=state.panic is not None)


def _why_up(leading: Demand, panic: Panic | None, up: int) -> Reason:
    if panic is not None and up > leading.up:
        return Reason.PANIC
    present = leading.capacity.need(max(leading.stable, leading.recent))
    return Reason.LOAD_WILL_RISE if present < leading.up else Reason.LOAD_ROSE


def _limited(
    config: Config, sample: Sample, wanted: int, reason: Reason, numbers: Numbers, *, panicking: bool
) -> Decision:
    asleep = reason is Reason.IDLE or (sample.replicas == 0 and numbers.wanted == 0)
    floor = config.min_replicas if asleep else max(1, config.min_replicas)
    allowed = min(config.max_replicas, max(floor, wanted))
    replicas = min(config.max_replicas, max(floor, stepped(config, sample.replicas, sample.ready, allowed)))
    if numbers.wanted > config.max_replicas:
        reason = Reason.MAXIMUM
    elif replicas != allowed:
        reason = Reason.STEP
    elif wanted < floor:
        reason = Reason.MINIMUM
    return Decision(
        replicas, reason, words.because(config, sample, replicas, reason, numbers), numbers, panicking=panicking
    )


def _held(config: Config, sample: Sample, why: str) -> Decision:
    # A model that sleeps stays asleep, and nothing else goes below one.
    replicas = bounded(config, sample.replicas) if sample.replicas else config.min_replicas
    return Decision(replicas, Reason.NO_DATA, f"{why}; replicas stay at {replicas}", Numbers(ready=sample.ready))


def _numbers(leading: Demand, state: State, sample: Sample, wanted: int) -> Numbers:
    capacity, learned = leading.capacity, state.learned
    return Numbers(
        metric=capacity.metric,
        stable=leading.stable,
        panic=leading.panic,
        recent=leading.recent,
        forecast=leading.forecast,
        capacity=capacity.per_pod,
        source=capacity.source,
        service=learned.service,
        started_in=learned.started_in,
        ready=sample.ready,
        missing=sum(pod.ready and pod.reading is None for pod in sample.pods),
        wanted=wanted,
    )


def _readable(sample: Sample) -> bool:
    """Whether anything is known: some pod was read, the activator holds requests, or nothing runs at all."""
    if not sample.known:
        return False
    read = any(pod.reading is not None for pod in sample.pods)
    return read or sample.waiting > 0 or sample.arrived > 0 or sample.replicas == 0


def _fitting(config: Config, state: State) -> State:
    """Return the state with windows as long as the config asks for; other ones begin empty."""
    if state.window.span == config.stable_window:
        return state
    return replace(state, window=Window.over(config.stable_window), peaks=(), rushes=(), panic=None, began=None)
