"""The bake: after a promotion the former revision stays up, and takes over again if the new one fails."""

from __future__ import annotations

from ekiben.api.rollout import Strategy
from ekiben.api.status import RevisionStatus

from . import begin, capacity, conviction, pins, times
from .draft import Draft


def judge(draft: Draft) -> None:
    """Go back to the former revision if the one that was just promoted fails."""
    former, stable, until = draft.status.former, draft.status.stable, draft.status.former_until
    if former is None or stable is None or until is None or draft.now >= times.moment(until):
        return
    if draft.revision(former.revision) is None:
        return
    up = draft.ready(former.revision) > 0
    if not up and draft.spec_rollout.strategy is not Strategy.RECREATE:
        return
    found = _failed(draft, stable, former)
    if found is None:
        return
    draft.tell(
        "BakeFailed",
        f"revision {stable.number} ({stable.revision}) fails after its promotion ({found.reason}): {found.message}",
        warning=True,
    )
    pins.pin(draft, former)
    begin.open_(draft, direct=True, reason="BakeFailed", message=f"{found.reason}: {found.message}")
    if stable.revision == draft.observation.target.revision:
        draft.update(rejected_revision=stable.revision)


def _failed(draft: Draft, stable: RevisionStatus, former: RevisionStatus) -> conviction.Conviction | None:
    last = next((one for one in reversed(draft.status.history) if one.revision == stable.revision), None)
    since = times.moment(last.ended_at) if last is not None else draft.now
    found = conviction.by_pods(draft.revision(stable.revision), draft.revision(former.revision), since)
    if found is not None:
        return found
    evidence = draft.observation.evidence
    if evidence is not None and evidence.revision == stable.revision:
        found = conviction.by_objectives(evidence, stable.revision) or conviction.by_traffic(evidence)
    known = draft.revision(stable.revision)
    # Pods of a Deployment that somebody deleted are starting anew, which is not the revision's fault.
    if found is None and known is not None and known.created <= since and capacity.down(draft, stable):
        found = conviction.Conviction("Unavailable", "it has no ready replica")
    return found
