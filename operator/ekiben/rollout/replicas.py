"""Two conditions about replicas: whether they follow the load, and whether the scheduler finds nodes for them."""

from __future__ import annotations

from ekiben.api.scaling import Writer

from . import scaled
from .draft import Draft
from .observation import Pod

_KEDA_AGAIN = 15.0
"""Seconds after which KEDA is asked again; no watch tells what it says."""
_MAXIMUM = ("Maximum", "TooManyReplicas")
_Answer = tuple[bool | None, str, str]


def followed(draft: Draft) -> _Answer:
    """Answer whether replicas follow what spec.scaling says."""
    observation, stable = draft.observation, draft.status.stable
    writer = observation.resource.spec.writer
    if observation.scaling_problem:
        return False, "NotPossible", observation.scaling_problem
    if writer is Writer.FIXED:
        return False, "Fixed", "scaling.replicas is a fixed count"
    if any(revision.handing_over for revision in observation.revisions.values()):
        return None, "HandingOver", "KEDA still owns the replicas, its autoscaler is going: until it has, they stay"
    measured = observation.measured.get(stable.revision) if stable is not None else None
    if measured is not None and measured.problem:
        if writer is Writer.KEDA:
            draft.look_in(_KEDA_AGAIN)
        return False, measured.reason, measured.message
    if writer is Writer.KEDA and measured is not None and measured.pending:
        draft.look_in(_KEDA_AGAIN)
        return None, "Keda", "KEDA has not said yet whether it can follow its triggers"
    if writer is Writer.KEDA:
        return True, "Keda", "KEDA follows its triggers"
    if measured is None:
        return None, "NotMeasured", "nothing has been measured yet"
    if measured.reason in _MAXIMUM:
        return True, "AtMaximum", measured.message
    by = f"by the {writer.value}" if writer is Writer.AUTOSCALER else "by ekiben"
    return True, "Following", "; ".join(filter(None, (by, scaled.hint(observation.resource.spec))))


def placed(draft: Draft) -> _Answer:
    """Answer whether every pod of the revisions that take part was made and has a node, in the cluster's words."""
    status = draft.status
    names = [one.revision for one in (status.stable, status.canary) if one is not None]
    revisions = [found for name in names if (found := draft.revision(name)) is not None]
    waiting = [pod for revision in revisions for pod in revision.pods if pod.unschedulable and not pod.terminating]
    if waiting:
        return False, "Unschedulable", _said(waiting)
    for revision in revisions:
        if revision.unmade and revision.existing < revision.wanted:
            return False, "NotMade", f"a pod of {revision.name} cannot be made: {revision.unmade[:600]}"
    return True, "Placed", ""


def _said(waiting: list[Pod]) -> str:
    first, others = waiting[0], len(waiting) - 1
    who = f"pod {first.name} finds" if not others else f"pod {first.name} and {others} more find"
    return f"{who} no node: {first.unschedulable[:600]}"
