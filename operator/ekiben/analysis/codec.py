"""The analysis' state as JSON: versioned, and short, since it stands in the status of a resource.

Version 1 had latency as one boundary, no rejected requests and nothing about pods. What it knew is kept: its wealths go
on under the present bets, with the shares of falseRollback that they began with. Version 2 knew one kind of noise less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .block import Table
from .config import Config
from .histogram import Histogram
from .metric import LatencyMode, Metric
from .noise import DRAWN, QUIET, Noise, Pod
from .pace import Pace
from .slowness import Answers
from .split import Split
from .wealth import Wealth

if TYPE_CHECKING:
    from .state import State

VERSION = 3
Json = dict[str, Any]


def encoded(state: State) -> Json:
    """Return the state as what JSON can say."""
    return {
        "version": VERSION,
        # What is not given is left out, so that a program from before it can read the state.
        "config": {name: value for name, value in asdict(state.config).items() if value is not None},
        **{name: _metric(metric) for name, metric in state.metrics},
        "mode": state.mode.value,
        "boundary": state.boundary,
        "gathered": _histogram(state.gathered),
        "regressed": state.regressed,
        "ids": state.ids,
        "answers": None if state.answers is None else [_histogram(state.answers.baseline), state.answers.canary],
        "pods": _noise(state.pods),
        "split": list(asdict(state.split).values()),
        "pace": list(asdict(state.pace).values()),
    }


def decoded(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a state, of this version or of the first.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, IndexError: it is damaged.
    """
    mode, latency = LatencyMode(data["mode"]), data.get("latency")
    answers = data.get("answers")
    if answers is None and latency:
        # The first version kept no histogram: it is learned anew.
        answers = [[[], [0]], [0]]
    return {
        "config": Config(**data["config"]),
        "errors": _read_metric(data["errors"]),
        "rejected": _read_metric(data["rejected"]) if data.get("rejected") else None,
        "latency": _read_metric(latency, first="wealth" in latency) if latency else None,
        "mode": mode,
        "boundary": data["boundary"],
        "gathered": _read_histogram(data["gathered"]),
        "regressed": bool(data["regressed"]),
        "ids": tuple(data["ids"]),
        "answers": _read_answers(answers),
        "pods": _read_noise(data.get("pods")),
        "split": _read_split(data.get("split")),
        "pace": Pace(*data["pace"]) if data.get("pace") else Pace(),
    }


def _metric(metric: Metric) -> Json:
    wealth = metric.wealth
    return {
        "share": metric.share,
        "log_w0": metric.log_w0,
        "bets": [wealth.log_wealth, wealth.t, wealth.reserve, wealth.shares],
        "log_not_worse": metric.log_not_worse,
        "totals": asdict(metric.totals),
        "noise": metric.noise,
    }


def _read_metric(data: Mapping[str, Any], *, first: bool = False) -> Metric:
    if "wealth" in data:
        old = data["wealth"]
        # The first version's shares of latency are of other alternatives.
        wealth = Wealth(old["log_wealth"]) if first else Wealth(**{**old, "shares": tuple(old["shares"])})
    else:
        log_wealth, t, reserve, shares = data["bets"]
        wealth = Wealth(log_wealth, t, reserve, tuple(shares))
    totals = Table(**data["totals"])
    return Metric(data["share"], data["log_w0"], wealth, data["log_not_worse"], totals, data.get("noise", QUIET))


def _histogram(histogram: Histogram | None) -> list[Any] | None:
    return None if histogram is None else [histogram.bounds, histogram.counts]


def _read_histogram(data: Any) -> Histogram | None:
    if not data:
        return None
    bounds, counts = (data["bounds"], data["counts"]) if isinstance(data, dict) else data
    return Histogram(tuple(bounds), tuple(counts))


def _read_answers(data: Any) -> Answers | None:
    baseline = _read_histogram(data[0]) if data else None
    return None if baseline is None else Answers(baseline, tuple(data[1]))


def _noise(noise: Noise | None) -> list[Any] | None:
    if noise is None:
        return None
    return [noise.channels, [[pod.key, pod.seen, pod.expected] for pod in noise.pods], noise.drawn, noise.recent]


def _read_noise(data: Any) -> Noise | None:
    if not data:
        return None
    # Recent blocks' pods are not in states of before.
    channels, pods, drawn, *more = data
    return Noise(
        tuple((boundary, tilt) for boundary, tilt in channels),
        tuple(Pod(key, tuple(seen), tuple(expected)) for key, seen, expected in pods),
        # The second version knew no frailties as wild as the first of these.
        tuple((0.0,) * (len(DRAWN) - len(row)) + tuple(row) for row in drawn),
        tuple(int(one) for one in more[0]) if more else (),
    )


def _read_split(data: Any) -> Split:
    if not data:
        return Split()
    weight, more, less, broken = data
    return Split(weight, tuple(more), tuple(less), broken)
