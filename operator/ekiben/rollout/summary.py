"""The figures of the status: replicas, phase, verdict."""

from __future__ import annotations

from ekiben.api.status import Phase, RevisionStatus, VerdictStatus

from . import times
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
    _share_weight(draft)
    stable = draft.status.stable
    if stable is not None:
        draft.update(replicas=stable.replicas, selector=observation.selector.get(stable.revision, ""))
    _write_evidence(draft)


def _share_weight(draft: Draft) -> None:
    """What the canary does not get, the stable revision gets."""
    stable, canary = draft.status.stable, draft.status.canary
    if stable is not None and canary is not None:
        shares = {"weight": 100 - canary.weight, "acknowledged_weight": 100 - canary.acknowledged_weight}
        draft.update(stable=stable.model_copy(update=shares))


def _counted(draft: Draft, one: RevisionStatus | None) -> RevisionStatus | None:
    if one is None:
        return None
    revision = draft.revision(one.revision)
    counts = {"replicas": revision.wanted, "ready": revision.ready} if revision else {"replicas": 0, "ready": 0}
    return one.model_copy(update=counts)


def _phase(draft: Draft) -> Phase:
    running, canary = draft.status.rollout, draft.status.canary
    if draft.hold_reason in ("Paused", "Inconclusive"):
        return Phase.PAUSED
    if running is None or canary is None:
        return Phase.STABLE
    if running.state == "First":
        return draft.phase
    if running.state == "RollingBack":
        return Phase.ROLLING_BACK
    if running.state == "Promoting":
        return Phase.PROMOTING
    return Phase.CANARY if canary.weight > 0 else Phase.STARTING


def _write_evidence(draft: Draft) -> None:
    running, evidence = draft.status.rollout, draft.observation.evidence
    before = draft.observation.resource.status
    subject = running or before.rollout
    if subject is None or evidence is None or evidence.revision != subject.revision:
        return
    if before.rollout is not None and before.rollout.state == "RollingBack":
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
