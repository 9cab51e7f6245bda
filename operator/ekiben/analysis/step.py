"""The analysis, one block at a time."""

from __future__ import annotations

from dataclasses import replace
from math import inf, log, log1p

import numpy as np

from . import noise, regression, slowness, split
from .block import POOLED, Block, Table, errors_table, histogram_of, rejected_table, slow_table
from .coarse import coarser
from .config import Config
from .histogram import Histogram, boundary_nearest, odds_tolerance
from .metric import LatencyMode, Metric
from .noise import Noise
from .noninferiority import log_increment, log_odds_increment
from .slowness import Answers
from .state import State
from .verdict import Verdict, convicts, verdict
from .wealth import Wealth

_SHARES = {"errors": 0.4, "latency": 0.4, "rejected": 0.2}
_FEWEST_ANSWERS = 20
"""Answers of the stable that a boundary is based on."""
_BOUNDARY_AT = 0.9
_COMPARED_AT = (0.75, 0.9, 0.99)
"""Where pods' latencies are compared with each other."""
_MOST_BOUNDS = 32
"""So many bounds of latency are compared."""
_WORTH_A_LOOK = 1.0
"""Log of the wealth from which on it matters whether pods are alike."""
_NOISY = -1.0
"""Pods may be about to explain the wealth: what is beyond the goal may then be of use."""
_NEAR = 1.5
"""So near the goal a block will hardly make pods explain more than it brings."""
_MANY_PODS = 5
"""Pods of the stable from which that holds."""


def initial(config: Config, baseline: Histogram | None, *, rejected: bool = True) -> State:
    """Return the state before the first block.

    Args:
        config: what is to be guaranteed.
        baseline: the stable's successful answers by latency, before the canary's first request; with too few answers
            the boundary waits for more of them, and before the first one it may have no bounds at all; where so many
            answers stand in no histogram, latency is left out. None where the runtime is known to export none.
        rejected: whether rejected requests are judged.
    """
    judged = {"errors", *(("rejected",) if rejected else ()), *(("latency",) if baseline is not None else ())}
    whole = sum(_SHARES[name] for name in judged)
    log_w0 = log(config.error_tolerance)
    state = State(
        config,
        Metric(_SHARES["errors"] / whole, log_w0),
        None,
        LatencyMode.PENDING if baseline is not None else LatencyMode.ABSENT,
        gathered=baseline,
        rejected=Metric(_SHARES["rejected"] / whole, log_w0) if rejected else None,
        pods=Noise(tuple((channel, config.error_tolerance) for channel in (noise.ERRORS, noise.REJECTED))),
    )
    return _with_boundary(state)


def step(state: State, block: Block) -> tuple[State, Verdict]:
    """Return the state and the verdict after one block. A block that was counted already changes nothing."""
    if state.regressed or state.seen(block.id):
        return state, verdict(state)
    after = replace(state, ids=state.remembering(block.id))
    if not errors_table(block).compares:
        after = _gather(after, block)
        return after, verdict(after)
    after = replace(after, split=split.observe(after.split, block), pace=after.pace.after(block))
    if not after.split.broken:
        after = _counted(after, block)
    after = replace(after, regressed=convicts(after))
    return after, verdict(after)


def _counted(state: State, block: Block) -> State:
    errors, rejected = errors_table(block), rejected_table(block)
    after = replace(
        state,
        pods=noise.observe(state.pods, block) if state.pods is not None and not _pooled(block) else None,
        errors=_metric_after(state, state.errors, errors),
        rejected=None if state.rejected is None else _metric_after(state, state.rejected, rejected),
    )
    # The boundary rests on earlier blocks alone: it is used from the next block on.
    after = _gather(_latency_after(after, block), block)
    return _discounted(after)


def _metric_after(state: State, metric: Metric, table: Table) -> Metric:
    if not table.compares:
        return metric
    wealth = regression.advance(metric.wealth, table, log_w0=metric.log_w0, log_goal=_goal(state, metric))
    return _passing(replace(metric, wealth=wealth), table, state.config)


def _passing(metric: Metric, table: Table, config: Config) -> Metric:
    if config.odds_margin is not None:
        gained = log_odds_increment(table, config.odds_margin)
    else:
        gained = log_increment(metric.totals, table, config.delta, config.rho)
    return replace(metric, log_not_worse=metric.log_not_worse + gained, totals=metric.totals + table)


def _goal(state: State, metric: Metric, fewest: int = noise.FEWEST_PODS) -> float:
    """Return the log of the wealth beyond which more is of no use; it rests on earlier blocks, as a cap has to."""
    goal = log(1 / (state.config.alpha * metric.share))
    guarded = state.pods is not None and state.pods.baseline_pods >= fewest
    # With few pods a block that convicts is also one in which pods differ most.
    few = guarded and state.pods is not None and state.pods.baseline_pods < _MANY_PODS
    useful = guarded and (few or metric.noise > _NOISY or metric.wealth.log_wealth < goal - _NEAR)
    return inf if useful else goal


def _latency_after(state: State, block: Block) -> State:
    latency, answers, boundary = state.latency, state.answers, state.boundary
    if latency is None or answers is None or boundary is None:
        return state
    if boundary not in block.bounds and not latency.totals.compares:
        return _on_common_bounds(state, latency, answers, block)
    table = slow_table(block, boundary)
    if table is not None and table.compares:
        latency = _passing(latency, table, state.config)
    latency, answers = _slowness_after(state, latency, answers, block)
    return replace(state, latency=latency, answers=answers)


