"""From what the load asks for to replicas: panic, delay, steps and limits."""

from __future__ import annotations

from . import words
from .config import Config
from .decision import Decision, Numbers, Reason
from .demand import Demand
from .limits import bounded, stepped
from .sample import Sample
from .state import Panic, State
from .zero import sleeps


def choose(
    config: Config, state: State, sample: Sample, demands: list[Demand], now: float, *, may_fall: bool
) -> Decision:
    """Return the decision.

    Args:
        config: what was asked for.
        state: what is remembered, this look included.
        sample: what was measured.
        demands: what the metrics ask for; the most demanding one decides.
        now: seconds since the epoch.
        may_fall: whether all that there is to know was seen for long enough to take replicas away.
    """
    leading = max(demands, key=lambda one: (one.up, one.panics, one.down))
    current, up = sample.replicas, max(one.up for one in demands)
    enough = max(up, state.peaks[0][1], state.rushes[0][1])
    if state.panic is not None:
        up = max(up, state.panic.most)
    wanted, reason = current, Reason.STEADY
    if sleeps(config, state, sample, now):
        wanted, reason = 0, Reason.IDLE
    elif up > current:
        wanted, reason = up, _why_up(leading, state.panic, up)
    elif state.panic is None and enough < current and may_fall:
        wanted, reason = enough, Reason.LOAD_FELL
    elif max(one.down for one in demands) < current:
        reason = Reason.PANIC if state.panic is not None else Reason.COOLING_DOWN
    numbers = _numbers(leading, state, sample, up)
    return _limited(config, sample, wanted, reason, numbers, panicking=state.panic is not None)


def held(config: Config, sample: Sample, why: str) -> Decision:
    """Return the decision to leave replicas as they are, within the limits."""
    replicas = sample.replicas if sample.replicas == 0 == config.min_replicas else bounded(config, sample.replicas)
    return Decision(replicas, Reason.NO_DATA, f"stays at {replicas}: {why}", Numbers(ready=sample.ready))


def _why_up(leading: Demand, panic: Panic | None, up: int) -> Reason:
    if panic is not None and up > leading.up:
        return Reason.PANIC
    present = leading.capacity.need(max(leading.stable, leading.recent))
    return Reason.LOAD_WILL_RISE if present < leading.up else Reason.LOAD_ROSE


def _limited(
    config: Config, sample: Sample, wanted: int, reason: Reason, numbers: Numbers, *, panicking: bool
) -> Decision:
    # The last pod goes for lack of requests alone, and a sleeping model is woken by requests alone.
    asleep = reason is Reason.IDLE or (sample.replicas == 0 and wanted == 0)
    floor = config.min_replicas if asleep else max(1, config.min_replicas)
    allowed = min(config.max_replicas, max(floor, wanted))
    replicas = min(config.max_replicas, max(floor, stepped(config, sample.replicas, sample.ready, allowed)))
    if numbers.wanted > config.max_replicas:
        reason = Reason.MAXIMUM
    elif replicas != allowed:
        reason = Reason.STEP
    elif wanted < floor:
        reason = Reason.MINIMUM
    message = words.because(config, sample.replicas, replicas, reason, numbers)
    return Decision(replicas, reason, message, numbers, panicking=panicking)


def _numbers(leading: Demand, state: State, sample: Sample, wanted: int) -> Numbers:
    capacity, learned = leading.capacity, state.learned
    return Numbers(
        metric=capacity.metric,
        stable=leading.stable,
        panic=leading.panic,
        recent=leading.recent,
        forecast=leading.forecast,
        rush=leading.rush,
        capacity=capacity.per_pod,
        source=capacity.source,
        service=learned.service,
        started_in=learned.started_in,
        ready=sample.ready,
        missing=sum(pod.ready and pod.reading is None for pod in sample.pods),
        wanted=wanted,
    )
