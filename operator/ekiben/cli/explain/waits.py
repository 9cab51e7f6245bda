"""What a rollout waits for at this moment, until when, and what happens then: pure."""

from __future__ import annotations

from typing import NamedTuple

from ekiben.api.base import seconds
from ekiben.api.rollout import BlueGreen, OnInconclusive, OnProgressDeadline, Rollout, Shadow, StepEvidence
from ekiben.api.status import RevisionStatus, RolloutStatus
from ekiben.cli import words
from ekiben.cli.seen import Seen

_NOT_WORSE_ABOVE = 50
"""The share beyond which the operator asks for "not worse"."""
_AT_DEADLINE = {
    OnInconclusive.PAUSE: "without a verdict it holds until somebody decides, or until one comes",
    OnInconclusive.PROMOTE: "without a verdict it takes over all the same (spec.rollout.analysis.onInconclusive)",
    OnInconclusive.ROLLBACK: "without a verdict it is rolled back (spec.rollout.analysis.onInconclusive)",
}
_UNREADY = {
    OnProgressDeadline.ROLLBACK: "if they are not ready, it is rolled back",
    OnProgressDeadline.PAUSE: "if they are not ready, it holds (spec.rollout.onProgressDeadline)",
}
_ENDS = {
    "Clearing": "The former revision answers its last requests; its pods go, and then the new ones start.",
    "Restoring": "The new revision's pods go, and then those of the former one start again.",
    "RollingBack": "It answers its last requests; then its pods go.",
}


class Wait(NamedTuple):
    """What is waited for."""

    text: str
    """Empty: for nothing."""
    until: str | None = None
    """When that ends by itself."""
    then: str = ""
    """What happens at that time."""


def waits(seen: Seen) -> Wait:
    """Return what the resource waits for."""
    frozen, degraded = seen.told("Frozen"), seen.told("Degraded")
    if degraded is not None:
        return Wait(f"It cannot be carried out: {words.sentence(degraded.message)} What serves goes on.")
    if frozen is not None:
        return Wait(f"{words.sentence(frozen.message)} Requests are served as before.")
    running, canary = seen.status.rollout, seen.status.canary
    if running is None or canary is None:
        return _settled(seen)
    return _held(seen, running) or _by_state(seen, running, canary)


def _settled(seen: Seen) -> Wait:
    status, healthy = seen.status, seen.condition("Healthy")
    if seen.stale:
        return Wait("The operator has not looked at the latest change of the resource yet.")
    if healthy is not None and healthy.status == "False":
        return Wait(f"It is not healthy: {healthy.message}.")
    paused, progressing = seen.told("Paused"), seen.condition("Progressing")
    if paused is not None:
        return Wait(words.sentence(paused.message))
    if progressing is not None and progressing.reason not in ("Settled", "RolledBack", ""):
        return Wait(words.sentence(progressing.message))
    if status.pinned is not None:
        instead = seen.called(status.pinned.instead_of)
        return Wait(f"Revision {status.pinned.number} serves instead of {instead}, until spec.model changes.")
    if status.rejected_revision is not None:
        name = seen.called(status.rejected_revision)
        return Wait(f"{name[0].upper()}{name[1:]} is not tried again until spec.model changes.")
    if status.former is not None and status.former_until is not None:
        text = f"Revision {status.former.number} stays scaled up, for an instant way back."
        return Wait(text, status.former_until, "its pods go")
    return Wait("")


def _held(seen: Seen, running: RolloutStatus) -> Wait | None:
    """Return what the operator says about a hold; None where the rollout is under way."""
    progressing, paused, usable = seen.condition("Progressing"), seen.told("Paused"), seen.condition("EvidenceUsable")
    if paused is not None:
        return Wait(words.sentence(paused.message))
    if progressing is None or progressing.reason in (running.state, running.reason, "AwaitingVerdict", ""):
        return None
    deadline = _deadline(seen, running)
    if usable is not None and usable.status == "False" and usable.reason == progressing.reason:
        text = f"{words.sentence(progressing.message)} Until there is usable evidence, the requests decide nothing."
        return Wait(text, *deadline)
    if progressing.reason == "AwaitingEvidence":
        return Wait("No request has been counted at this weight yet.", *deadline)
    return Wait(words.sentence(progressing.message))


