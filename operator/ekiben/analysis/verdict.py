"""What the evidence says."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, floor, log
from typing import Literal

from ekiben.api.status import MetricEvidence

from . import words
from .estimate import estimable, odds_ratio
from .metric import LatencyMode, Metric
from .noise import FEWEST_PODS
from .pace import seconds_left
from .state import State

Kind = Literal["Unknown", "Regressed", "NotWorse"]
_DIGITS = 12
_ROUNDING = 1e-9
"""Room for rounding where a boosted wealth lands on its goal exactly."""


@dataclass(frozen=True)
class Verdict:
    """The outcome so far."""

    kind: Kind
    because: str
    """Plain English, with the numbers."""
    metrics: tuple[MetricEvidence, ...]
    problem: str = ""
    """What makes the evidence bad and holds the rollout: NotRandomised, PodNoise; empty when nothing does."""
    problem_message: str = ""
    """The same in plain English."""
    note: str = ""
    """What one should know about the evidence, though it is usable: PodNoiseUnknown; empty when there is nothing."""
    needs: float | None = None
    """Seconds until "not worse" at the present traffic, about; None when that cannot be said."""


def log_evidence(state: State) -> float:
    """Return log E, E = sum over metrics of share times wealth: evidence that the canary is worse.

    What differences between pods alone may have made of a wealth is taken off it.
    """
    # Shares sum to 1 but for rounding, and nothing known is 0, not less.
    return round(_log_sum(state, {name: metric.log_evidence for name, metric in state.metrics}), _DIGITS) + 0.0


def convicts(state: State) -> bool:
    """Whether the evidence for a regression has reached 1/alpha."""
    return log_evidence(state) >= _goal(state)


def verdict(state: State) -> Verdict:
    """Return the verdict; "Regressed" wins a tie, and every metric has to pass for "NotWorse"."""
    kind: Kind = "Unknown"
    problem = _problem(state)
    if state.regressed:
        kind = "Regressed"
    elif (
        not problem and state.mode is not LatencyMode.PENDING and all(_missing(m, state) <= 0 for _, m in state.metrics)
    ):
        kind = "NotWorse"
    return Verdict(
        kind,
        words.because(state, kind),
        tuple(_numbers(state, name, metric) for name, metric in state.metrics),
        problem,
        words.problem(state, problem),
        _note(state),
        _needs(state) if kind == "Unknown" and not problem else None,
    )


def _problem(state: State) -> str:
    if state.regressed:
        return ""
    if state.split.broken:
        return "NotRandomised"
    raw = _log_sum(state, {name: metric.wealth.log_wealth for name, metric in state.metrics})
    return "PodNoise" if raw >= _goal(state) else ""


def _goal(state: State) -> float:
    return log(1 / state.config.alpha) - _ROUNDING


def _log_sum(state: State, log_wealths: dict[str, float]) -> float:
    parts = [log(metric.share) + log_wealths[name] for name, metric in state.metrics]
    # What waits for its first block has the wealth it begins with.
    unused = 1.0 - sum(metric.share for _, metric in state.metrics)
    if unused > _ROUNDING:
        parts.append(log(unused))
    peak = max(parts)
    return peak + log(sum(exp(part - peak) for part in parts))


def _missing(metric: Metric, state: State) -> float:
    """Log of the factor that "not worse" still lacks."""
    return log(1 / state.config.beta) - metric.log_not_worse


def _note(state: State) -> str:
    if not state.errors.totals.compares:
        return ""
    if state.pods is None:
        return "PodNoiseUnknown: pods are not counted one by one, so that a sick pod is taken for the revision"
    if state.pods.baseline_pods < FEWEST_PODS:
        few = f"with fewer than {FEWEST_PODS} stable pods"
        return f"PodNoiseUnknown: {few} a sick pod's errors are taken for the revision's"
    return ""


def _needs(state: State) -> float | None:
    if state.mode is LatencyMode.PENDING or state.config.odds_margin is not None:
        return None
    config, longest = state.config, 0.0
    for _, metric in state.metrics:
        if not metric.totals.compares:
            return None
        left = seconds_left(state.pace, metric.totals, _missing(metric, state), config.delta, config.rho)
        if left is None:
            return None
        longest = max(longest, left)
    return longest


def _numbers(state: State, name: str, metric: Metric) -> MetricEvidence:
    config, totals = state.config, metric.totals
    return MetricEvidence(
        name=name,
        canary_events=totals.canary_events,
        canary_requests=totals.canary_trials,
        stable_events=totals.baseline_events,
        stable_requests=totals.baseline_trials,
        odds_ratio=round(odds_ratio(totals), 3) if estimable(totals) else None,
        boundary=state.boundary if name == "latency" else None,
        regressed=_scaled(log(metric.share) + metric.log_evidence, config.alpha),
        not_worse=_scaled(metric.log_not_worse, config.beta),
    )


def _scaled(log_e: float, probability: float) -> float:
    # Cut, not rounded: 1 is shown when it is reached, not when it is near.
    return max(0.0, floor((log_e / log(1 / probability) + _ROUNDING) * 1000) / 1000)
