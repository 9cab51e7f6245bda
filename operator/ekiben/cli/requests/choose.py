"""Which revision a verb is meant for, and whether it makes sense at all: pure.

The operator has the last word. Here is refused only what plainly cannot be meant, before anything is written, and with
what to do instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.api.request import Verb
from ekiben.api.rollout import Rollout, Strategy
from ekiben.api.status import RolloutStatus
from ekiben.cli import words
from ekiben.cli.seen import Seen
from ekiben.rollout import approval, proven

_BACK = ("RollingBack", "Restoring")
_REPLACED = ("Clearing", "Replacing")
_DONE = {
    Verb.APPROVE: "approve",
    Verb.PROMOTE: "promote",
    Verb.SKIP: "skip a step of",
    Verb.ABORT: "abort",
}


class RefusedError(Exception):
    """The verb makes no sense now; the message says why, and what would."""


@dataclass(frozen=True)
class Chosen:
    """What is going to be asked for."""

    verb: Verb
    revision: str
    effect: str
    """What happens then, in plain English: the question before it is sent, without its question mark."""
    weight: int | None = None
    """Of approve, the weight of the step that it is meant for alone, in per cent."""


def choose(
    verb: Verb,
    seen: Seen,
    *,
    revision: str = "",
    to: str = "",
    weight: int | None = None,
    prog: str = "ekiben",
    flags: str = "",
) -> Chosen:
    """Return the request to send.

    Args:
        verb: what is asked for.
        seen: the resource as it is.
        revision: name or number of the revision that it has to be meant for; empty takes the one that applies.
        to: of `undo`, name or number of the revision to go back to; empty takes the one that served before.
        weight: of `approve`, the weight of the step that it is meant for; None takes the one that is waited at.
        prog: how the program was called.
        flags: what reaches the same namespace and cluster, such as " -n shop".

    Raises:
        RefusedError: it makes no sense.
    """
    return _Choice(seen, revision, f"{prog} {{}} {seen.name}{flags}", weight).of(verb, to)


@dataclass(frozen=True)
class _Choice:
    seen: Seen
    wanted: str
    form: str
    """How a command is typed: "ekiben {} iris -n shop"."""
    weight: int | None = None

    def of(self, verb: Verb, to: str) -> Chosen:
        """Choose, by verb."""
        frozen = self.seen.told("Frozen")
        if frozen is not None:
            raise RefusedError(
                f"{words.sentence(frozen.message or 'everything is frozen')} Ask again when that has ended."
            )
        if verb is Verb.UNDO:
            return self._undo(to)
        if verb is Verb.RETRY:
            return self._retry()
        if verb is Verb.WAKE:
            return self._wake()
        if verb in (Verb.PAUSE, Verb.RESUME):
            return self._pause() if verb is Verb.PAUSE else self._resume()
        running = self._running(verb)
        if verb is Verb.APPROVE:
            self._needs_approval(running)
        elif running.state in _REPLACED and verb is not Verb.ABORT:
            raise RefusedError(
                f"{self._called(running.revision)} replaces the former one (strategy recreate): "
                f"it takes over as soon as it is ready. To go back: {self._typed('abort')}"
            )
        return Chosen(verb, self._meant(running.revision), self._effect(verb, running), self.weight)

    def _running(self, verb: Verb) -> RolloutStatus:
        """Return the rollout that there must be for most verbs."""
        running = self.seen.status.rollout
        what = _DONE[verb]
        if running is None:
            raise RefusedError(f"There is nothing to {what}: no rollout is going on.{self._instead(verb)}")
        name = self._called(running.revision)
        if running.state == "First":
            raise RefusedError(
                f"{name} is the first one: it serves as soon as its pods are ready, and there is nothing to go back "
                f"to. To see why they are not: {self._typed('explain')}"
            )
        if running.state in _BACK:
            again = self._retry_later(running.state)
            raise RefusedError(f"{name} is being taken out already ({running.reason}). {again}")
        if running.state == "Promoting" and verb is not Verb.ABORT:
            raise RefusedError(f"{name} is taking over all requests already. To go back: {self._typed('abort')}")
        return running

    def _instead(self, verb: Verb) -> str:
        status = self.seen.status
        if verb is Verb.ABORT and status.stable is not None:
            return f" To go back from {self.seen.called(status.stable.revision)}, which serves: {self._typed('undo')}"
        if status.rejected_revision is not None:
            return f" {self._called(status.rejected_revision)} was rolled back. {self._retry_later()}"
        if self.seen.stale:
            return " The operator has not looked at the latest change of the resource yet: try again in a moment."
        return ""

    def _retry_later(self, state: str = "") -> str:
        return f"To try it again{'' if state == 'Restoring' else ' after that'}: {self._typed('retry')}"

    def _needs_approval(self, running: RolloutStatus) -> None:
        if running.approved:
            raise RefusedError(f"{self._called(running.revision)} has its approval already.{self._why_waiting()}")
        policy = self.seen.policy
        if policy is not None and not _wants_approval(policy, running):
            raise RefusedError(
                f"{self._called(running.revision)} waits for no approval at this point.{self._why_waiting()} "
                f"To go on without waiting: {self._typed('skip')} or {self._typed('promote')}"
            )
        if policy is not None:
            self._approves_this(policy, running)

    def _approves_this(self, policy: Rollout, running: RolloutStatus) -> None:
        """Refuse where it may be meant for another step than the present one."""
        weight = approval.present(policy, running).weight
        if self.weight is not None and (policy.strategy is not Strategy.CANARY or self.weight != weight):
            is_at = f"at the step of {weight} %" if policy.strategy is Strategy.CANARY else "at no step"
            raise RefusedError(f"{self._called(running.revision)} is {is_at}, not at one of {self.weight} %.")
        awaited = running.awaits_approval or self.seen.paused_by(approval.AWAITED)
        if self.weight is None and approval.repeatable(policy, running) and not awaited:
            raise RefusedError(
                f"An earlier step asked for approval too, and the one of {weight} % does not wait for it yet. "
                f"To approve it all the same: {self._typed('approve', f' --weight {weight}')}"
            )

    def _why_waiting(self) -> str:
        progressing = self.seen.condition("Progressing")
        return f" What it waits for: {progressing.message}." if progressing and progressing.message else ""

    def _pause(self) -> Chosen:
        status = self.seen.status
        if status.paused:
            raise RefusedError(f"{self.seen.name} is paused already. To go on: {self._typed('resume')}")
        if status.rollout is not None:
            effect = f"hold the rollout of {self.seen.called(status.rollout.revision)} where it is"
            return Chosen(Verb.PAUSE, self._meant(status.rollout.revision), effect)
        return Chosen(Verb.PAUSE, self._meant(self._serving()), "let new revisions wait")

    def _resume(self) -> Chosen:
        status = self.seen.status
        if not status.paused:
            raise RefusedError(f"Nobody has asked for a pause of {self.seen.name}.{self._other_pause()}")
        revision = status.rollout.revision if status.rollout is not None else self._serving()
        return Chosen(Verb.RESUME, self._meant(revision), "go on where it was paused")

    def _other_pause(self) -> str:
        if (self.seen.spec.get("rollout") or {}).get("paused"):
            return " The pause stands in spec.rollout.paused: take it out there."
        paused = self.seen.told("Paused")
        if paused is None:
            return ""
        go_on = " or ".join(self._typed(verb) for verb in ("approve", "promote", "abort"))
        return f" It holds for another reason: {paused.message}. To decide: {go_on}"

    def _serving(self) -> str:
        stable = self.seen.status.stable
        if stable is None:
            raise RefusedError(
                f"No revision of {self.seen.name} serves or is being rolled out yet. "
                f"What it waits for: {self._typed('explain')}"
            )
        return stable.revision

    def _retry(self) -> Chosen:
        status = self.seen.status
        running = status.rollout
        if running is not None and running.state != "Restoring":
            doing = "rolled out right now: there is nothing to retry."
            doing = f"taken out still. {self._retry_later()}" if running.state == "RollingBack" else doing
            raise RefusedError(f"{self._called(running.revision)} is being {doing}")
        left = status.rejected_revision or self._left_by_undo()
        if left is None:
            raise RefusedError(
                "There is nothing to retry: the revision that spec.model asks for was not rolled back. "
                f"What happened last: {self._typed('explain')}"
            )
        return Chosen(Verb.RETRY, self._meant(left), f"roll out {self.seen.called(left)} again, from its first step")

    def _left_by_undo(self) -> str | None:
        """Return the revision that spec.model asks for, where an undo has another one serve instead."""
        pinned = self.seen.status.pinned
        return pinned.instead_of if pinned is not None and pinned.revision != pinned.instead_of else None

    def _undo(self, to: str) -> Chosen:
        status = self.seen.status
        serving = self._serving()
        if not to and status.rollout is not None:
            raise RefusedError(self._undo_in_rollout(status.rollout, serving))
        target = self._target(to) if to else self.seen.before()
        if not target:
            raise RefusedError(self._no_former(serving))
        if target == serving:
            raise RefusedError(f"{self._called(serving)} is the one that serves.")
        way = f"{self.seen.called(serving)} to {self.seen.called(target)}"
        return Chosen(Verb.UNDO, target, f"go back from {way}; it serves until spec.model changes")

    def _undo_in_rollout(self, running: RolloutStatus, serving: str) -> str:
        """Say what may be meant: the new revision's end, or going back further than that."""
        name, before = self._called(running.revision), self.seen.before()
        further = f" To go back further, to {self.seen.called(before)}: {self._typed('undo', f' --to {before}')}"
        if running.state in _BACK:
            begin = f"{name} is being taken out already; {self.seen.called(serving)} serves."
        else:
            begin = f"{name} is being rolled out; {self.seen.called(serving)} serves. To take the new one back: "
            begin += f"{self._typed('abort')}."
        return begin + (further if before else "")

    def _target(self, to: str) -> str:
        target = self.seen.find(to)
        if target is not None:
            return target
        known = ", ".join(str(number) for number in sorted({n for n in self.seen.numbers().values() if n}))
        raise RefusedError(
            f"No revision {to} of {self.seen.name} is known; there are: {known or 'none'}. {self._typed('history')}"
        )

    def _no_former(self, serving: str) -> str:
        served = (one for one in proven.served(self.seen.status) if one != serving)
        left = self._left_by_undo() or next((one for one in served if proven.undone(self.seen.status, one)), None)
        if left is None:
            return f"No other revision than {self.seen.called(serving)} has served: there is none to go back to."
        back = f"To return to {self.seen.called(left)}: {self._typed('undo', f' --to {left}')}"
        return f"There is none to go back to but what an undo has left. {back}"

    def _wake(self) -> Chosen:
        serving, asleep = self._serving(), self.seen.condition("Asleep")
        if asleep is None or (asleep.status != "True" and asleep.reason != "FallingAsleep"):
            why = f": {asleep.message}" if asleep is not None and asleep.message else ""
            raise RefusedError(f"There is nothing to wake: {self.seen.name} does not sleep{why}.")
        return Chosen(Verb.WAKE, self._meant(serving), f"start {self.seen.called(serving)}, which sleeps")

    def _meant(self, revision: str) -> str:
        """Return the revision, if it is the one that was named."""
        if self.wanted and self.seen.find(self.wanted) != revision:
            raise RefusedError(
                f"It is {self.seen.called(revision)} that this would be about, not revision {self.wanted}: "
                f"look again with {self._typed('status')}"
            )
        return revision

    def _effect(self, verb: Verb, running: RolloutStatus) -> str:
        name = self.seen.called(running.revision)
        stable = self.seen.status.stable
        back = f"{self.seen.called(stable.revision)} gets all requests" if stable else "its requests go back"
        effects = {
            Verb.APPROVE: f"let {name} leave this step, once its time and its evidence allow it",
            Verb.PROMOTE: f"give {name} all requests now, whatever the steps and the evidence still to come",
            Verb.SKIP: f"let {name} leave this step now, without its time, its approval and its evidence",
            Verb.ABORT: f"roll {name} back; {back}",
        }
        return effects[verb]

    def _called(self, revision: str) -> str:
        text = self.seen.called(revision)
        return text[0].upper() + text[1:]

    def _typed(self, verb: str, options: str = "") -> str:
        return f"`{self.form.format(verb)}{options}`"


def _wants_approval(policy: Rollout, running: RolloutStatus) -> bool:
    starting = policy.strategy is Strategy.CANARY and running.state != "Step"
    return not starting and approval.needed(policy, running)
