"""Opening a rollout."""

from __future__ import annotations

from typing import Any

from ekiben.api.rollout import Rollout, Strategy
from ekiben.api.status import RevisionStatus, RolloutStatus

from . import times
from .draft import Draft


def open_rollout(draft: Draft, state: str, policy: Rollout, *, stable_floor: int) -> None:
    """Write a new rollout of the target into the status."""
    target = draft.target
    known = draft.revision(target.revision)
    numbers = [revision.number for revision in draft.observation.revisions.values()]
    numbers += [entry.number for entry in draft.status.history]
    number = known.number if known else max(numbers, default=0) + 1
    now = times.text(draft.now)
    draft.update(
        canary=RevisionStatus(revision=target.revision, number=number, image=target.image, model=dict(target.model)),
        rollout=RolloutStatus(
            revision=target.revision,
            state=state,
            policy=_snapshot(policy),
            started_at=now,
            traffic_since=now if _may_be_served(draft, target.revision) else None,
            waiting_since=now,
            stable_floor=stable_floor,
        ),
        verdict=None,
        rejected_revision=None,
    )


def _may_be_served(draft: Draft, revision: str) -> bool:
    """Whether a status that is lost may have given it weight: the gateway has not said that it takes it away."""
    route = draft.observation.route
    lost = draft.observation.resource.status.observed_generation == 0
    return lost and route is not None and not route.acknowledged and revision in route.weights


def _snapshot(policy: Rollout) -> dict[str, Any]:
    """Return the policy with its defaults written out: a new version's defaults must not reach a running rollout."""
    steps = None if policy.strategy is Strategy.CANARY else {"steps"}
    return policy.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=steps)
