"""Decisions in plain English."""

from __future__ import annotations

from .config import Config, Kind
from .decision import Numbers, Reason
from .sample import Sample

_UNITS = {Kind.CONCURRENCY: "requests at once", Kind.LATENCY: "requests at once", Kind.REQUEST_RATE: "requests/s"}


def unreadable(sample: Sample) -> str:
    """Return why a look says nothing."""
    if not sample.known:
        return "the activator, which holds requests, could not be read"
    if sample.ready == 0:
        return f"none of {sample.replicas} pods is ready yet, and none could be read"
    return f"none of {sample.ready} ready pods could be read"


def because(config: Config, before: int, after: int, reason: Reason, numbers: Numbers) -> str:
    """Return what a decision says of itself."""
    return f"{_move(before, after)}: {_why(config, reason, numbers)}; {_load(numbers)}"


def _move(before: int, after: int) -> str:
    if before == after:
        return f"stays at {after}"
    return f"{'up' if after > before else 'down'} from {before} to {after}"


def _why(config: Config, reason: Reason, numbers: Numbers) -> str:
    window = f"{config.panic_window:g} s"
    starts = f"{numbers.started_in:.0f} s" if numbers.started_in is not None else "some time"
    return {
        Reason.STEADY: "what is there is what the load needs",
        Reason.LOAD_ROSE: "the load rose",
        Reason.LOAD_WILL_RISE: f"the load rises, and a pod takes {starts} to start",
        Reason.PANIC: f"panic: the last {window} brought {config.panic_threshold_percent:g} % of what {numbers.ready} "
        f"ready pods take, or did so less than {config.stable_window:g} s ago",
        Reason.LOAD_FELL: f"fewer have been enough for {config.scale_down_delay:g} s or longer",
        Reason.COOLING_DOWN: "fewer would do, but not for long enough yet, or not as far as one could see",
        Reason.IDLE: f"no request for {config.idle_window:g} s",
        Reason.MINIMUM: f"the last pod goes after {config.idle_window:g} s without a request"
        if config.min_replicas == 0
        else f"scaling.minReplicas is {config.min_replicas}, fewer would do",
        Reason.MAXIMUM: f"the load needs {numbers.wanted}, scaling.maxReplicas is {config.max_replicas}",
        Reason.STEP: "as far as one step goes",
        Reason.NO_DATA: "nothing could be read",
    }[reason]


def _load(numbers: Numbers) -> str:
    if numbers.metric is None or numbers.stable is None or numbers.capacity is None:
        return "no load is known"
    unit = _UNITS[numbers.metric]
    text = f"{_short(numbers.stable)} {unit} on average, {_short(numbers.panic)} of late"
    if numbers.forecast is not None and numbers.forecast > numbers.stable:
        text += f", {_short(numbers.forecast)} expected"
    text += f"; a pod is given {_short(numbers.capacity)} ({numbers.source})"
    if numbers.missing:
        text += f"; {numbers.missing} of {numbers.ready} ready pods could not be read"
    return text


def _short(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
