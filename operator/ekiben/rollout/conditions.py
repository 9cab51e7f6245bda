"""Status conditions: one for each question that `kubectl wait` may be asked."""

from __future__ import annotations

from ekiben.api.status import Condition, Phase

from . import asleep, features, freeze, replicas, summary, times
from .draft import Draft

_Answer = tuple[bool | None, str, str]


def write(draft: Draft) -> None:
    """Write every condition, keeping the transition time of those whose status has not changed."""
    answers = {
        "Available": _available(draft),
        "Progressing": _progressing(draft),
        "Healthy": _healthy(draft),
        "Promoted": _promoted(draft),
        "RolledBack": _rolled_back(draft),
        "Undone": _undone(draft),
        "Paused": _paused(draft),
        "EvidenceUsable": _evidence_usable(draft),
        "ObjectivesMet": _objectives_met(draft),
        "RouteAccepted": _route_accepted(draft),
        "ImagePinned": _image_pinned(draft),
        "Frozen": _frozen(draft),
        "PolicyUsable": _policy_usable(draft),
        "TrafficFeatureUnsupported": _unsupported(draft),
        "Drifted": _drifted(draft),
        asleep.CONDITION: asleep.condition(draft),
        "ScalingActive": replicas.followed(draft),
        "Scheduled": replicas.placed(draft),
    }
    known = {one.type: one for one in draft.observation.resource.status.conditions}
    draft.update(conditions=[_condition(draft, name, answer, known.get(name)) for name, answer in answers.items()])


def _condition(draft: Draft, name: str, answer: _Answer, before: Condition | None) -> Condition:
    truth, reason, message = answer
    status, message = "Unknown" if truth is None else str(truth), message[:4096]
    generation = draft.observation.resource.metadata.generation
    kept = before is not None and before.status == status
    if before and kept and (before.reason, before.message, before.observed_generation) == (reason, message, generation):
        return before
    return Condition(
        type=name,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=before.last_transition_time if before and kept else times.text(draft.now),
        observed_generation=generation,
    )


def _available(draft: Draft) -> _Answer:
    stable = draft.status.stable
    if stable is None:
        return False, "NoRevisionReady", "no revision has become ready yet"
    if asleep.rests(draft):
        return True, "Asleep", "the next request wakes the model; the activators hold it until a replica is ready"
    if stable.ready == 0:
        return False, "NoReplicaReady", f"revision {stable.number} has no ready replica"
    route = draft.observation.route
    before = draft.observation.resource.status.stable
    known = before is not None and before.acknowledged_weight > 0
    if route is None or route.problem or not (route.acknowledged or known):
        return False, "NotRouted", (route.problem if route else "") or "the gateway has not acknowledged the route yet"
    return True, "Serving", f"revision {stable.number} serves with {stable.ready} ready replicas"


def _progressing(draft: Draft) -> _Answer:
    running, canary = draft.status.rollout, draft.status.canary
    if running is None or canary is None:
        rejected = draft.status.rejected_revision
        if draft.hold_reason:
            return False, draft.hold_reason, draft.hold_message
        if rejected is not None and rejected == draft.observation.target.revision:
            return False, "RolledBack", f"{rejected} was rolled back; change spec.model to go on"
        return False, "Settled", "nothing to do"
    if draft.phase is Phase.FAILED:
        return False, running.reason, running.message
    if draft.hold_reason:
        return running.state != "First", draft.hold_reason, draft.hold_message
    step = f"step {running.step + 1} of {len(draft.policy.steps)}, " if running.state == "Step" else ""
    return True, running.state, f"revision {canary.number}: {step}{canary.weight} % of the requests"


def _healthy(draft: Draft) -> _Answer:
    if draft.phase is Phase.FAILED and draft.status.rollout:
        return False, draft.status.rollout.reason, draft.status.rollout.message
    stable = draft.status.stable
    if stable is None and draft.hold_reason == "StateLost":
        return False, "StateLost", draft.hold_message
    if stable is None:
        return None, "Starting", "the first revision is starting"
    if stable.down_since is not None:
        return False, "StableUnavailable", "the stable revision has no ready replica"
    problem = draft.observation.gateway_problem
    if problem:
        return False, "NoGateway", problem
    route = draft.observation.route
    if route is not None and route.problem:
        return False, "RouteNotAccepted", route.problem
    if asleep.stuck(draft):
        return False, "CannotWake", f"the model wakes, and no replica becomes ready{asleep.stuck(draft)}"
    return True, "Healthy", "the stable revision serves"


