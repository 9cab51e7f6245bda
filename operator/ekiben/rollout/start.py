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
            waiting_since=now,
            stable_floor=stable_floor,
        ),
        verdict=None,
        rejected_revision=None,
    )


def _snapshot(policy: Rollout) -> dict[str, Any]:
    """Return the policy with its defaults written out: a new version's defaults must not reach a running rollout."""
    steps = None if policy.strategy is Strategy.CANARY else {"steps"}
    return policy.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=steps)
