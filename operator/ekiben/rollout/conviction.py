"""Pods that tell by themselves that a revision does not work, without any traffic."""

from __future__ import annotations

from dataclasses import dataclass

from .observation import Evidence, Pod, Revision

# Kubernetes says BackOff after the second failed pull, so one lost connection to the registry convicts nobody.
_PULL = {"ImagePullBackOff": "ImagePullFailed", "InvalidImageName": "ImagePullFailed"}
# One restart may be the node's doing; a second one is the model's.
_RESTARTS = 2


@dataclass(frozen=True)
class Conviction:
    """Why a revision is judged not to work."""

    reason: str
    message: str


def by_pods(revision: Revision | None, stable: Revision | None, since: float) -> Conviction | None:
    """Return what the pods say against a revision, or None.

    What the stable revision's pods suffer as well (out of memory, restarts) is the cluster's fault and convicts nobody.
    """
    if revision is None:
        return None
    troubled_stable = stable is not None and any(_crash(pod, since) for pod in stable.pods)
    for pod in sorted(revision.pods, key=lambda pod: pod.name):
        if pod.terminating:
            continue
        # Where a pod of the same image runs, the image is there: the registry or the node is at fault.
        if pod.waiting_reason in _PULL and revision.ready == 0:
            return Conviction(
                _PULL[pod.waiting_reason], f"pod {pod.name} cannot pull its image: {_line(pod.waiting_message)}"
            )
        crash = None if troubled_stable else _crash(pod, since)
        if crash:
            return crash
    return None


def by_traffic(evidence: Evidence | None) -> Conviction | None:
    """Return what the requests say against the canary, or None."""
    if evidence is None:
        return None
    if evidence.verdict == "Regressed":
        worst = max(evidence.metrics, key=lambda metric: metric.regressed, default=None)
        reasons = {"errors": "ErrorRateRegressed", "latency": "LatencyRegressed", "rejected": "RejectedRegressed"}
        reason = reasons.get(worst.name, "Regressed") if worst else "Regressed"
        return Conviction(reason, evidence.message)
    if evidence.hung:
        return Conviction("Hung", "requests are in flight on the canary and none was answered within the timeout")
    return None


def by_objectives(evidence: Evidence | None, stable: str) -> Conviction | None:
    """Return what the objectives say against the revision that serves, or None."""
    if evidence is None or evidence.stable != stable or evidence.stable_verdict != "Regressed":
        return None
    return Conviction("ObjectiveMissed", evidence.stable_message)


def _crash(pod: Pod, since: float) -> Conviction | None:
    """What a pod did before the rollout began says nothing about it: restarts add up over months."""
    if pod.waiting_reason != "CrashLoopBackOff" and pod.last_exit_at is not None and pod.last_exit_at < since:
        return None
    if pod.last_exit_reason == "OOMKilled":
        return Conviction(
            "OutOfMemory",
            f"pod {pod.name} was killed because it used more memory than its limit: raise spec.model.resources.limits",
        )
    if pod.waiting_reason == "CrashLoopBackOff" or pod.restarts >= _RESTARTS:
        code = "" if pod.last_exit_code is None else f" with exit code {pod.last_exit_code}"
        return Conviction("Crashed", f"pod {pod.name} stopped{code} and was restarted {pod.restarts} times")
    return None


def _line(message: str) -> str:
    return " ".join(message.split())[:500] or "no reason given"
