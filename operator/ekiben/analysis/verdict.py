"""What the evidence says, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, floor, log
from typing import Literal

from ekiben.api.status import MetricEvidence

from .block import Table
from .state import LatencyMode, Metric, State

Kind = Literal["Unknown", "Regressed", "NotWorse"]
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
    """Return log E, E = sum over metrics of share times wealth: evidence that the canary is worse."""
    wealth = sum(metric.share * exp(metric.wealth.log_wealth) for _, metric in _metrics(state))
    return log(wealth + 1.0 - sum(metric.share for _, metric in _metrics(state)))


def convicts(state: State) -> bool:
    """Whether the evidence for a regression has reached 1/alpha."""
    return log_evidence(state) >= log(1 / state.config.alpha) - _ROUNDING


def verdict(state: State) -> Verdict:
    """Return the verdict; "Regressed" wins a tie, and every metric has to pass for "NotWorse"."""
    kind: Kind = "Unknown"
    if state.regressed:
        kind = "Regressed"
    elif state.mode is not LatencyMode.PENDING and all(_passes(m, state) for _, m in _metrics(state)):
        kind = "NotWorse"
    return Verdict(kind, _because(state, kind), tuple(_numbers(state, name, m) for name, m in _metrics(state)))


def _metrics(state: State) -> tuple[tuple[str, Metric], ...]:
    errors = ("errors", state.errors)
    return (errors,) if state.latency is None else (errors, ("latency", state.latency))


def _passes(metric: Metric, state: State) -> bool:
    return metric.log_not_worse >= log(1 / state.config.beta)


def _numbers(state: State, name: str, metric: Metric) -> MetricEvidence:
    config, totals = state.config, metric.totals
    return MetricEvidence(
        name=name,
        canary_events=totals.canary_events,
        canary_requests=totals.canary_trials,
        stable_events=totals.baseline_events,
        stable_requests=totals.baseline_trials,
        odds_ratio=round(odds_ratio(totals), 3) if _estimable(totals) else None,
        boundary=state.boundary if name == "latency" else None,
        regressed=_scaled(log(metric.share) + metric.wealth.log_wealth, config.alpha),
        not_worse=_scaled(metric.log_not_worse, config.beta),
    )


def odds_ratio(totals: Table) -> float:
    """Return the odds ratio of events, half an event added to each cell (Haldane, Anscombe)."""
    quick_canary = totals.canary_trials - totals.canary_events + 0.5
    quick_baseline = totals.baseline_trials - totals.baseline_events + 0.5
    return (totals.canary_events + 0.5) * quick_baseline / (quick_canary * (totals.baseline_events + 0.5))


def _estimable(totals: Table) -> bool:
    return totals.compares and totals.canary_events + totals.baseline_events > 0


def _scaled(log_e: float, probability: float) -> float:
    # Cut, not rounded: 1 is shown when it is reached, not when it is near.
    return max(0.0, floor((log_e / log(1 / probability) + _ROUNDING) * 1000) / 1000)


def _because(state: State, kind: Kind) -> str:
    parts = [_sentence(state, name, metric, kind) for name, metric in _metrics(state)]
    if state.mode is LatencyMode.ABSENT:
        parts.append("latency: left out, because the stable exports no latency histogram")
    elif state.mode is LatencyMode.PENDING:
        parts.append("latency: undecided, because the stable has not answered often enough to say what is slow")
    return "; ".join(parts)


def _sentence(state: State, name: str, metric: Metric, kind: Kind) -> str:
    totals, config = metric.totals, state.config
    if not totals.compares:
        return f"{name}: no requests of both revisions at the same time yet"
    if name == "errors":
        canary = f"{_number(totals.canary_events)} of {_number(totals.canary_trials)} requests of the canary"
    else:
        canary = (
            f"{_number(totals.canary_events)} of {_number(totals.canary_trials)} answers of the canary slower than "
            f"{_seconds(state.boundary or 0.0)}"
        )
    stable = f"{_number(totals.baseline_events)} of {_number(totals.baseline_trials)} of the stable"
    estimate = f" (odds ratio about {_short(odds_ratio(totals))})" if _estimable(totals) else ""
    text = f"{name}: {canary} against {stable}{estimate}"
    if kind != "NotWorse":
        evidence = metric.share * exp(metric.wealth.log_wealth)
        text += f"; evidence of a regression {_short(evidence)} : 1, needs {_short(1 / config.alpha)} : 1"
    if kind != "Regressed":
        text += f"; evidence of no regression {_power(metric.log_not_worse)} : 1, needs {_short(1 / config.beta)} : 1"
    return text


def _number(count: int) -> str:
    return f"{count:,}"


def _seconds(value: float) -> str:
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"


def _short(value: float) -> str:
    return f"{value:,.0f}" if 10 <= value < 1e5 else f"{value:.2g}"


def _power(log_value: float) -> str:
    return _short(exp(max(-700.0, min(log_value, 700.0))))
