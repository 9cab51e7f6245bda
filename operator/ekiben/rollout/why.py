"""Why a revision has so many replicas: the word of whoever chose the number, and not of whoever was overruled."""

from __future__ import annotations

from enum import StrEnum

from ekiben.api.scaling import Writer
from ekiben.api.status import RevisionStatus

from . import limits
from .draft import Draft
from .observation import Measured
from .plan import Scale


class Why(StrEnum):
    """Reasons beside those of ekiben's own scaler and of a HorizontalPodAutoscaler."""

    FIXED = "Fixed"
    KEDA = "Keda"
    ROLLOUT = "Rollout"
    """A rollout keeps, or takes, another number than the load asks for."""
    BAKE = "Bake"
    """So does the bake after one."""
    LIMIT = "Limit"
    """The load asks for more than the limits leave, or for fewer than they demand."""
    SLEEP = "Sleep"
    """What falls asleep, or wakes, has a replica that the load does not ask for."""
    NOT_MEASURED = "NotMeasured"


def why(draft: Draft, part: RevisionStatus, desired: int, writer: Writer) -> tuple[str, str]:
    """Return (one word, plain English) for the replicas that a revision is to have.

    Args:
        draft: the decision, with its actions.
        part: a revision that takes part.
        desired: the replicas that it is to have after these actions.
        writer: who owns them.
    """
    seen = draft.observation.measured.get(part.revision, Measured())
    if writer is Writer.KEDA and not _written(draft, part):
        return Why.KEDA, "KEDA follows its triggers"
    chosen = draft.observation.resource.spec.scaling.fixed if writer is Writer.FIXED else seen.wanted
    if chosen is not None and chosen != desired:
        who = "scaling.replicas" if writer is Writer.FIXED else "the load"
        return _overruled(draft, part, desired, chosen, f"{who} asks for {chosen}")
    if writer is Writer.FIXED:
        return Why.FIXED, "scaling.replicas says so"
    begins = draft.status.rollout is not None and not seen.message
    if chosen is None and (_written(draft, part) or begins):
        return _overruled(draft, part, desired, None, "")
    if seen.message:
        return seen.reason, seen.message
    return Why.NOT_MEASURED, "nothing has been measured yet: what there is stays"


def _written(draft: Draft, part: RevisionStatus) -> bool:
    """Return whether ekiben itself sets the number now."""
    return any(isinstance(one, Scale) and one.revision == part.revision for one in draft.actions)


def _overruled(draft: Draft, part: RevisionStatus, desired: int, chosen: int | None, asks: str) -> tuple[str, str]:
    """Return why the number is another one than was chosen; `chosen` is None where nobody has said one."""
    scaling, former = draft.observation.resource.spec.scaling, draft.status.former
    fewer = chosen is not None and desired < chosen
    if draft.status.rollout is not None:
        reason, text = _in_rollout(draft, part, desired, fewer=fewer)
    elif draft.observation.sleep != "awake" or (scaling.sleeps and 0 in (chosen, desired)):
        reason, text = Why.SLEEP, _in_sleep(draft, desired)
    elif not fewer and desired > scaling.floor and former is not None:
        reason, text = Why.BAKE, f"{desired} are what all requests need, kept since the promotion"
    elif not fewer and desired > scaling.floor:
        reason, text = Why.ROLLOUT, f"{desired} are what all requests need, kept since the rollout"
    else:
        reason, text = Why.LIMIT, f"scaling allows {scaling.floor} to {scaling.ceiling}"
    return reason, "; ".join(filter(None, (asks, text)))


def _in_rollout(draft: Draft, part: RevisionStatus, desired: int, *, fewer: bool) -> tuple[Why, str]:
    running = draft.status.rollout
    stable = draft.status.stable
    if desired == 0 and draft.observation.resource.spec.scaling.fixed != 0:
        return Why.ROLLOUT, "the revision is taken out of the rollout"
    if stable is None:
        return Why.ROLLOUT, f"{desired} are what the first revision begins with"
    back = running is not None and running.state in ("RollingBack", "Restoring")
    canary = part.revision != stable.revision
    if canary and draft.by_replicas:
        return Why.ROLLOUT, f"{desired} are its share of the pods, which is its share of the requests"
    if fewer and not back and draft.observation.resource.spec.scaling.fixed is None:
        return Why.LIMIT, f"{desired} are what {limits.most(draft)} for both revisions together leave for this one"
    if canary:
        return Why.ROLLOUT, f"{desired} are what the rollout's next move needs"
    return Why.ROLLOUT, f"{desired} are kept for the way back" if not back else f"{desired} take all requests again"


def _in_sleep(draft: Draft, desired: int) -> str:
    if draft.observation.sleep == "waking":
        return f"it was asked for and wakes with {desired}"
    if desired == 0:
        return "it sleeps"
    return f"{desired} stay until requests lead to the activators"
