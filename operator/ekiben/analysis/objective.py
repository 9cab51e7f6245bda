"""Is an objective met where there is nothing to compare with? The first revision, a bake, a stable that serves alone.

An objective says "at most this share of the requests fail" (or: of the successful answers are slower than a boundary).
Two e-processes watch each: one grows where more do, one where fewer do. What is missed is told by the mean over the
objectives, which is an e-process under any dependence between them (V. Vovk, R. Wang, E-values: calibration,
combination and applications, Ann. Statist. 49, 2021); what is met, by each of them.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from math import exp, floor, log
from typing import Any, Self

from ekiben.api.base import seconds
from ekiben.api.rollout import Analysis
from ekiben.api.rollout import Objectives as Wanted
from ekiben.api.status import MetricEvidence

from .block import Counts
from .one_sample import FEWER, MORE, Wealth, advance, even
from .state import StateError
from .verdict import Kind

VERSION = 1
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Goal:
    """At most this share of the trials may be events."""

    name: str
    """errors or latency."""
    rate: float
    boundary: float | None = None
    """Seconds; of latency: a successful answer that takes longer is an event."""


@dataclass(frozen=True)
class Watched:
    """One objective, and what is known about it."""

    goal: Goal
    missed: Wealth = field(default_factory=lambda: even(MORE))
    met: Wealth = field(default_factory=lambda: even(FEWER))
    events: int = 0
    trials: int = 0
    unseen: bool = False
    """The model server's buckets end below the boundary, so that nothing can be said."""


@dataclass(frozen=True)
class State:
    """The whole of what is remembered; below 3 KB as JSON."""

    alpha: float
    """Largest probability of ever saying "missed" while every objective is met."""
    beta: float
    """Largest probability of ever saying "met" while one is not."""
    since: float
    """When it began, seconds since the epoch."""
    watched: tuple[Watched, ...]
    missed: bool = False
    """Once true, always true."""

    @property
    def goals(self) -> tuple[Goal, ...]:
        """What is asked for."""
        return tuple(one.goal for one in self.watched)

    def to_json(self) -> str:
        """Return the state as text; floats are exact."""
        return json.dumps({"version": VERSION, **asdict(self)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return a state from its text.

        Raises:
            StateError: the text is not a state, or was written by another version.
        """
        try:
            data = json.loads(text)
            if data.pop("version") != VERSION:
                raise StateError("the state of the objectives was written in another version of its format")
            return cls(**{**data, "watched": tuple(_watched(one) for one in data["watched"])})
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise error if isinstance(error, StateError) else StateError(f"it cannot be read: {error!r}") from error


def goals(wanted: Wanted | None) -> tuple[Goal, ...]:
    """Return what a resource's objectives ask for."""
    found = []
    if wanted is not None and wanted.error_rate is not None:
        found.append(Goal("errors", wanted.error_rate))
    if wanted is not None and wanted.latency is not None:
        found.append(Goal("latency", 1 - wanted.latency.quantile, seconds(wanted.latency.below)))
    return tuple(found)


def start(asked: tuple[Goal, ...], analysis: Analysis, now: float) -> State:
    """Return the state before the first request; its bounds are falseRollback and falsePromote."""
    return State(analysis.false_rollback, analysis.false_promote, now, tuple(Watched(goal) for goal in asked))


def count(state: State, pods: Iterable[Counts], bounds: tuple[float, ...]) -> State:
    """Return the state after one block.

    Args:
        state: before it.
        pods: what each pod counted over the span.
        bounds: of their histograms, in seconds; empty where they have none.
    """
    if state.missed:
        return state
    counted = tuple(pods)
    after = replace(state, watched=tuple(_after(one, counted, bounds) for one in state.watched))
    return replace(after, missed=log_evidence(after) >= log(1 / state.alpha) - _ROUNDING)


def log_evidence(state: State) -> float:
    """Return log E that an objective is missed: the mean over them, valid under any dependence."""
    if not state.watched:
        return 0.0
    top = max(one.missed.log_wealth for one in state.watched)
    return top + log(sum(exp(one.missed.log_wealth - top) for one in state.watched) / len(state.watched))


def judge(state: State) -> tuple[Kind, str, tuple[MetricEvidence, ...]]:
    """Return Regressed where an objective is missed, NotWorse where all are met, with the numbers, in plain English."""
    goal = log(1 / state.beta)
    met = bool(state.watched) and all(one.met.log_wealth >= goal for one in state.watched)
    kind: Kind = "Regressed" if state.missed else "NotWorse" if met else "Unknown"
    message = "; ".join(_sentence(state, one) for one in state.watched)
    return kind, message, tuple(_numbers(state, one) for one in state.watched)


def _after(one: Watched, pods: tuple[Counts, ...], bounds: tuple[float, ...]) -> Watched:
    boundary = one.goal.boundary
    if boundary is None:
        events, trials = sum(pod.errors for pod in pods), sum(pod.n for pod in pods)
    elif not bounds:
        return one
    elif boundary > bounds[-1]:
        return replace(one, unseen=True)
    else:
        # Between two bounds only what lies beyond the upper one is slow for sure.
        first = bisect_left(bounds, boundary) + 1
        events, trials = sum(sum(pod.hist[first:]) for pod in pods), sum(sum(pod.hist) for pod in pods)
    return replace(
        one,
        missed=advance(one.missed, MORE, one.goal.rate, events, trials),
        met=advance(one.met, FEWER, one.goal.rate, events, trials),
        events=one.events + events,
        trials=one.trials + trials,
        unseen=False,
    )


def _sentence(state: State, one: Watched) -> str:
    goal = one.goal
    what = f"answers slower than {_seconds(goal.boundary)}" if goal.boundary is not None else "requests failed"
    asked = f"the objective is at most {_percent(goal.rate)}"
    if one.unseen:
        return f"latency: the model server's buckets end below {_seconds(goal.boundary or 0.0)}, so nothing can be said"
    if one.trials == 0:
        return f"{goal.name}: nothing counted yet; {asked}"
    share = _percent(one.events / one.trials)
    evidence = exp(min(one.missed.log_wealth, 700.0)) / len(state.watched)
    return (
        f"{goal.name}: {one.events:,} of {one.trials:,} {what} ({share}), {asked}; evidence that it is missed "
        f"{_short(evidence)} : 1, needs {_short(1 / state.alpha)} : 1"
    )


def _numbers(state: State, one: Watched) -> MetricEvidence:
    share = log(1 / len(state.watched))
    return MetricEvidence(
        name=one.goal.name,
        canary_events=one.events,
        canary_requests=one.trials,
        boundary=one.goal.boundary,
        regressed=_scaled(share + one.missed.log_wealth, state.alpha),
        not_worse=_scaled(one.met.log_wealth, state.beta),
    )


def _scaled(log_e: float, probability: float) -> float:
    # Cut, not rounded: 1 is shown when it is reached, not when it is near.
    return max(0.0, floor((log_e / log(1 / probability) + _ROUNDING) * 1000) / 1000)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _seconds(value: float) -> str:
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"


def _short(value: float) -> str:
    return f"{value:,.0f}" if 10 <= value < 1e5 else f"{value:.2g}"


def _watched(data: dict[str, Any]) -> Watched:
    return Watched(
        **{**data, "goal": Goal(**data["goal"]), "missed": _wealth(data["missed"]), "met": _wealth(data["met"])}
    )


def _wealth(data: dict[str, Any]) -> Wealth:
    return Wealth(**{**data, "shares": tuple(data["shares"])})
