"""One sentence that says it all, and its colour: pure."""

from __future__ import annotations

from ekiben.cli import words
from ekiben.cli.episodes import Episode, chosen
from ekiben.cli.seen import Seen

from .reasons import because
from .story import Tone

_TONES = {
    "Promoted": Tone.GOOD,
    "RolledBack": Tone.BAD,
    "Failed": Tone.BAD,
    "Undone": Tone.PLAIN,
    "Superseded": Tone.PLAIN,
    "Cancelled": Tone.PLAIN,
}


def tone(seen: Seen, episode: Episode) -> Tone:
    """Return how it went."""
    healthy = seen.condition("Healthy")
    unwell = seen.told("Degraded") is not None or (healthy is not None and healthy.status == "False")
    if unwell and episode == chosen(seen.status):
        return Tone.BAD
    if not episode.running:
        return _TONES.get(episode.outcome, Tone.PLAIN)
    running = seen.status.rollout
    if running is not None and (running.state in ("RollingBack", "Restoring") or _failed(seen)):
        return Tone.BAD
    return Tone.WAITING


def headline(seen: Seen, episode: Episode, old: str, now: float) -> str:
    """Return the sentence."""
    if episode.running:
        return _going_on(seen, episode, old)
    took = words.span(episode.seconds(now))
    name = f"Revision {episode.number}"
    why = because(episode.reason, old)
    clause = f": {why}" if why else ""
    if episode.outcome == "Promoted":
        if episode.reason == "FirstRevision":
            return f"{name} was the first one and serves since its pods were ready, after {took}."
        return f"{name} took over from {old} after {took}{clause}."
    if episode.outcome == "Undone":
        return f"{name} was left for an earlier one: somebody asked for that (undo)."
    if episode.reason == "BakeFailed":
        return f"{name} was taken out again: {why}. All requests went back."
    if episode.outcome == "RolledBack":
        return f"{name} was rolled back after {took}, {_reached(episode)}{clause}."
    if episode.outcome == "Superseded":
        return f"{name} was left before it was done, {_reached(episode)}: another revision was asked for."
    if episode.outcome == "Cancelled" and episode.reason == "TrafficFeatureUnsupported":
        return f"{name} was left, {_reached(episode)}{clause}. It begins anew once that can be had."
    if episode.outcome == "Cancelled":
        return f"{name} was left, {_reached(episode)}: {old} was asked for again."
    return f"{name} failed{clause}."


def _reached(episode: Episode) -> str:
    weight = episode.weight
    if weight is None:
        return "on its way"
    return f"at {weight} % of the requests" if weight else "before it got any request"


def _going_on(seen: Seen, episode: Episode, old: str) -> str:
    running, canary = seen.status.rollout, seen.status.canary
    name = f"Revision {episode.number}"
    if running is None or canary is None:
        return f"{name} is being rolled out."
    why = because(running.reason, old)
    frozen, paused, progressing = (seen.told(kind) for kind in ("Frozen", "Paused", "Progressing"))
    share = f"{canary.weight} % of the requests"
    if running.state == "First":
        failed = f"{name}, the first one, does not become ready" + (f": {why}" if why else "")
        return (
            f"{failed}. Nothing serves yet."
            if _failed(seen)
            else f"{name}, the first one, is starting. Nothing serves yet."
        )
    if frozen is not None:
        return f"Everything is frozen; {name.lower()} has {share}."
    if running.state in ("RollingBack", "Restoring"):
        left = {"Superseded": "another revision is asked for", "Cancelled": f"{old} is asked for again"}
        reason = why or left.get(running.reason, "")
        late = paused is not None and paused.reason == "ProgressDeadlineExceeded"
        barred = f" {old[0].upper()}{old[1:]}, which comes back, is not ready in time." if late else ""
        return f"{name} is being taken out{f': {reason}' if reason else ''}.{barred}"
    if paused is not None:
        return f"{name} {_HOLDS.get(paused.reason, 'is held')} at {share}."
    if progressing is not None and progressing.reason == "StableUnavailable":
        return f"The rollout of {name.lower()} holds at {share}: {old}, which serves the rest, has no ready pod."
    if progressing is not None and progressing.reason == "ScaledToZero":
        return f"The rollout of {name.lower()} rests: spec.scaling.replicas is 0."
    return f"{name} {_does(seen, old)}"


_HOLDS = {
    "Paused": "is paused",
    "AwaitingApproval": "waits for an approval",
    "Inconclusive": "waits for a decision",
    "ProgressDeadlineExceeded": "is not ready in time, and holds",
    "UnknownState": "waits for a decision",
}


def _does(seen: Seen, old: str) -> str:
    running, canary, policy = seen.status.rollout, seen.status.canary, seen.policy
    if running is None or canary is None:
        return "is being rolled out."
    if running.state == "Promoting":
        return f"is taking over all requests from {old}."
    if running.state == "Starting":
        return "is starting; it gets no requests yet."
    if running.state == "Preview":
        return "is ready and gets no requests yet: it is being looked at."
    if running.state == "Shadow":
        return "gets copies of the requests; its answers are thrown away."
    if running.state in ("Clearing", "Replacing"):
        return f"replaces {old}: nothing serves until its pods are ready."
    steps = f" (step {running.step + 1} of {len(policy.steps)})" if policy else ""
    return f"is on trial with {canary.weight} % of the requests{steps}; {old} serves the rest."


def _failed(seen: Seen) -> bool:
    return seen.status.phase.value == "Failed"
