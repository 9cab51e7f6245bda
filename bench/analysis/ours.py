"""The product itself on simulated streams: `ekiben.analysis.step`, block by block, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf

from ekiben.analysis import POOLED, Block, Config, Counts, Histogram, State, initial, step

from .families import BEFORE, CANARY_PODS, LOOK, Streams
from .latencies import BOUNDS

_ENOUGH = 4.0
"""Requests of the canary in a block, on average: the operator makes its blocks so long that there are about five."""


@dataclass(frozen=True)
class Outcome:
    """What became of one stream."""

    kind: str
    """The verdict that ended it: Regressed or NotWorse; Unknown without one."""
    look: float
    """The look after which; inf without one."""
    requests: int
    """Of the canary until then, in blocks that were counted."""
    held: bool = False
    """At the end the evidence was called bad (a problem of the verdict)."""


def begin(config: Config, history: tuple[int, ...] | None) -> State:
    """Return the state before the canary's first request, with the stable's answers by bucket, if there are any."""
    return initial(config, None if history is None else Histogram(BOUNDS, history))


def judge(
    streams: Streams, stream: int, config: Config, *, look: float = LOOK, until: str = "Regressed", pooled: bool = False
) -> Outcome:
    """Return what the product says about one stream.

    Args:
        streams: several.
        stream: which of them.
        config: what is to be guaranteed.
        look: seconds of a block.
        until: the verdict that ends it; at "NotWorse" a conviction does as well. Looked at until "Regressed", a stream
            goes on after a "NotWorse": a rollout may stay where it is for longer.
        pooled: count arms as a whole, so that nothing is known about pods.
    """
    history = None if streams.history is None else tuple(int(count) for count in streams.history)
    state, requests = begin(config, history), 0
    said = None
    for number, block in _blocks(streams, stream, look, pooled=pooled):
        state, said = step(state, block)
        requests += sum(counts.n for counts in block.canary.values())
        if said.kind in ("Regressed", until):
            return Outcome(said.kind, number, requests)
    return Outcome("Unknown", inf, requests, said is not None and bool(said.problem))


def _blocks(streams: Streams, stream: int, look: float, *, pooled: bool) -> Iterator[tuple[float, Block]]:
    n_before, errors_before = (counts[stream] for counts in streams.before)
    for at in range(BEFORE):
        if n_before[at].any() and not pooled:
            pods = {
                f"s{pod}": Counts(int(n), int(errors))
                for pod, (n, errors) in enumerate(zip(n_before[at], errors_before[at], strict=True))
            }
            yield -1, Block(f"before-{at}", (at - BEFORE) * look, {}, pods)
    n, errors = streams.n[stream].tolist(), streams.errors[stream].tolist()
    hist = None if streams.hist is None else streams.hist[stream].tolist()
    bounds = () if hist is None else BOUNDS
    few_are_empty = streams.n[stream, :, :CANARY_PODS].sum(1).mean() >= _ENOUGH
    for at, weight in enumerate(streams.weights.tolist()):
        if not streams.settled[at] or not any(n[at]):
            continue
        pods = [
            Counts(n[at][pod], errors[at][pod], () if hist is None else tuple(hist[at][pod]))
            for pod in range(len(n[at]))
        ]
        canary = {f"c{pod}": counts for pod, counts in enumerate(pods[:CANARY_PODS])}
        stable = {f"s{pod}": counts for pod, counts in enumerate(pods[CANARY_PODS:])}
        if pooled:
            canary, stable = {POOLED: _sum(canary.values())}, {POOLED: _sum(stable.values())}
        # Blocks in which an arm has nothing are left out by the analysis, which would skew the split of the others.
        said = weight if few_are_empty else None
        yield at + 1, Block(str(at), at * look, canary, stable, bounds, said)


def _sum(pods: Iterable[Counts]) -> Counts:
    several = list(pods)
    hist = tuple(map(sum, zip(*(one.hist for one in several), strict=True)))
    return Counts(sum(one.n for one in several), sum(one.errors for one in several), hist)
