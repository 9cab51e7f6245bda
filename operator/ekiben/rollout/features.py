"""What a rollout needs of the Gateway, and whether the Gateway's class can do it."""

from __future__ import annotations

from collections.abc import Iterator

from ekiben.api.rollout import Rollout, Shadow, Strategy

from .draft import Draft
from .observation import Feature

_NEEDED_FOR: dict[Feature, str] = {
    "Weights": "splitting requests by weight",
    "RequestMirror": "strategy shadow",
    "PercentageMirror": "copying only a share of the requests (rollout.shadow.percent)",
    "PathRewrite": "serving below a path (traffic.path)",
    "RequestTimeout": "the request's time limit (traffic.timeout)",
    "Testers": "telling testers apart by their header (rollout.testers)",
}
# Without these the rollout would do something else than what was asked for; the others only miss a comfort.
_BLOCKING: tuple[Feature, ...] = ("Weights", "RequestMirror", "PercentageMirror")
_SHADOW_NEEDS_GATEWAY = "strategy shadow needs a Gateway, and traffic.provider is replicaRatio: choose another strategy"


def unsupported(draft: Draft, policy: Rollout) -> list[str]:
    """Return what is needed and cannot be had, in plain English."""
    if draft.by_replicas:
        return _without_gateway(policy)
    return [_told(draft, feature) for feature in _needed(draft, policy) if feature in draft.observation.unsupported]


def blocking(draft: Draft, policy: Rollout) -> str:
    """Return why a rollout by this policy cannot begin; empty where it can."""
    if draft.by_replicas:
        return _SHADOW_NEEDS_GATEWAY if policy.strategy is Strategy.SHADOW else ""
    found = [
        _told(draft, feature)
        for feature in _needed(draft, policy)
        if feature in _BLOCKING and feature in draft.observation.unsupported
    ]
    return "; ".join(found)


def _told(draft: Draft, feature: Feature) -> str:
    return f"{_NEEDED_FOR[feature]} cannot be had here: {draft.observation.unsupported[feature]}"


def _without_gateway(policy: Rollout) -> list[str]:
    found = [_SHADOW_NEEDS_GATEWAY] if policy.strategy is Strategy.SHADOW else []
    if policy.testers is not None or (policy.blue_green is not None and policy.blue_green.hostname is not None):
        found.append("testers and a preview hostname need a Gateway: use the new revision's own Service instead")
    return found


def _needed(draft: Draft, policy: Rollout) -> Iterator[Feature]:
    traffic = draft.observation.resource.spec.traffic
    if policy.strategy is Strategy.CANARY or traffic.http_route is not None:
        yield "Weights"  # in a route of the user's even a switch is one of weights
    if policy.strategy is Strategy.SHADOW:
        yield "RequestMirror"
        if (policy.shadow or Shadow()).percent < 100:
            yield "PercentageMirror"
    if policy.testers is not None:
        yield "Testers"
    if traffic.path.rstrip("/"):
        yield "PathRewrite"
    yield "RequestTimeout"
