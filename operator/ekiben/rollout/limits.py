"""Who gets how many replicas while two revisions share the requests: by the measured load, within spec.scaling."""

from __future__ import annotations

from dataclasses import replace

from ekiben.api.rollout import Strategy
from ekiben.api.status import RevisionStatus
from ekiben.scaling import Shares, Wish, divide, reachable

from .draft import Draft

ALL = 100


def need(draft: Draft, revision: str, weight: int) -> int | None:
    """Return the replicas that a revision needs for a share of the present load; None where nobody knows the load."""
    total = draft.observation.total
    if total is None or draft.observation.resource.spec.scaling.fixed is not None:
        return None
    wanted = total.replicas(revision, weight)
    return None if wanted is None else min(wanted, _most_of_one(draft))


def whole(draft: Draft, revision: str) -> int | None:
    """Return the replicas that a revision needs for all requests, as they may be when its pods have started."""
    total = draft.observation.total
    if total is None or draft.observation.resource.spec.scaling.fixed is not None:
        return None
    wanted = total.replicas(revision, ALL, ahead=True)
    return None if wanted is None else min(wanted, _most_of_one(draft))


def most(draft: Draft) -> int:
    """Return the replicas that both revisions together may have.

    maxReplicas, but each may have its minReplicas: a rollout has to be possible where the two are the same. blueGreen
    is to have both revisions whole.
    """
    scaling = draft.observation.resource.spec.scaling
    if draft.policy.strategy is Strategy.BLUE_GREEN:
        return 2 * scaling.ceiling
    return max(scaling.ceiling, 2 * scaling.floor)


def shares(draft: Draft, asked: int) -> Shares | None:
    """Return who gets how many, where the canary is to have `asked`; None where nobody knows the load."""
    stable, canary = draft.status.stable, draft.status.canary
    if stable is None or canary is None:
        return None
    # Until the gateway has acknowledged a weight, either of the two may be what callers meet.
    now = need(draft, stable.revision, ALL - min(canary.weight, canary.acknowledged_weight))
    theirs = need(draft, canary.revision, max(canary.weight, canary.acknowledged_weight))
    back = whole(draft, stable.revision)
    if now is None or theirs is None or back is None:
        return None
    floor = draft.observation.resource.spec.scaling.floor
    limit = most(draft)
    divided = divide(limit, Wish(now, max(back, floor)), Wish(theirs, asked))
    if not divided.too_heavy:
        return divided
    # Neither gets enough: to be equally busy is the best that there is.
    share = max(canary.weight, canary.acknowledged_weight)
    one = _most_of_one(draft)
    given = min(limit - 1, one, max(1, limit - one, round(limit * share / ALL)))
    return replace(divided, stable=limit - given, canary=given)


def next_weight(draft: Draft, stable: RevisionStatus, canary: RevisionStatus, wanted: int) -> int:
    """Return the highest weight up to `wanted` whose pods fit beside those that the stable revision still needs."""
    if need(draft, stable.revision, ALL) is None or need(draft, canary.revision, ALL) is None:
        return wanted
    return reachable(
        most(draft),
        canary.weight,
        wanted,
        # What the gateway has not acknowledged yet is not taken off it.
        lambda _: need(draft, stable.revision, ALL - min(canary.weight, canary.acknowledged_weight)) or 0,
        lambda weight: need(draft, canary.revision, weight) or 0,
    )


def no_room(draft: Draft) -> str:
    """Return what to do where the canary gets no pod."""
    limit = most(draft)
    return (
        f"the load needs all of the {limit} replicas that scaling.maxReplicas leaves for both revisions together: "
        "raise it, or wait until the load falls"
    )


def _most_of_one(draft: Draft) -> int:
    return draft.observation.resource.spec.scaling.ceiling
