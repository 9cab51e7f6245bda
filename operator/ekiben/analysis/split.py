"""Are requests split as the weights say? A sequential test of each arm's share.

Where the gateway gives each request to a revision by chance, the requests that arrive at the canary are binomial. An
e-process for each direction: likelihood ratios of odds that are several times those of the weight over the odds at
the edge of what is tolerated.

Source: Lindon, Malek, Anytime-valid inference for multinomial count data, NeurIPS 2022.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log, log1p

from .block import Block, arrivals

TOLERATED = 1.25
"""Odds of the canary's share that are so many times too large or too small are no matter: a probe, a caller by hand."""
_TIMES = (1.6, 3.0, 10.0)
_TRIP = log(1000)
_CLEAR = log(10)
_MOST = 9.0
"""The wealth is not let grow beyond this, in logs, so that traffic that is split again is seen to be."""
_FEWEST = 3.0
"""Requests that a block lets expect in its smaller arm. Only blocks that hold requests of both arms come here: of those
with less, too many are missing, and the small arm's share of the others is too large. With 3, by 5 % at most."""
_MOST_A_BLOCK = 1.5
"""A block counts for no more: proxies take over new weights one after the other."""


@dataclass(frozen=True)
class Split:
    """State of the test at one weight."""

    weight: float = 0.0
    more: tuple[float, ...] = ()
    """Log wealths on the canary's getting more than its share."""
    less: tuple[float, ...] = ()
    broken: str = ""
    """"more" or "less" while the split is not the weight's; empty while nothing speaks against it."""


def observe(split: Split, block: Block) -> Split:
    """Take in a block. One without a weight says nothing; another weight begins anew."""
    weight = block.weight
    if weight is None:
        return split
    if weight != split.weight or not split.more:
        split = Split(weight, (0.0,) * len(_TIMES), (0.0,) * len(_TIMES))
    if not 0 < weight < 1:
        return split
    canary, baseline = arrivals(block.canary), arrivals(block.baseline)
    if (canary + baseline) * min(weight, 1 - weight) < _FEWEST:
        return split
    odds = weight / (1 - weight)
    more = _moved(split.more, canary, baseline, odds * TOLERATED)
    less = _moved(split.less, baseline, canary, TOLERATED / odds)
    return replace(split, more=more, less=less, broken=_judge(split.broken, _mean(more), _mean(less)))


def _moved(wealths: tuple[float, ...], events: int, others: int, odds: float) -> tuple[float, ...]:
    moved = []
    for times, before in zip(_TIMES, wealths, strict=True):
        gain = events * log(times) - (events + others) * (log1p(odds * times) - log1p(odds))
        moved.append(round(min(before + min(gain, _MOST_A_BLOCK), _MOST), 6))
    return tuple(moved)


def _mean(wealths: tuple[float, ...]) -> float:
    # Half of what is staked is staked on each direction.
    peak = max(wealths)
    return peak + log(sum(exp(one - peak) for one in wealths) / (2 * len(wealths)))


def _judge(broken: str, more: float, less: float) -> str:
    if max(more, less) >= _TRIP:
        return "more" if more >= less else "less"
    return broken if max(more, less) >= _CLEAR else ""
