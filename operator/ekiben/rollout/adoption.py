"""A status that was lost is rebuilt from what serves, or the resource holds."""

from __future__ import annotations

from ekiben.api.status import RevisionStatus

from .draft import Draft


def adopt(draft: Draft) -> None:
    """Take the revision that the route sends most requests to as the stable one.

    The route, not the age of a Deployment, says what users get today: taking anything else would move traffic.
    """
    route = draft.observation.route
    if route is None:
        return
    serving = [
        (weight, -revision.number, revision)
        for name, weight in route.weights.items()
        if weight > 0 and (revision := draft.revision(name)) is not None and revision.ready > 0
    ]
    if not serving:
        return
    weight, _, revision = max(serving, key=lambda item: item[:2])
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
        f"the status was empty; revision {revision.number} ({revision.name}) gets {weight} % of the requests "
        "and is taken as the stable one",
        warning=True,
    )