def _by_state(seen: Seen, running: RolloutStatus, canary: RevisionStatus) -> Wait:
    pods = f"{canary.ready} of {canary.replicas} ready"
    state = running.state
    if state == "First" and running.reason:
        return Wait(f"It goes on trying; pods: {pods}.")
    if state == "First":
        return Wait(f"Its pods start ({pods}); it serves as soon as all are.", running.deadline, "it has failed")
    if state in ("Starting", "Replacing"):
        return Wait(f"Its pods start ({pods}).", running.deadline, _unready(seen))
    if state == "Step":
        return _step(seen, running, canary, pods)
    if state in ("Preview", "Shadow"):
        return _looked_at(seen, running)
    if state == "Promoting":
        return _promoting(seen, running, canary, pods)
    return Wait(_ENDS.get(state, ""))


def _unready(seen: Seen) -> str:
    return _UNREADY[(seen.policy or Rollout()).on_progress_deadline]


def _step(seen: Seen, running: RolloutStatus, canary: RevisionStatus, pods: str) -> Wait:
    policy = seen.policy
    if policy is None:
        return Wait("The time of this step, and its evidence.", running.next_look or running.deadline)
    step = policy.steps[min(running.step, len(policy.steps) - 1)]
    last = running.step + 1 >= len(policy.steps)
    following = 100 if last else policy.steps[running.step + 1].weight
    if canary.weight != step.weight:
        return Wait(f"It gets the pods for {step.weight} % ({pods}).", running.deadline, _unready(seen))
    if running.step_since is None:
        return Wait(f"The gateway has not acknowledged {step.weight} % yet; the step's time counts from there.")
    needs_verdict = following > _NOT_WORSE_ABOVE or step.requires is StepEvidence.NOT_WORSE
    target = "all requests" if following == 100 else f"{following} %"
    if running.next_look is not None:
        lasts = words.span(seconds(step.duration))
        proof = "the evidence says that it is not worse" if needs_verdict else "nothing has regressed"
        text = f"It gets {step.weight} % of the requests for at least {lasts}."
        return Wait(text, running.next_look, f"it gets {target} if {proof}")
    if needs_verdict:
        return Wait(_verdict(target), *_deadline(seen, running))
    return Wait("", None)


def _looked_at(seen: Seen, running: RolloutStatus) -> Wait:
    policy = seen.policy or Rollout()
    shadow = running.state == "Shadow"
    if running.next_look is not None and shadow:
        lasts = words.span(seconds((policy.shadow or Shadow()).duration))
        text = f"It gets copies of the requests for at least {lasts}."
        return Wait(text, running.next_look, "it gets all requests if the evidence says that it is not worse")
    if running.next_look is not None:
        lasts = words.span(seconds((policy.blue_green or BlueGreen()).duration))
        return Wait(f"Testers can look at it for at least {lasts}.", running.next_look, "it gets all requests")
    return Wait(_verdict("all requests"), *_deadline(seen, running)) if shadow else Wait("")


def _verdict(target: str) -> str:
    return f"To get {target} the evidence has to say that it is not worse, and it does not say so yet."


def _deadline(seen: Seen, running: RolloutStatus) -> tuple[str | None, str]:
    policy = seen.policy
    return running.deadline, _AT_DEADLINE[policy.analysis.on_inconclusive] if policy else ""


def _promoting(seen: Seen, running: RolloutStatus, canary: RevisionStatus, pods: str) -> Wait:
    if canary.weight != 100:
        return Wait(f"It gets the pods for all requests ({pods}).", running.deadline, _unready(seen))
    if canary.acknowledged_weight != 100:
        return Wait("The gateway has not acknowledged the new weights yet.")
    stable = seen.status.stable
    return Wait(f"Revision {stable.number if stable else 0} answers its last requests.")
