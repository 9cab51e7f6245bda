"""SetWeights for each state: who gets which share, who gets copies, whom testers reach."""

from __future__ import annotations

from ekiben.api.rollout import Shadow, Strategy
from ekiben.api.status import RevisionStatus

from .draft import Draft
from .plan import SetWeights


def only(one: RevisionStatus) -> SetWeights:
    """Return the route that sends every request to one revision."""
    return SetWeights(((one.revision, 100),))


def split(draft: Draft, stable: RevisionStatus, canary: RevisionStatus, weight: int) -> SetWeights:
    """Return the route where the canary gets `weight` per cent, and what its state gives it besides."""
    return SetWeights(
        ((stable.revision, 100 - weight), (canary.revision, weight)),
        mirror=_mirror(draft, canary),
        preview=_preview(draft, canary, weight),
    )


def _mirror(draft: Draft, canary: RevisionStatus) -> tuple[str, int] | None:
    running = draft.status.rollout
    if running is None or running.state != "Shadow":
        return None
    return (canary.revision, (draft.policy.shadow or Shadow()).percent)


def _preview(draft: Draft, canary: RevisionStatus, weight: int) -> str | None:
    """Testers reach the canary from its first ready pod until it has all requests or none."""
    running, policy = draft.status.rollout, draft.policy
    if running is None or running.state in ("RollingBack", "Clearing", "Replacing", "Restoring") or weight == 100:
        return None
    host = policy.blue_green is not None and policy.blue_green.hostname is not None
    wanted = policy.testers is not None or (policy.strategy is Strategy.BLUE_GREEN and host)
    return canary.revision if wanted and draft.ready(canary.revision) > 0 else None
