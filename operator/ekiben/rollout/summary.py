"""The figures of the status: replicas, phase, verdict."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.rollout import BlueGreen, Rollout, Shadow
from ekiben.api.status import Phase, RevisionStatus, RolloutStatus, VerdictStatus

from . import capacity, scaled, times
from . import deadline as analysis
from .draft import Draft

# The state of the analysis is written with every decision, and at most this often otherwise.
_EVIDENCE_SECONDS = 10.0


def write(draft: Draft) -> None:
    """Bring the figures of the status up to date."""
    observation, status = draft.observation, draft.status
    draft.update(
        observed_generation=observation.resource.metadata.generation,
        url=observation.url,
        stable=_counted(draft, status.stable),
        canary=_counted(draft, status.canary),
        former=_counted(draft, status.former),
        phase=_phase(draft),
    )
    _write_down(draft)
    _write_acknowledged(draft)
    _share_weight(draft)
    _write_times(draft)
    stable = draft.status.stable
    if stable is not None:
        draft.update(replicas=stable.replicas, selector=observation.selector.get(stable.revision, ""))
    scaled.write(draft)
    _write_evidence(draft)


def _write_acknowledged(draft: Draft) -> None:
    """Note the canary's weight as the gateway has taken it over; under replicaRatio the true one."""
    route, canary = draft.observation.route, draft.status.canary
    if route is not None and canary is not None and route.acknowledged:
        shares = route.actual or route.weights
        draft.update_canary(acknowledged_weight=shares.get(canary.revision, 0))


def _share_weight(draft: Draft) -> None:
    """What the canary does not get, the stable revision gets."""
    stable, canary = draft.status.stable, draft.status.canary
    if stable is not None and canary is not None:
        shares = {"weight": 100 - canary.weight, "acknowledged_weight": 100 - canary.acknowledged_weight}
        draft.update(stable=stable.model_copy(update=shares))


def _write_down(draft: Draft) -> None:
    """Note since when the stable revision is down; of another one, the time begins anew."""
    stable, before = draft.status.stable, draft.observation.resource.status.stable
    if stable is None:
        return
    known = before.down_since if before is not None and before.revision == stable.revision else None
    began = known or capacity.waking_since(draft) or times.text(draft.now)
    since = began if capacity.down(draft, stable) else None
    if since != stable.down_since:
        draft.update(stable=stable.model_copy(update={"down_since": since}))


def _counted(draft: Draft, one: RevisionStatus | None) -> RevisionStatus | None:
    if one is None:
        return None
    revision = draft.revision(one.revision)
    counts = {"replicas": revision.wanted, "ready": revision.ready} if revision else {"replicas": 0, "ready": 0}
    return one.model_copy(update=counts)


_PHASES = {
    "Starting": Phase.STARTING,
    "Step": Phase.CANARY,
    "Preview": Phase.PREVIEW,
    "Shadow": Phase.SHADOW,
    "Promoting": Phase.PROMOTING,
    "RollingBack": Phase.ROLLING_BACK,
    "Clearing": Phase.REPLACING,
    "Replacing": Phase.REPLACING,
    "Restoring": Phase.ROLLING_BACK,
}
HOLDS_FOR_A_PERSON = ("Paused", "Inconclusive", "AwaitingApproval", "ProgressDeadlineExceeded", "UnknownState")
"""Reasons of a hold about which somebody has to do something."""


def _phase(draft: Draft) -> Phase:
    running, canary = draft.status.rollout, draft.status.canary
    if draft.hold_reason in HOLDS_FOR_A_PERSON:
        return Phase.PAUSED
    if draft.status.stable is None:
        return draft.phase if running is not None else Phase.PENDING
    if running is None or canary is None:
        return Phase.STABLE
    return draft.phase if running.state == "First" else _PHASES.get(running.state, Phase.PAUSED)


def _write_times(draft: Draft) -> None:
    """Say when the present wait ends; moments that stay the same from look to look, so that they cost no write."""
    running = draft.status.rollout
    if running is None:
        return
    policy, deadline, following = draft.policy, None, None
    if running.step_since is not None and running.state in ("Step", "Preview", "Shadow"):
        following = times.after(running.step_since, _duration(policy, running))
    if running.waiting_since is not None:
        deadline = times.after(running.waiting_since, seconds(policy.progress_deadline))
    elif running.state in ("Step", "Shadow"):
        deadline = analysis.moment(draft, following)
    if following is not None and (running.still_since is not None or times.moment(following) <= draft.now):
        following = None
    draft.update_rollout(deadline=deadline, next_look=following)
    # No event tells that a time has come.
    for moment in (deadline, following):
        if moment is not None and times.moment(moment) > draft.now:
            draft.look_in(times.moment(moment) - draft.now)


def _duration(policy: Rollout, running: RolloutStatus) -> float:
    if running.state == "Preview":
        return seconds((policy.blue_green or BlueGreen()).duration)
    if running.state == "Shadow":
        return seconds((policy.shadow or Shadow()).duration)
    return seconds(policy.steps[min(running.step, len(policy.steps) - 1)].duration)


def _write_evidence(draft: Draft) -> None:
    running, evidence = draft.status.rollout, draft.observation.evidence
    before = draft.observation.resource.status
    subject = running or before.rollout
    if subject is None or evidence is None or evidence.revision != subject.revision:
        return
    if before.rollout is not None and before.rollout.state in ("RollingBack", "Restoring"):
        # What convicted it stays on record: blocks that were counted while it drained add nothing.
        return
    verdict = VerdictStatus(verdict=evidence.verdict, message=evidence.message[:2048], metrics=list(evidence.metrics))
    told = before.verdict.verdict if before.verdict else None
    decided = draft.status != before or told != evidence.verdict
    if running is not None and not decided and times.since(running.evidence_at, draft.now) < _EVIDENCE_SECONDS:
        draft.look_in(_EVIDENCE_SECONDS)
        return
    if running is not None and evidence.state != running.evidence:
        draft.update_rollout(evidence=evidence.state, evidence_at=times.text(draft.now))
    draft.update(verdict=verdict)
