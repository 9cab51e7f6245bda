"""One family of streams before all judges: ours, the rivals' rules and the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ekiben.analysis import Config

from . import latencies, oracle, ours, rivals
from .families import LOOK, Family, Floats, Streams, draw

OURS = "ekiben"
ORACLE = "oracle"
STRICT = Config(error_tolerance=1.0, latency_tolerance=1.0)
JUDGES = (OURS, *(rule.name for rule in rivals.RULES), ORACLE)


@dataclass(frozen=True)
class Case:
    """A family at one rate of errors, with a canary that has `odds` times the stable's odds of an error."""

    family: Family
    p0: float
    odds: float
    streams: int
    looks: int
    looked_for: float = 5.0
    """Where the canary is no worse: the odds ratio that the oracle looks for."""


@dataclass(frozen=True)
class Slow:
    """A shape of latencies."""

    latency: latencies.Latency
    rps: float
    streams: int
    looks: int


Times = dict[str, Floats]
"""Judge -> seconds until it goes back, inf where it does not; a judge without a rule for it is missing."""


def compare(case: Case | Slow) -> tuple[Case | Slow, Times]:
    """Return what each judge does on the same streams.

    Where the canary is no worse ours tolerates nothing, so that the canary lies on the edge of what alpha bounds. A
    regression's time counts from its onset; whoever went back before has not found it.
    """
    if isinstance(case, Slow):
        streams = latencies.draw(case.latency, case.rps, case.streams, case.looks)
        config = Config() if case.latency.worse else STRICT
        return case, _seconds(_judged(streams, [rule for rule in rivals.RULES if rule.latency], config))
    streams = draw(case.family, case.p0, case.odds, case.family.rps, case.streams, case.looks)
    worse = case.odds > 1
    found = _judged(streams, rivals.RULES, Config() if worse else STRICT)
    found[ORACLE] = oracle.two_rates(streams, case.odds if worse else case.looked_for, Config().alpha)
    onset = case.family.onset * case.looks if worse else 0.0
    return case, _seconds({name: np.where(looks > onset, looks - onset, np.inf) for name, looks in found.items()})


def _judged(streams: Streams, rules: Sequence[rivals.Rule], config: Config) -> Times:
    looks = [ours.judge(streams, stream, config).look for stream in range(len(streams.n))]
    return {OURS: np.array(looks)} | {rule.name: rule.judge(streams) for rule in rules}


def _seconds(looks: Times) -> Times:
    return {name: found * LOOK for name, found in looks.items()}
