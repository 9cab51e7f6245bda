"""Status -> story: pure."""

from __future__ import annotations

from pydantic import ValidationError

from ekiben.api.base import seconds
from ekiben.api.rollout import Analysis, Rollout, Strategy
from ekiben.api.status import Decision, MetricEvidence
from ekiben.cli import asleep, words
from ekiben.cli.episodes import Episode, chosen, episodes
from ekiben.cli.seen import Seen

from . import headline as headlines
from .figures import brief, figures
from .options import Commands, options
from .reasons import because, decided
from .story import Beat, Story, Tone
from .waits import Wait, waits

_STRATEGIES = {
    Strategy.BLUE_GREEN: "all requests at once, after a preview that callers do not see",
    Strategy.SHADOW: "copies of the requests first, whose answers are thrown away, then all requests at once",
    Strategy.RECREATE: "the former pods end before the new ones start",
}
_TURNS = {"Promoting": "takes over", "RollingBack": "is taken out"}
_ASKED_PAUSE = "somebody asked for a pause"
"""Of a hold that the request before it tells of as well."""


class UnknownRevisionError(Exception):
    """No rollout of that revision is known; the message says which are."""


def tell(seen: Seen, now: float, commands: Commands, revision: str = "") -> Story:
    """Return the story of the last rollout, or of the last one of a revision.

    Args:
        seen: the resource.
        now: seconds since the epoch.
        commands: how commands about it are typed.
        revision: number or name of a revision; empty takes the last rollout.

    Raises:
        UnknownRevisionError: there is no rollout of that revision on record.
    """
    episode = _episode(seen, revision)
    if episode is None:
        return _nothing_yet(seen, commands)
    latest = episode == chosen(seen.status)
    new, old = f"revision {episode.number}", _rival(seen, episode)
    reason = episode.reason or episode.outcome
    wait = waits(seen) if latest else Wait("")
    last = _last_metrics(seen, episode, latest=latest)
    return Story(
        namespace=seen.namespace,
        name=seen.name,
        revision=episode.revision,
        number=episode.number,
        image=episode.image,
        outcome=episode.outcome,
        reason=reason,
        tone=headlines.tone(seen, episode),
        headline=headlines.headline(seen, episode, old, now),
        asked=_asked(seen, episode, old),
        beats=_beats(episode, new, old),
        figures=figures(last, new, old),
        decided=_decided(seen, episode, reason, old),
        waits=wait.text,
        until=wait.until,
        then=wait.then,
        notes=tuple(_notes(seen, episode, now) if latest else ()),
        options=options(seen, commands) if latest else (),
    )


def _episode(seen: Seen, revision: str) -> Episode | None:
    if not revision:
        return chosen(seen.status)
    name = seen.find(revision)
    found = chosen(seen.status, name) if name else None
    if found is None:
        known = sorted({one.number for one in episodes(seen.status)})
        numbers = ", ".join(str(number) for number in known) or "none yet"
        raise UnknownRevisionError(
            f"No rollout of revision {revision} is on record; the status tells of those of: {numbers}. "
            "It keeps the last 20."
        )
    return found


def _nothing_yet(seen: Seen, commands: Commands) -> Story:
    stable, lost = seen.status.stable, seen.condition("Healthy")
    if stable is not None:
        headline = f"Revision {stable.number} serves; no rollout is on record."
    elif lost is not None and lost.reason == "StateLost":
        headline = "Nothing says which revision serves."
    else:
        headline = "Nothing has happened yet: the operator has not looked at this resource."
    degraded = seen.told("Degraded")
    return Story(
        seen.namespace,
        seen.name,
        revision=stable.revision if stable else "",
        number=stable.number if stable else 0,
        image=stable.image if stable else str((seen.spec.get("model") or {}).get("image", "")),
        outcome="",
        reason="",
        tone=Tone.PLAIN if stable else Tone.WAITING,
        headline=headline,
        asked="",
        beats=(),
        figures=(),
        decided=words.sentence(degraded.message) if degraded else "",
        waits="" if stable is None and seen.stale else waits(seen).text,
        until=None,
        then="",
        notes=(),
        options=options(seen, commands),
    )


def _rival(seen: Seen, episode: Episode) -> str:
    """Return what the revision is called that served when the rollout began, or all that is known of it."""
    stable = seen.status.stable
    stayed = not episode.leaves and episode.outcome != "Promoted"
    if stable is not None and (episode.running or (stayed and episode == chosen(seen.status))):
        return f"revision {stable.number}"
    number = 0
    for one in episodes(seen.status):
        if one == episode:
            break
        if one.leaves:
            number = one.back_to
        elif one.outcome == "Promoted":
            number = one.number
    return f"revision {number}" if number else "the one that served"


