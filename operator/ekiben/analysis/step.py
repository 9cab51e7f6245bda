"""The analysis, one block at a time."""

from __future__ import annotations

from dataclasses import replace
from math import log

from .block import Block, Table, errors_table, histogram_of, slow_table
from .config import Config
from .histogram import Histogram, boundary_nearest, odds_tolerance
from .noninferiority import log_increment
from .regression import advance
from .state import LatencyMode, Metric, State
from .verdict import Verdict, convicts, verdict

_SHARE = 0.5
_FEWEST_ANSWERS = 20
"""Answers of the stable that a boundary is based on."""
_BOUNDARY_AT = 0.9


def initial(config: Config, baseline: Histogram | None) -> State:
    """Return the state before the first block.

    Args:
        config: what is to be guaranteed.
        baseline: the stable's successful answers by latency, before the canary's first request; with too few answers
            the boundary waits for more of them, and before the first one it may have no bounds at all. None where the
            runtime exports no histogram.
    """
    log_w0 = log(config.error_tolerance)
    if baseline is None:
        return State(config, Metric(1.0, log_w0), None, LatencyMode.ABSENT)
    state = State(config, Metric(_SHARE, log_w0), None, LatencyMode.PENDING, gathered=baseline)
    return _with_boundary(state)


def step(state: State, block: Block) -> tuple[State, Verdict]:
    """Return the state and the verdict after one block. A block that was counted already changes nothing."""
    if state.regressed or state.seen(block.id):
        return state, verdict(state)
    after = replace(
        state,
        errors=_metric_after(state.errors, errors_table(block), state.config),
        latency=_latency_after(state, block),
        ids=state.remembering(block.id),
    )
    # The boundary rests on earlier blocks alone: it is used from the next block on.
    after = _gather(after, block)
    after = replace(after, regressed=convicts(after))
    return after, verdict(after)


def _metric_after(metric: Metric, table: Table, config: Config) -> Metric:
    if not table.compares:
        return metric
    goal = log(1 / (config.alpha * metric.share))
    return replace(
        metric,
        wealth=advance(metric.wealth, table, log_w0=metric.log_w0, log_goal=goal),
        log_not_worse=metric.log_not_worse + log_increment(metric.totals, table, config.delta, config.rho),
        totals=metric.totals + table,
    )


def _latency_after(state: State, block: Block) -> Metric | None:
    if state.latency is None or state.boundary is None:
        return state.latency
    table = slow_table(block, state.boundary)
    return state.latency if table is None else _metric_after(state.latency, table, state.config)


def _gather(state: State, block: Block) -> State:
    if state.mode is not LatencyMode.PENDING or state.gathered is None:
        return state
    if not block.bounds:
        return state
    counts = histogram_of(block.baseline, block.bounds)
    same = state.gathered.bounds == block.bounds
    gathered = state.gathered.plus(counts) if same else Histogram(block.bounds, counts)
    return _with_boundary(replace(state, gathered=gathered))


def _with_boundary(state: State) -> State:
    gathered = state.gathered
    if gathered is None or gathered.total < _FEWEST_ANSWERS:
        return state
    boundary = boundary_nearest(gathered, _BOUNDARY_AT)
    if boundary is None:
        return state
    tolerated = odds_tolerance(gathered, boundary, state.config.latency_tolerance)
    return replace(
        state, mode=LatencyMode.FIXED, latency=Metric(_SHARE, log(tolerated)), boundary=boundary, gathered=None
    )
