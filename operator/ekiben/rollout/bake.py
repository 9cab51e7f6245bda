"""The bake: after a promotion the former revision stays up, and takes over again if the new one fails."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.rollout import Strategy
from ekiben.api.status import RevisionStatus

from . import begin, capacity, conviction, pins, times
from . import former as kept
from .draft import Draft


def judge(draft: Draft) -> None:
    """Go back to the former revision if the one that was just promoted fails.

    Whether the bake's time is over makes no difference: where nobody looked, or nothing was allowed to move, while it
    passed, this comes before the former revision's pods go.
    """
    kept.thaw(draft)
    former, stable = draft.status.former, draft.status.stable
    if former is None or stable is None:
        return
    if draft.revision(former.revision) is None:
        return
    up = draft.ready(former.revision) > 0
    if not up and draft.last_rollout.strategy is not Strategy.RECREATE:
        return
    found = _failed(draft, stable, former)
    if found is None:
        return
    draft.tell(
        "BakeFailed",
        f"revision {stable.number} ({stable.revision}) fails after its promotion ({found.reason}): {found.message}",
        warning=True,
    )
    waits = draft.status.pinned
    pins.pin(draft, former)
    begin.open_(draft, direct=True, reason="BakeFailed", message=f"{found.reason}: {found.message}")
    if stable.revision == draft.observation.target.revision:
        draft.update(rejected_revision=stable.revision)
    # Of a third revision that waits this says nothing: it comes next, however the way back ends.
    if waits is not None and waits.revision not in (stable.revision, former.revision):
        draft.update(pinned=waits)
    elif stable.revision != draft.observation.target.revision:
        draft.update(pinned=None)


def _failed(draft: Draft, stable: RevisionStatus, former: RevisionStatus) -> conviction.Conviction | None:
    last = next((one for one in reversed(draft.status.history) if one.revision == stable.revision), None)
    since = times.moment(last.ended_at) if last is not None else draft.now
    found = conviction.by_pods(draft.revision(stable.revision), draft.revision(former.revision), since)
    if found is not None:
        return found
    evidence = draft.observation.evidence
    if evidence is not None and evidence.revision == stable.revision:
        found = conviction.by_objectives(evidence, stable.revision) or conviction.by_traffic(evidence)
    if found is None and capacity.down(draft, stable) and not _starts_anew(draft, stable, since):
        found = conviction.Conviction("Unavailable", "it has no ready replica")
    return found


def _starts_anew(draft: Draft, stable: RevisionStatus, since: float) -> bool:
    """Whether somebody deleted its Deployment: that is not the revision's fault, until its pods are late as well."""
    known = draft.revision(stable.revision)
    left = seconds(draft.policy.progress_deadline) - times.since(stable.down_since, draft.now)
    if left <= 0 or (known is not None and known.created <= since):
        return False
    draft.look_in(left)
    return True