def _asked(seen: Seen, episode: Episode, old: str) -> str:
    name = f"Revision {episode.number}"
    if episode.leaves and not episode.running:
        earlier = f"revision {episode.back_to}" if episode.back_to else "an earlier one"
        return f"All requests were to go back from {name.lower()} to {earlier}."
    first = episode.reason == "FirstRevision" or (
        seen.status.rollout is not None and seen.status.rollout.state == "First"
    )
    if first:
        return f"{name} is the first one: there is none to compare it with, and none to go back to."
    policy = seen.policy if episode.running else None
    running = seen.status.rollout
    if episode.running and running is not None and running.direct and running.reason != "Requested":
        return f"{name} takes over from {old} without steps."
    if policy is None:
        return f"{name} was to take over from {old}."
    return f"{name} is to take over from {old}: {_plan(policy)}."


def _plan(policy: Rollout) -> str:
    if policy.strategy is not Strategy.CANARY:
        return _STRATEGIES[policy.strategy]
    weights = ", ".join(str(step.weight) for step in policy.steps)
    lasts = {step.duration for step in policy.steps}
    each = f", each for at least {words.span(seconds(lasts.pop()))}" if len(lasts) == 1 else ""
    approval = "; a person approves" if any(step.approval for step in policy.steps) else ""
    return f"first {weights} % of the requests{each}, then all{approval}"


def _beats(episode: Episode, new: str, old: str) -> tuple[Beat, ...]:
    told = [one for one in episode.decisions if not (one.decision == "Held" and one.message.startswith(_ASKED_PAUSE))]
    return tuple(
        Beat(one.at, one.decision, _said(one, old), brief(one.metrics, old), figures(one.metrics, new, old))
        for one in told
    )


def _said(one: Decision, old: str) -> str:
    message = words.shortened(one.message)
    verb, _, answer = message.partition(": ")
    if one.decision == "RequestDone":
        return f"Somebody asked to {verb}. {words.sentence(answer)}"
    if one.decision == "RequestRefused":
        return f"Somebody asked to {verb}. Refused: {answer}."
    if one.decision in _TURNS and because(one.reason, old):
        # The message has the figures, in the words of statistics.
        return f"Revision {one.number} {_TURNS[one.decision]}: {because(one.reason, old)}."
    if one.decision == "Promoted":
        message = message.partition(". ")[0]
    return words.sentence(message) or words.sentence(one.reason)


def _last_metrics(seen: Seen, episode: Episode, *, latest: bool) -> list[MetricEvidence]:
    """Return what the requests said last about this rollout."""
    verdict = seen.status.verdict
    if episode.running and verdict is not None:
        return verdict.metrics
    told = next((one.metrics for one in reversed(episode.decisions) if one.metrics), None)
    if told is not None:
        return told
    return verdict.metrics if latest and verdict is not None and not episode.leaves else []


def _decided(seen: Seen, episode: Episode, reason: str, old: str) -> str:
    if episode.running and not episode.reason:
        return ""
    return decided(episode, reason, old, _analysis(seen))


def _analysis(seen: Seen) -> Analysis | None:
    """Return the bounds of the analysis, where the resource itself says them."""
    if seen.policy is not None:
        return seen.policy.analysis
    written = seen.spec.get("rollout") or {}
    if "policyRef" in written:
        return None
    try:
        return Analysis.model_validate(written.get("analysis") or {})
    except ValidationError:
        return None


def _notes(seen: Seen, episode: Episode, now: float) -> list[str]:
    sleeps = asleep.headline(seen, now)
    notes = [sleeps] if sleeps else []
    canary = seen.status.canary
    if episode.running and canary is not None and seen.by_replicas and canary.weight not in (0, 100):
        true = canary.acknowledged_weight
        notes.append(
            f"Without a Gateway the number of ready pods splits the requests: {canary.weight} % was asked for, and "
            f"{true} % is as near as whole pods come."
            if true != canary.weight
            else "Without a Gateway the number of ready pods splits the requests, as near as whole pods come."
        )
    unsupported, drifted, pinned = (
        seen.told("TrafficFeatureUnsupported"),
        seen.told("Drifted"),
        seen.condition("ImagePinned"),
    )
    notes += [words.sentence(one.message) for one in (unsupported, drifted) if one is not None]
    met, stable = seen.condition("ObjectivesMet"), seen.status.stable
    if met is not None and met.status == "False" and stable is not None:
        missed = f"Revision {stable.number}, which serves, missed an objective (spec.rollout.objectives)"
        notes.append(f"{missed}: {words.sentence(met.message)}")
    if pinned is not None and pinned.status == "False":
        notes.append(words.sentence(pinned.message))
    return notes
