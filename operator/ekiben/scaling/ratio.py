"""Provider replicaRatio: weights come from how many pods each revision has, so scaling moves them."""

from __future__ import annotations

from dataclasses import dataclass

ALL = 100


@dataclass(frozen=True)
class Split:
    """Replicas of both revisions, and the weight that they make."""

    stable: int
    canary: int

    @property
    def weight(self) -> float:
        """Share of the requests that the canary gets, in per cent."""
        total = self.stable + self.canary
        return ALL * self.canary / total if total else 0.0


def nearest(weight: int, least: int, most: int, *, within: float = 1.0) -> Split:
    """Return the replicas whose ratio comes nearest to a weight.

    Every pod of both revisions gets the same share of the requests, so both together have to be as many as all of the
    load needs, whatever the weight; a change of load changes both. Of splits that are equally near, give or take
    `within` percentage points, it is the one with the fewest pods: more pods for a nearer weight cost something.

    Args:
        weight: what the canary is to get, in per cent. Of 1 to 99 it gets at least one pod, and so does the stable.
        least: replicas that the whole load needs.
        most: the limit on both together. Where it does not hold one pod of each, they get one each all the same.
        within: percentage points of weight that are not worth a pod.
    """
    if weight <= 0:
        return Split(max(0, min(least, most)), 0)
    if weight >= ALL:
        return Split(0, max(1, min(least, most)))
    fewest = max(2, min(least, most))
    splits = [_split(weight, total) for total in range(fewest, max(fewest, most) + 1)]
    best = min(abs(split.weight - weight) for split in splits)
    return next(split for split in splits if abs(split.weight - weight) <= best + within)


def _split(weight: int, total: int) -> Split:
    canary = min(total - 1, max(1, round(total * weight / ALL)))
    return Split(total - canary, canary)