def _on_common_bounds(state: State, latency: Metric, answers: Answers, block: Block) -> State:
    """Compare at bounds that the canary has as well: its server may have been configured anew.

    Which bounds there are says nothing about the answers. Nothing was counted at the boundary so far, and what is
    counted from the next block on is counted at one boundary for good.
    """
    canary = histogram_of(block.canary, block.bounds)
    shared = tuple(bound for bound in answers.baseline.bounds if bound in block.bounds)
    if not sum(canary) or not shared:
        return state
    known = answers.on(shared)
    after = _compared_on(state, known.baseline)
    if after is None:
        return state
    return replace(after, latency=replace(latency, log_w0=after.latency.log_w0) if after.latency else None)


def _slowness_after(state: State, metric: Metric, answers: Answers, block: Block) -> tuple[Metric, Answers]:
    arms = [Histogram(block.bounds, histogram_of(arm, block.bounds)) for arm in (block.canary, block.baseline)]
    if not all(arm.total for arm in arms):
        return metric, answers
    if not answers.baseline.bounds:
        answers = Answers(Histogram(block.bounds, (0,) * len(arms[0].counts)), (0,) * len(arms[0].counts))
    # Buckets come and go with the pods that are read: what all have is compared.
    shared = tuple(bound for bound in answers.baseline.bounds if bound in block.bounds)
    canary, baseline = (arm.on(shared).counts for arm in arms)
    slowdown, past = state.config.latency_tolerance, answers.on(shared)
    wealth: Wealth = slowness.advance(
        metric.wealth,
        past,
        canary,
        slowness.tolerated(block.id, baseline, past.baseline, slowdown),
        slowdown=slowdown,
        goal=_goal(state, metric, noise.FEWEST_FOR_LATENCY),
    )
    learned = answers.plus(baseline, canary) if shared == answers.baseline.bounds else answers
    return replace(metric, wealth=wealth), learned


def _discounted(state: State) -> State:
    """Say of each metric what differences between pods may have made of its wealth."""
    pods = state.pods
    if pods is None:
        return state

    def discounted(metric: Metric, channels: range, fewest: int = noise.FEWEST_PODS) -> Metric:
        worth = metric.wealth.log_wealth > _WORTH_A_LOOK
        return replace(metric, noise=noise.log_discount(pods, channels, fewest) if worth else noise.QUIET)

    return replace(
        state,
        errors=discounted(state.errors, range(1)),
        rejected=None if state.rejected is None else discounted(state.rejected, range(1, 2)),
        latency=None
        if state.latency is None
        else discounted(state.latency, range(2, len(pods.channels)), noise.FEWEST_FOR_LATENCY),
    )


def _gather(state: State, block: Block) -> State:
    if state.mode is not LatencyMode.PENDING or state.gathered is None:
        return state
    counts = histogram_of(block.baseline, block.bounds)
    if not block.bounds or not sum(counts):
        return _unseen(state, state.gathered, block)
    same = state.gathered.bounds == block.bounds
    gathered = state.gathered.plus(counts) if same else Histogram(block.bounds, counts)
    return _with_boundary(replace(state, gathered=gathered))


def _unseen(state: State, gathered: Histogram, block: Block) -> State:
    """Take in successes of the stable that stand in no histogram; after so many there will be none."""
    if gathered.bounds:
        return state
    successes = sum(counts.n - counts.errors - counts.rejected for counts in block.baseline.values())
    gathered = gathered.plus((successes,))
    if gathered.total < _FEWEST_ANSWERS:
        return replace(state, gathered=gathered)
    # What was kept for latency has not been staked: all others get their part of it.
    kept = sum(metric.share for _, metric in state.metrics)

    def richer(metric: Metric) -> Metric:
        log_wealth = float(np.logaddexp(log(kept) + metric.wealth.log_wealth, log1p(-kept)))
        return replace(metric, share=metric.share / kept, wealth=replace(metric.wealth, log_wealth=log_wealth))

    return replace(
        state,
        mode=LatencyMode.ABSENT,
        gathered=None,
        errors=richer(state.errors),
        rejected=None if state.rejected is None else richer(state.rejected),
    )


def _with_boundary(state: State) -> State:
    gathered = state.gathered
    if gathered is None or gathered.total < _FEWEST_ANSWERS:
        return state
    return _compared_on(state, gathered) or state


def _compared_on(state: State, stable: Histogram) -> State | None:
    """Fix where latencies are compared, by the stable's answers so far; None where they have no bounds."""
    boundary = boundary_nearest(stable, _BOUNDARY_AT)
    if boundary is None:
        return None
    # Every further bucket would be kept, in both arms, for as long as the rollout lasts.
    stable = coarser(stable, _MOST_BOUNDS, {boundary_nearest(stable, at) for at in (_BOUNDARY_AT, *_COMPARED_AT)})
    slowdown = state.config.latency_tolerance
    compared = sorted({found for at in _COMPARED_AT if (found := boundary_nearest(stable, at)) is not None})
    channels = tuple((one, odds_tolerance(stable, one, slowdown)) for one in compared)
    tolerated = odds_tolerance(stable, boundary, slowdown)
    return replace(
        state,
        mode=LatencyMode.FIXED,
        latency=Metric(_SHARES["latency"] / _whole(state), log(tolerated)),
        boundary=boundary,
        gathered=None,
        answers=Answers(stable, (0,) * len(stable.counts)),
        pods=None if state.pods is None else noise.with_latency(state.pods, channels),
    )


def _whole(state: State) -> float:
    return sum(share for name, share in _SHARES.items() if name != "rejected" or state.rejected is not None)


def _pooled(block: Block) -> bool:
    return POOLED in block.canary or POOLED in block.baseline
