"""A status that was lost is rebuilt from what serves, or the resource holds."""

from __future__ import annotations

from ekiben.api.status import RevisionStatus

from .draft import Draft
from .observation import Revision


def adopt(draft: Draft) -> None:
    """Take the revision that serves as the stable one."""
    revision, why = _serving(draft)
    if revision is None:
        return
    route = draft.observation.route
    weight = route.weights.get(revision.name, 0) if route else 0
    draft.update(
        stable=RevisionStatus(
            revision=revision.name,
            number=revision.number,
            image=revision.image,
            model=dict(revision.model),
            weight=weight,
            acknowledged_weight=weight,
        )
    )
    draft.tell(
        "StateRebuilt",
        f"the status was empty; revision {revision.number} ({revision.name}) {why} and is taken as the stable one",
        warning=True,
    )


def lost(draft: Draft) -> bool:
    """Hold where the status is empty, several revisions have ready pods, and nothing says which of them serves."""
    if draft.status.stable is not None or draft.status.rollout is not None or draft.observation.route is not None:
        return False
    running = _running(draft)
    if len(running) < 2:
        return False
    names = ", ".join(f"{one.number} ({one.name})" for one in running)
    draft.hold(
        "StateLost",
        f"the status, the route and the Service are gone, and revisions {names} have pods: scale all but the right "
        "one's Deployment to 0, and ekiben takes that one as the stable one",
    )
    draft.look_in(30)
    return True


def _serving(draft: Draft) -> tuple[Revision | None, str]:
    """Return the revision that serves and how that is known.

    All weight on one revision says it, whether or not its pods are ready just now, if it is to have any: strategy
    recreate moves the weight before the pods. Otherwise the Service NAME, which selects the stable one all through a
    rollout; otherwise the most weight: taking anything else would move traffic. The age of a Deployment says nothing.
    """
    route = draft.observation.route
    weights = {name: weight for name, weight in route.weights.items() if weight > 0} if route else {}
    known = [one for name in weights if (one := draft.revision(name)) is not None]
    selected = draft.revision(draft.observation.service)
    if len(weights) == 1 and known:
        if known[0].wanted == 0 and selected is not None and selected.wanted > 0:
            return selected, "is what the Service selects, and what has pods"
        return known[0], "gets all requests"
    if selected is not None and (route is None or selected.name in weights):
        return selected, "is what the Service selects"
    served = [one for one in known if one.ready > 0]
    if served:
        best = max(served, key=lambda one: (weights[one.name], -one.number))
        return best, f"gets {weights[best.name]} % of the requests"
    running = _running(draft)
    if route is None and draft.observation.service is None and len(running) == 1:
        return running[0], "is the only one with ready pods"
    return None, ""


def _running(draft: Draft) -> list[Revision]:
    revisions = draft.observation.revisions.values()
    return sorted((one for one in revisions if one.ready > 0), key=lambda one: one.number)
