"""Objectives of the revision that serves: what is known is written down, and a miss is told once."""

from __future__ import annotations

from ekiben.api.status import ObjectivesStatus

from . import times
from .draft import Draft

# The numbers change with every request; each write of the status is a request to the API server.
_SECONDS = 60.0


def write(draft: Draft) -> None:
    """Bring status.objectives up to date, and tell where the revision that serves misses them.

    In its bake that sends all requests back, which is told there. Later, and of the first revision, nothing moves.
    """
    stable, found = draft.status.stable, draft.observation.evidence
    asked = draft.policy.objectives
    before = draft.status.objectives
    if stable is None or asked is None or (before is not None and before.revision != stable.revision):
        before = None
        draft.update(objectives=None)
    if stable is None or asked is None or found is None or found.stable != stable.revision:
        return
    news = before is None or before.verdict != found.stable_verdict
    if before is not None and not news and times.since(before.at, draft.now) < _SECONDS:
        draft.look_in(_SECONDS)
        return
    missed = found.stable_verdict == "Regressed" and (before is None or before.verdict != "Regressed")
    draft.update(
        objectives=ObjectivesStatus(
            revision=stable.revision,
            verdict=found.stable_verdict,
            message=found.stable_message[:2048],
            metrics=list(found.stable_metrics),
            state=found.stable_state,
            at=times.text(draft.now),
        )
    )
    draft.look_in(_SECONDS)
    if missed and not any(event.reason == "BakeFailed" for event in draft.events):
        draft.tell(
            "ObjectiveMissed",
            f"revision {stable.number} ({stable.revision}), which serves, misses an objective: {found.stable_message}",
            warning=True,
        )
