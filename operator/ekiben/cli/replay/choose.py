"""Which revisions are compared, at which weights, by which policy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click
import yaml
from pydantic import ValidationError

from ekiben.api.model import Runtime
from ekiben.api.rollout import Analysis, EvidenceSource, Rollout, Shadow
from ekiben.cli import words
from ekiben.cli.seen import Seen
from ekiben.signals.business import ALPHA_SHARE
from ekiben.signals.replay import Recorded, Weight, inferred

_COPIES = re.compile(r"copies of ([0-9]{1,3}) %")
_WITHIN = ("Held", "RequestDone", "RequestRefused")
"""Decisions that end no shadow."""


def pair(seen: Seen, recorded: Recorded, revision: str, against: str) -> tuple[str, str]:
    """Return the revision on trial and what it is compared with.

    Raises:
        click.ClickException: there are no samples of two revisions, or not of those that are asked for.
    """
    known = list(recorded.revisions())
    if len(known) < 2:
        raise click.ClickException(
            f"in that time Prometheus has samples of {len(known)} revision(s) of {seen.name}, and two are needed: see "
            "--since, --until, --namespace-label and --pod-label"
        )
    canary = _meant(seen, known, revision, "--revision") or known[-1]
    stable = _meant(seen, known, against, "--against") or _busiest(recorded, canary)
    if canary == stable:
        raise click.ClickException("a revision is not compared with itself: write --revision and --against")
    return canary, stable


def _busiest(recorded: Recorded, canary: str) -> str:
    """Return the revision that answered most while the canary's pods ran."""
    spans = recorded.revisions()
    begin, end = spans[canary]

    def answered(revision: str) -> int:
        return sum(count for at, count in recorded.requests(revision) if begin <= at <= end)

    return max((one for one in spans if one != canary), key=answered)


def _meant(seen: Seen, known: list[str], text: str, option: str) -> str | None:
    if not text:
        return None
    found = text if text in known else seen.find(text)
    if found not in known:
        raise click.ClickException(f"{option} {text}: Prometheus has samples of {', '.join(known)} in that time")
    return found


def weights(seen: Seen, recorded: Recorded, canary: str, stable: str) -> tuple[list[Weight], tuple[str, ...]]:
    """Return the canary's weights over time, and what should be known about them."""
    begin, end = recorded.revisions()[canary]
    told = [one for one in _told(seen, canary) if begin - recorded.interval <= one.at <= end]
    if any(one.percent > 0 for one in told):
        return told, ()
    note = (
        "The status does not remember the weights of that time: the share of all requests that the canary got stands "
        "in for them, and changes of weight are judged as if they had settled at once."
    )
    return inferred(recorded, canary, stable), (note,)


def _told(seen: Seen, canary: str) -> list[Weight]:
    """Return the canary's share of all answers, as the decisions say; in a shadow, that of the copies."""
    found, copies = [], 0.0
    for one in seen.status.decisions:
        if one.revision != canary:
            continue
        if one.decision == "ShadowStarted":
            copies = _copies(seen, one.message)
        elif one.decision not in _WITHIN:
            copies = 0.0
        found.append(Weight(words.moment(one.at), one.weight or copies))
    return found


def _copies(seen: Seen, message: str) -> float:
    """Return the share of the copies among requests and copies, per cent."""
    written = _COPIES.search(message)
    percent = int(written[1]) if written else (own_policy(seen).shadow or Shadow()).percent
    return 100 * percent / (100 + percent)


def left_out(analysis: Analysis) -> tuple[str, ...]:
    """Return what the policy judges by and a replay does not."""
    notes = []
    if analysis.metrics:
        names = ", ".join(one.name for one in analysis.metrics)
        notes.append(
            f"The policy's business metrics ({names}) are left out: what they would have said is not known, and "
            f"{ALPHA_SHARE:.0%} of falseRollback stays theirs. Any of them might have convicted, and all have to pass "
            'for "not worse".'
        )
    if analysis.source is EvidenceSource.GATEWAY:
        notes.append(
            "The policy reads the gateway's counters (source: gateway); here the pods' own are judged, which count "
            "requests of other callers too."
        )
    return tuple(notes)


def guessed(seen: Seen, revisions: Sequence[str], runtime: Runtime) -> tuple[str, ...]:
    """Return what is to be known where a revision's Deployment is gone, which would say what model server it was."""
    if not revisions:
        return ()
    which = " and ".join(seen.called(one) for one in revisions)
    taken = f"{runtime.value} is taken, as spec.model says now; --runtime says otherwise"
    return (f"Which model server ran in {which} is not known any more: {taken}.",)


def own_policy(seen: Seen) -> Rollout:
    """Return the policy of the running rollout, or else of the next one."""
    if seen.policy is not None:
        return seen.policy
    try:
        return Rollout.model_validate(seen.spec.get("rollout") or {})
    except ValidationError:
        return Rollout()


def policy_in(file: Path) -> Rollout:
    """Return the rollout block of a manifest.

    Raises:
        click.ClickException: it has none that can be used.
    """
    try:
        body = yaml.safe_load(file.read_text())
        return Rollout.model_validate({**body["spec"]["rollout"], "policyRef": None})
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        message = f"{file} is no ModelDeployment or RolloutPolicy with a spec.rollout: {error}"
        raise click.ClickException(message) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise click.ClickException(f"{file}: spec.rollout.{where}: {first['msg']}") from error
