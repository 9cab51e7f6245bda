"""The evidence in plain English."""

from __future__ import annotations

from math import exp, log

from .estimate import estimable, odds_ratio
from .metric import LatencyMode, Metric
from .state import State

FEWEST_ANSWERS = 20
"""Successful answers without which nothing is said about where they stand."""

_SHOWN = 700.0


def because(state: State, kind: str) -> str:
    """Return what the verdict rests on, metric by metric."""
    parts = [_sentence(state, name, metric, kind) for name, metric in state.metrics]
    if state.mode is LatencyMode.ABSENT:
        parts.append(
            "latency: left out, because the stable exports no latency histogram that the canary's could be held against"
        )
    elif state.mode is LatencyMode.PENDING:
        parts.append("latency: undecided, because the stable has not answered often enough to say what is slow")
    return "; ".join(parts)


def problem(state: State, name: str) -> str:
    """Return what makes the evidence bad. No number that changes from look to look: each would be a write."""
    if name == "NotRandomised":
        than = "many more" if state.split.broken == "more" else "far fewer"
        return (
            f"the canary gets {than} requests than the {100 * state.split.weight:.3g} % that its weight says, so that "
            "the two revisions are not compared on the same requests: testers by header, callers of the Service "
            "inside the cluster and probes on other paths are counted too; let the gateway count instead "
            "(rollout.analysis.source: gateway), or send everything through it"
        )
    if name == "PodNoise":
        return (
            "the canary looks worse, but pods differ so much from each other that this may be a pod's doing and not "
            "the revision's: look for a slow node or a sick pod, or give the canary more pods"
        )
    return ""


def _sentence(state: State, name: str, metric: Metric, kind: str) -> str:
    totals, config = metric.totals, state.config
    if not totals.compares:
        return f"{name}: {_none_yet(state, name)}"
    canary = f"{_number(totals.canary_events)} of {_number(totals.canary_trials)} "
    canary += {
        "errors": "requests of the canary",
        "rejected": "requests to the canary",
        "latency": f"answers of the canary slower than {_seconds(state.boundary or 0.0)}",
    }[name]
    stable = f"{_number(totals.baseline_events)} of {_number(totals.baseline_trials)} of the stable"
    estimate = f" (odds ratio about {_short(odds_ratio(totals))})" if estimable(totals) else ""
    text = f"{name}: {canary} against {stable}{estimate}"
    if kind != "NotWorse":
        evidence = _power(log(metric.share) + metric.log_evidence)
        text += f"; evidence of a regression {evidence} : 1, needs {_short(1 / config.alpha)} : 1"
    if kind != "Regressed":
        text += f"; evidence of no regression {_power(metric.log_not_worse)} : 1, needs {_short(1 / config.beta)} : 1"
    return text


def _none_yet(state: State, name: str) -> str:
    compared = state.errors.totals
    successes = compared.canary_trials - compared.canary_events
    if name == "latency" and compared.compares and successes >= FEWEST_ANSWERS:
        return (
            f"undecided, because none of the canary's answers stands in a histogram with the bound "
            f"{_seconds(state.boundary or 0.0)} that the stable's have: without one it is never proven no slower; "
            "let its server export the same buckets"
        )
    return "no requests of both revisions at the same time yet"


def _number(count: int) -> str:
    return f"{count:,}"


def _seconds(value: float) -> str:
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"


def _short(value: float) -> str:
    return f"{value:,.0f}" if 10 <= value < 1e5 else f"{value:.2g}"


def _power(log_value: float) -> str:
    return _short(exp(max(-_SHOWN, min(log_value, _SHOWN))))
