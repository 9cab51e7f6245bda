"""What has to hold of decisions, at both levels: who may be promoted or rejected, how steps are left, and when.

Each is held to what the looks were told, and to nothing that the operator remembers or says about itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ekiben.api.base import seconds
from ekiben.api.rollout import BlueGreen, Shadow, Step
from ekiben.api.status import RolloutStatus, Status
from ekiben.rollout import plan as p
from ekiben.rollout.observation import Observation
from ekiben.rollout.plan import Plan
from ekiben.rollout.times import moment

from .reading import policy_of

Json = dict[str, Any]

_BY_REQUEST = ("promote", "skip", "undo", "retry")
_KEPT_REQUESTS = 10
_PODS = ("Crashed", "OutOfMemory", "ImagePullFailed")
_TRAFFIC = ("ErrorRateRegressed", "LatencyRegressed", "Regressed", "Hung")
_JUDGED = ("Step", "Preview", "Shadow")
_RECREATING = ("Clearing", "Replacing", "Restoring")
_MILLISECOND = 0.001


@dataclass
class Record:
    """What has happened in the rollout that is going on, as the looks were told."""

    verdicts: set[str] = field(default_factory=set)
    usable: bool = False
    stable_was_down: bool = False


class Rulings:
    """Holds each decision to what was known when it was made; `violated` is told the invariant's number and why."""

    def __init__(self, now: Callable[[], float], violated: Callable[[int, str], None]) -> None:
        self._now = now
        self._violated = violated
        self._answers: dict[str, Json] = {}
        self._served: set[str] = set()
        self.record = Record()

    def looked(self, seen: Observation, plan: Plan) -> None:
        """Note what a look was told, and check what it has decided about the requests at once."""
        status, evidence, record = seen.resource.status, seen.evidence, self.record
        if evidence is not None and status.rollout is not None and evidence.revision == status.rollout.revision:
            record.verdicts |= {evidence.verdict} | ({"Hung"} if evidence.hung else set())
            record.usable |= evidence.usable
        stable = seen.revisions.get(status.stable.revision) if status.stable else None
        if status.stable is not None and (stable is None or stable.ready == 0):
            record.stable_was_down = True
        self._deserted(seen, plan)

    def decided(self, seen: Observation, before: Status, after: Status, *, stable_down: bool) -> None:
        """Check a status that was written; `stable_down` is whether the stable revision has no ready pod now."""
        if before.stable is not None:
            self._served.add(before.stable.revision)
            self._stable_kept(before, after)
        if after.rejected_revision and after.rejected_revision != before.rejected_revision:
            self._served.discard(after.rejected_revision)
            self._rejected(seen, before, after)
        if len(after.history) > len(before.history) or after.history[-1:] != before.history[-1:]:
            last = after.history[-1]
            if last.outcome == "Promoted":
                self._promoted(before, after)
        self._left(before, after)
        if before.observed_generation == 0:
            # Who has lost the status knows of no earlier request but the one that still stands in the annotation.
            standing = (seen.request or "").split()[-1:]
            self._answers = {id_: entry for id_, entry in self._answers.items() if id_ in standing}
        self._answered(after)
        if began(before) != began(after):
            self.record = Record(stable_was_down=self.record.stable_was_down and stable_down)

    def routed(self, seen: Observation, plan: Plan, before: dict[str, int], after: dict[str, int]) -> None:
        """Check weights that are written: in a freeze and in a pause none moves; what others changed is put right."""
        status, running = seen.resource.status, plan.status.rollout or seen.resource.status.rollout
        was, now = _weights(before), _weights(after)
        known = {one.revision: one.weight for one in (status.stable, status.canary) if one is not None and one.weight}
        if seen.frozen and was and was == known and was != now:
            self._violated(9, f"frozen, and the weights go from {was} to {now}")
        if running is None or running.state in ("First", *_RECREATING) or running.reason == "BakeFailed":
            return
        stable = status.stable or plan.status.stable
        paused = seen.resource.spec.rollout.paused or plan.status.paused
        for name, weight in now.items():
            raised = weight > was.get(name, 0) and (stable is None or name != stable.revision)
            if paused and raised and weight < 100 and was == known:
                self._violated(9, f"paused, and {name} gets a weight of {weight}")

    # 1: who gets requests has the pods for them

    def _deserted(self, seen: Observation, plan: Plan) -> None:
        """No look leaves a share of the requests with a canary without a ready pod while the stable one has some."""
        stable, canary, running = plan.status.stable, plan.status.canary, plan.status.rollout
        if stable is None or canary is None or running is None or seen.frozen or seen.sleep != "awake":
            return
        if running.state not in ("Step", "Promoting") or seen.resource.spec.scaling.floor == 0:
            return
        ready = {name: one.ready for name, one in seen.revisions.items()}
        written = [dict(action.weights) for action in plan.actions if isinstance(action, p.SetWeights)]
        route = written[-1] if written else (seen.route.weights if seen.route is not None else {})
        weight = route.get(canary.revision, 0)
        if 0 < weight < 100 and ready.get(stable.revision, 0) > 0 and ready.get(canary.revision, 0) == 0:
            self._violated(1, f"{canary.revision} has no ready pod, and keeps {weight} %")

    # 6: the stable revision

    def _stable_kept(self, before: Status, after: Status) -> None:
        if after.stable is None:
            self._violated(6, f"the stable revision {before.stable and before.stable.revision} is lost")
        elif after.stable.revision not in {one.revision for one in (before.stable, before.canary) if one is not None}:
            self._violated(6, f"{after.stable.revision} has become stable without a rollout")

    # 3: no evidence never promotes and never rolls back

    def _promoted(self, before: Status, after: Status) -> None:
        running = before.rollout
        if running is None or running.state == "First" or before.stable is None:
            return
        strategy, record = running.policy.get("strategy", "canary"), self.record
        reason = after.history[-1].reason
        excuses = {
            "NotWorse": "NotWorse" in record.verdicts,
            "Inconclusive": record.usable and _inconclusive(running.policy) == "promote",
            "Approved": any(one.outcome == "Done" and one.verb == "approve" for one in after.requests),
            "PreviewPassed": strategy == "blueGreen",
            "Replaced": running.state in _RECREATING,
            "StableUnavailable": record.stable_was_down,
            "Requested": self._asked(after, running.revision),
            "Undo": any(one.outcome == "Done" and one.verb == "undo" for one in after.requests),
            "RollbackWindow": running.revision in self._served,
        }
        if strategy == "recreate" or excuses.get(reason, False):
            return
        self._violated(3, f"{running.revision} is promoted ({reason}) on {sorted(record.verdicts)} alone")

    def _asked(self, after: Status, revision: str) -> bool:
        """Whether somebody asked for it; the status has to tell of it among the last ten requests."""
        answered = [one.model_dump(mode="json") for one in after.requests]
        if len(answered) >= _KEPT_REQUESTS:
            answered += self._answers.values()
        return any(
            one["outcome"] == "Done" and one["verb"] in _BY_REQUEST and one.get("revision") in (revision, None)
            for one in answered
        )

    def _rejected(self, seen: Observation, before: Status, after: Status) -> None:
        running, record = after.rollout or before.rollout, self.record
        ended = after.history[-1] if after.rollout is None and after.history else None
        if running is None and ended is not None:  # begun and ended in one look
            policy = seen.rollout or seen.resource.spec.rollout
            running = RolloutStatus(
                revision=ended.revision,
                state="Starting",
                started_at=ended.started_at,
                policy=policy.model_dump(mode="json", by_alias=True),
            )
        if running is None:
            self._violated(3, f"{after.rejected_revision} is rejected without a rollout")
            return
        reason, now = ended.reason if ended is not None else running.reason, self._now()
        waiting = before.rollout.waiting_since if before.rollout else None
        pods = [pod for one in seen.revisions.values() for pod in one.pods]
        excuses = {
            **dict.fromkeys(_PODS, any(p.waiting_reason or p.restarts or p.last_exit_reason for p in pods)),
            **dict.fromkeys(_TRAFFIC, bool({"Regressed", "Hung"} & record.verdicts)),
            "Inconclusive": _inconclusive(running.policy) == "rollback",
            "ProgressDeadlineExceeded": waiting is not None
            and now - moment(waiting) >= seconds(running.policy.get("progressDeadline", "10m"))
            and running.policy.get("onProgressDeadline") != "pause",
            "CanaryUnavailable": seen.revisions[running.revision].ready == 0
            if running.revision in seen.revisions
            else True,
            "Aborted": any(one.verb == "abort" and one.outcome == "Done" for one in after.requests),
            "BakeFailed": before.former is not None,
        }
        if not excuses.get(reason, False):
            self._violated(3, f"{after.rejected_revision} is rejected ({reason}) on {sorted(record.verdicts)}")
        self._left_for_nothing(seen, before, after, running, reason)

    def _left_for_nothing(
        self, seen: Observation, before: Status, after: Status, running: RolloutStatus, reason: str
    ) -> None:
        stable = seen.revisions.get(after.stable.revision) if after.stable else None
        canary = seen.revisions.get(running.revision)
        alone = (stable is None or stable.ready == 0) and canary is not None and canary.ready > 0
        if alone and reason not in ("Aborted", "BakeFailed") and running.state == "RollingBack":
            floor = seen.resource.spec.scaling.floor
            if floor > 0 and before.rollout is not None and before.rollout.state != "RollingBack":
                self._violated(5, f"rolled back ({reason}) onto a stable revision without a ready pod")

    # 4: no step is skipped, repeated, or left before its time or approval; no request is handled twice

    def _left(self, before: Status, after: Status) -> None:
        was, now = before.rollout, after.rollout
        if was is None or now is None or was.started_at != now.started_at or was.revision != now.revision:
            return
        if now.step not in (was.step, was.step + 1):
            self._violated(4, f"from step {was.step} to step {now.step}")
        asked = [one.verb for one in after.requests if one not in before.requests]
        onward = now.step == was.step + 1
        passed = now.state == "Promoting" and was.state in _JUDGED and now.reason in _PASSED
        if not (onward or passed) or "skip" in asked or "promote" in asked:
            return
        lasts, approval = _asks(was)
        until = moment(was.still_since) if was.still_since else self._now()
        stood = until - moment(was.step_since) if was.step_since else 0.0
        if stood < lasts - _MILLISECOND:
            self._violated(4, f"{was.state} {was.step} was left after {stood:.1f} s")
        if approval and not was.approved and "approve" not in asked:
            self._violated(4, f"{was.state} {was.step} was left without approval")
        steps = policy_of(was).steps[was.step + 1 :]
        if passed and was.state == "Step" and steps and steps[0].weight < 100:
            self._violated(4, f"from step {was.step} to all requests, and the next step has {steps[0].weight} %")

    def _answered(self, after: Status) -> None:
        for one in after.requests:
            if not one.verb:
                continue  # nonsense, which does nothing
            entry = one.model_dump(mode="json")
            before = self._answers.setdefault(one.id, entry)
            if before != entry and one.outcome == "Done":
                self._violated(4, f"request {one.id} was handled twice: {self._answers[one.id]}, {entry}")
        if len({one.id for one in after.requests}) != len(after.requests):
            self._violated(4, "a request stands in the status twice")


_PASSED = ("NotWorse", "Inconclusive", "PreviewPassed", "Approved")


def _asks(running: RolloutStatus) -> tuple[float, bool]:
    """Return how long the present step, preview or shadow lasts, in seconds, and whether it asks for approval."""
    policy = policy_of(running)
    blocks: dict[str, Step | BlueGreen | Shadow] = {
        "Step": policy.steps[min(running.step, len(policy.steps) - 1)],
        "Preview": policy.blue_green or BlueGreen(),
        "Shadow": policy.shadow or Shadow(),
    }
    block = blocks[running.state]
    return seconds(block.duration), block.approval


def _weights(route: dict[str, int]) -> dict[str, int]:
    return {name: weight for name, weight in route.items() if weight}


def _inconclusive(policy: Json) -> str:
    return str((policy.get("analysis") or {}).get("onInconclusive", "pause"))


def began(status: Status) -> tuple[str, str] | None:
    """Return what tells one rollout from another; None where none runs."""
    return (status.rollout.revision, status.rollout.started_at) if status.rollout else None
