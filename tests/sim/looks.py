"""Which turns of docs/rollouts.md a look meets, and where it goes from there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ekiben.api.base import seconds
from ekiben.api.rollout import BlueGreen, OnProgressDeadline, Rollout, Shadow
from ekiben.api.status import Status
from ekiben.rollout.conviction import by_objectives
from ekiben.rollout.observation import Evidence, Observation
from ekiben.rollout.plan import Plan
from ekiben.rollout.times import moment, since

from .reading import policy_of
from .table import REFUSED, Transition

_BROKEN = ("CrashLoopBackOff", "ImagePullBackOff")
_WAITING = ("Step", "Preview", "Shadow")
_JUDGED = ("Step", "Shadow")


def state_of(status: Status) -> str:
    """Return the state of the table in which a resource is."""
    if status.rollout is not None:
        return status.rollout.state
    if status.stable is None:
        return "First"
    return "Bake" if status.former_until is not None else "Stable"


class Looks:
    """Counts the transitions of one history.

    A turn is counted at the first look that meets it; of several met at once each is counted, where the table names
    the state after.
    """

    def __init__(self) -> None:
        self.taken: Counter[Transition] = Counter()
        self.marks: set[str] = set()
        """What was done since the last look that no observation shows: lost-child, lost-status."""
        self._before: tuple[str, frozenset[str], float] = ("First", frozenset(), 0.0)

    def looked(self, seen: Observation, now: float, plan: Plan, *, dry: bool) -> list[Transition]:
        """Take one look in; returns what it was counted as. `dry` says that no requests, or no counters, come."""
        status = seen.resource.status
        known, met_before, entered = self._before
        state = known if "lost-status" in self.marks else state_of(status)
        entered = entered if state == known else now
        after = state_of(plan.status)
        met = {*_turns(seen, now, state), *self.marks} | ({"no-evidence"} if dry else set())
        if state == "Restoring" and now - entered >= _deadline(status):
            met.add(_late(_policy(status)))
        if (state, after) == ("Clearing", "Replacing"):
            met.add("gone")  # drained: their end is decided
        self.marks = set()
        # What only holds on is counted once, and where it gets to.
        fresh = met - met_before if state == known and after == state else met
        found = [(state, turn, after) for turn in sorted(fresh)]
        found += [
            (state, one.verb, REFUSED if one.outcome == "Refused" else after)
            for one in plan.status.requests
            if one.verb and all(one.id != other.id for other in status.requests)
        ]
        self.taken.update(found)
        # A turn that has been answered by another state is met anew there.
        self._before = (after, frozenset(met) if after == state else frozenset(), entered if after == state else now)
        return found


def _deadline(status: Status) -> float:
    return seconds(_policy(status).progress_deadline)


def _policy(status: Status) -> Rollout:
    return policy_of(status.rollout) if status.rollout else Rollout()


def _late(policy: Rollout) -> str:
    return "late-pause" if policy.on_progress_deadline is OnProgressDeadline.PAUSE else "late"


def _turns(seen: Observation, now: float, state: str) -> Iterator[str]:
    status = seen.resource.status
    if seen.frozen:
        yield "frozen"
        return
    yield from _asked(seen, status)
    yield from _pods(seen, status, state)
    yield from _judged(seen, status, now, state)
    if seen.resource.spec.rollout.paused or status.paused:
        yield "paused"
    if seen.route is not None and not seen.route.acknowledged:
        yield "silent"


def _asked(seen: Observation, status: Status) -> Iterator[str]:
    target, stable, running = seen.target.revision, status.stable, status.rollout
    if status.pinned is not None and status.pinned.instead_of == target:
        target = status.pinned.revision
    if running is not None and target == running.revision:
        return
    if stable is None:
        if running is not None:
            yield "new"
        return
    served = {entry.revision for entry in status.history if entry.outcome == "Promoted"}
    older = target in seen.revisions and seen.revisions[target].number < stable.number
    if target == stable.revision:
        if running is not None:
            yield "back"
    elif target != status.rejected_revision:
        yield "back" if running is None and target in served and older else "new"


def _pods(seen: Observation, status: Status, state: str) -> Iterator[str]:
    canary = seen.revisions.get(status.canary.revision) if status.canary else None
    stable = seen.revisions.get(status.stable.revision) if status.stable else None
    floor = seen.resource.spec.scaling.floor
    tried, told = (stable, status.stable) if state in ("Stable", "Bake", "Restoring") else (canary, status.canary)
    if tried is not None and told is not None and tried.ready > told.ready:
        yield "ready"
    suspect = stable if state in ("Stable", "Bake") else canary
    for pod in suspect.pods if suspect else ():
        if pod.waiting_reason in _BROKEN or pod.last_exit_reason == "OOMKilled":
            yield "crash"
            break
    if canary is not None and canary.ready == 0 and (status.canary.ready > 0 or state not in ("First", "Starting")):
        yield "canary-down"
    if status.stable is not None and floor > 0 and seen.sleep == "awake" and (stable is None or stable.ready == 0):
        yield "stable-down"
    ending = stable if state in ("Clearing", "Replacing") else canary
    if state in ("Clearing", "Replacing", "Restoring") and (ending is None or ending.existing == 0):
        yield "gone"


def _judged(seen: Observation, status: Status, now: float, state: str) -> Iterator[str]:
    running, evidence = status.rollout, seen.evidence
    if state == "Bake" and status.former_until and moment(status.former_until) <= now:
        yield "time"
    if evidence is not None and evidence.problem:
        yield "no-evidence"
    if _convicts(evidence, status, state):
        yield "regressed"
    if running is None:
        return
    policy = policy_of(running)
    began = running.started_at if state == "First" else running.waiting_since
    if began and since(began, now) >= seconds(policy.progress_deadline):
        yield _late(policy)
    over = _time_over(running.step_since, policy, state, running.step, now)
    if over:
        yield "time"
    if evidence is not None and evidence.verdict == "NotWorse" and (over or state not in _WAITING):
        yield "not-worse"
    undecided = evidence is None or evidence.verdict == "Unknown"
    if state in _JUDGED and undecided and since(running.traffic_since, now) >= seconds(policy.analysis.deadline):
        yield f"deadline-{policy.analysis.on_inconclusive.value}"


def _convicts(evidence: Evidence | None, status: Status, state: str) -> bool:
    if evidence is None:
        return False
    missed = state == "Bake" and status.stable is not None and by_objectives(evidence, status.stable.revision)
    return evidence.verdict == "Regressed" or evidence.hung or bool(missed)


def _time_over(began: str | None, policy: Rollout, state: str, step: int, now: float) -> bool:
    if began is None or state not in _WAITING:
        return False
    durations = {
        "Step": policy.steps[min(step, len(policy.steps) - 1)].duration,
        "Preview": (policy.blue_green or BlueGreen()).duration,
        "Shadow": (policy.shadow or Shadow()).duration,
    }
    return since(began, now) >= seconds(durations[state])
