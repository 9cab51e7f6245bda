"""Why a rollout ended, in plain English, by the operator's reasons: pure."""

from __future__ import annotations

from ekiben.api.rollout import Analysis
from ekiben.cli import words
from ekiben.cli.episodes import Episode

from .figures import convicted, passed

_BY_REQUESTS = ("ErrorRateRegressed", "LatencyRegressed", "RejectedRegressed", "Regressed")
_BY_PODS = ("Crashed", "OutOfMemory", "ImagePullFailed", "ProgressDeadlineExceeded", "CanaryUnavailable", "Unavailable")

# Each goes on with "because": what happened to {new}, against {old}.
_BECAUSE = {
    "ErrorRateRegressed": "more of its requests failed than of {old}'s",
    "LatencyRegressed": "it answered more slowly than {old}",
    "RejectedRegressed": "it refused more of its requests (4xx) than {old}",
    "Regressed": "the evidence says that it is worse than {old}",
    "ObjectiveMissed": "it missed an objective (spec.rollout.objectives)",
    "Hung": "it took requests and answered none of them",
    "Crashed": "its pods crashed",
    "OutOfMemory": "its pods were killed for using more memory than their limit",
    "ImagePullFailed": "its image could not be pulled",
    "ProgressDeadlineExceeded": "its pods were not ready in time",
    "CanaryUnavailable": "none of its pods was ready any more",
    "Unavailable": "none of its pods was ready any more",
    "Inconclusive": "the evidence had not decided when spec.rollout.analysis.deadline passed",
    "Aborted": "somebody asked for that (abort)",
    "BakeFailed": "it failed soon after it had taken over",
    "Undo": "somebody asked for that (undo)",
    "NotWorse": "the evidence says that it is not worse",
    "Requested": "somebody asked for that",
    "Approved": "somebody approved it after testers had tried it",
    "PreviewPassed": "its pods were ready for the whole preview",
    "TrafficFeatureUnsupported": "the Gateway cannot do any more what its rollout needs",
    "RollbackWindow": "it had served before, so it needed no steps",
    "StableUnavailable": "{old} had no ready pod, and waiting would only have prolonged the outage",
    "Replaced": "its pods are ready",
}
_NEXT = {
    "ErrorRateRegressed": "Look at what fails in the new revision's answers or logs, then change spec.model.",
    "LatencyRegressed": "Find out what became slow (a larger model, fewer threads, a smaller CPU limit), then change "
    "spec.model; spec.rollout.analysis.latencyTolerance says how much slower is still fine.",
    "RejectedRegressed": "Look at which requests are refused: usually the input that the model takes has changed. Then "
    "change spec.model, or its callers.",
    "ObjectiveMissed": "Look at what fails or became slow, then change spec.model; or set spec.rollout.objectives to "
    "what this model can meet.",
    "Hung": "Look for a deadlock, or for a call that waits without a timeout, then change spec.model.",
    "Crashed": "Correct what stops it, then change spec.model.",
    "OutOfMemory": "Raise spec.model.resources.limits.memory, or make the model smaller.",
    "ImagePullFailed": "Check spec.model.image and spec.model.imagePullSecrets, and whether the registry answers.",
    "ProgressDeadlineExceeded": "Where it only needs longer, raise spec.rollout.progressDeadline; where no node has "
    "room for it, lower spec.model.resources.requests; where a quota or a policy refuses its pods, ask who sets it.",
    "Inconclusive": "spec.rollout.analysis.onInconclusive says what happens then. More requests or more weight bring a "
    "verdict sooner: spec.rollout.steps, or a longer spec.rollout.analysis.deadline.",
}


def because(reason: str, old: str) -> str:
    """Return the clause behind "because"; empty where the reason is not one of those known here."""
    return _BECAUSE.get(reason, "").format(old=old)


def cure(reason: str) -> str:
    """Return what would help; empty where nothing has to."""
    return _NEXT.get(reason, "")


def decided(episode: Episode, reason: str, old: str, analysis: Analysis | None) -> str:
    """Return what decided, with how sure that is, in a few sentences."""
    message = words.sentence(episode.message)
    if reason in _BY_REQUESTS:
        return f"The requests decided: {because(reason, old)}. {convicted(analysis)}"
    if reason == "NotWorse":
        return f"The requests decided: on every measure the evidence says that it is not worse. {passed(analysis)}"
    if reason in _BY_PODS:
        told = message or words.sentence(because(reason, old))
        return f"Its pods decided, whatever the requests say. {told} {cure(reason)}".strip()
    if reason in ("Aborted", "Requested", "Approved", "Undo"):
        return f"A person decided. {message}".strip()
    if reason in ("Superseded", "Cancelled"):
        return ""
    clause = because(reason, old)
    return " ".join(part for part in (words.sentence(clause), message, cure(reason)) if part)