def _promoted(draft: Draft) -> _Answer:
    stable, pinned = draft.status.stable, draft.status.pinned
    if pinned is not None:
        return False, "Pinned", f"revision {pinned.number} ({pinned.revision}) serves instead, until spec.model changes"
    if stable is not None and stable.revision == draft.observation.target.revision and draft.status.rollout is None:
        return True, "Serving", f"spec.model is revision {stable.number}, which gets all requests"
    return False, "NotServing", "spec.model is not (yet) what gets all requests"


def _rolled_back(draft: Draft) -> _Answer:
    target = draft.observation.target.revision
    if draft.status.rejected_revision != target:
        return False, "NotRolledBack", "the revision that spec.model asks for was not rolled back"
    running = draft.status.rollout
    if running is not None and (running.revision == target or running.reason == "BakeFailed"):
        return False, "RollingBack", running.message
    last = next((one for one in reversed(draft.status.history) if one.revision == target), None)
    return True, last.reason if last else "RolledBack", last.message if last else ""


def _undone(draft: Draft) -> _Answer:
    """Answer whether an earlier revision serves instead of the one that spec.model asks for."""
    pinned, stable = draft.status.pinned, draft.status.stable
    if pinned is None:
        return False, "NotUndone", ""
    if draft.status.rollout is None and stable is not None and stable.revision == pinned.revision:
        return True, "Serving", f"revision {pinned.number} ({pinned.revision}) serves until spec.model changes"
    return False, "GoingBack", f"revision {pinned.number} ({pinned.revision}) does not get all requests yet"


def _paused(draft: Draft) -> _Answer:
    if draft.hold_reason in summary.HOLDS_FOR_A_PERSON:
        return True, draft.hold_reason, draft.hold_message
    return False, "NotPaused", ""


def _evidence_usable(draft: Draft) -> _Answer:
    evidence, running = draft.observation.evidence, draft.status.rollout
    if running is None or evidence is None or evidence.revision != running.revision:
        return None, "NoRollout" if running is None else "NotYet", "no canary is being judged"
    if evidence.problem:
        return False, evidence.problem, evidence.problem_message
    if not evidence.usable:
        return None, "NotYet", "no request has been counted at this weight yet"
    return True, "Counting", ""


def _objectives_met(draft: Draft) -> _Answer:
    found = draft.status.objectives
    if found is None:
        return None, "NoObjectives", "spec.rollout.objectives are not set, or no revision serves yet"
    answers: dict[str, tuple[bool | None, str]] = {"Regressed": (False, "ObjectiveMissed"), "NotWorse": (True, "Met")}
    truth, reason = answers.get(found.verdict, (None, "NotYet"))
    return truth, reason, found.message


def _route_accepted(draft: Draft) -> _Answer:
    if draft.observation.gateway_problem:
        return False, "NoGateway", draft.observation.gateway_problem
    route = draft.observation.route
    if route is None:
        return None, "NoRoute", "the route is made when a revision is ready"
    if route.problem:
        return False, "NotAccepted", route.problem
    return (True, "Accepted", "") if route.acknowledged else (None, "Waiting", "the gateway has not answered yet")


def _image_pinned(draft: Draft) -> _Answer:
    image = draft.observation.target.image
    if "@sha256:" in image:
        return True, "Digest", ""
    return (
        False,
        "Tag",
        f"{image} is a tag, which may change under a revision: use the digest that `ekiben push` prints",
    )


def _frozen(draft: Draft) -> _Answer:
    why = draft.observation.frozen
    waits = freeze.waits(draft)
    more = f"; what was edited waits until then: {', '.join(waits)}" if waits else ""
    return (True, "Frozen", f"nothing moves: {why}{more}") if why else (False, "NotFrozen", "")


def _policy_usable(draft: Draft) -> _Answer:
    name = draft.observation.resource.spec.rollout.policy_ref
    if name is None:
        return True, "NoPolicy", "spec.rollout refers to no RolloutPolicy"
    problem = draft.observation.policy_problem
    return (False, "Unusable", problem) if problem else (True, "Used", f"RolloutPolicy {name}")


def _unsupported(draft: Draft) -> _Answer:
    found = features.unsupported(draft, draft.policy)
    return (True, "Unsupported", "; ".join(found)) if found else (False, "Supported", "")


def _drifted(draft: Draft) -> _Answer:
    drift = draft.observation.drift
    if not drift:
        return False, "AsRendered", ""
    more = f" and {len(drift) - 5} more" if len(drift) > 5 else ""
    return True, "ChildrenChanged", f"left as they are: {'; '.join(drift[:5])}{more}"
