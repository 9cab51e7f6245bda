"""Frozen: nothing moves, traffic stays as it is; what disappears comes back, and replicas follow the load."""

from __future__ import annotations

from ekiben.api.status import RevisionStatus

from . import capacity, requests, routing, still
from .draft import Draft
from .plan import EnsureRevision, EnsureStableService


def run(draft: Draft) -> None:
    """Keep what serves."""
    status = draft.status
    draft.hold("Frozen", draft.observation.frozen)
    draft.look_in(30)
    requests.refuse(draft, f"nothing may move now: {draft.observation.frozen}")
    for one in (status.stable, status.canary):
        revision = draft.revision(one.revision) if one else None
        if one is not None and (revision is not None or one.weight > 0):
            draft.act(
                EnsureRevision(one.revision, one.number, one.model, revision.wanted if revision else one.replicas)
            )
    # Whoever else scales does so in a freeze as well; more callers must not find the pods of the day that it began.
    draft.act(*capacity.follow(draft))
    if status.stable is not None:
        _keep_route(draft, status.stable)
    # The time in which nothing may move counts for no deadline, for no step, and for no drain.
    draft.update_rollout(waiting_since=None, drain_since=None)
    draft.stop_judging()
    still.stand(draft)


def waits(draft: Draft) -> list[str]:
    """Return the parts of the spec that ask for something else than there is, and are followed after the freeze."""
    status, found = draft.status, list(draft.observation.waits)
    if not draft.observation.frozen or status.stable is None:
        return []
    part = {one.revision for one in (status.stable, status.canary) if one is not None}
    if draft.target.revision not in {*part, status.rejected_revision}:
        found.insert(0, "spec.model")
    return [*found, "spec.scaling"] if _resized(draft, status.stable) else found


def _resized(draft: Draft, stable: RevisionStatus) -> bool:
    """Whether a rollout that is not there keeps other replicas, or another autoscaler, than spec.scaling says."""
    scaling, serving = draft.observation.resource.spec.scaling, draft.revision(stable.revision)
    if draft.status.canary is not None or serving is None or draft.observation.sleep != "awake":
        return False
    if scaling.fixed is not None:
        return serving.wanted != scaling.fixed
    bounds = serving.autoscaler or serving.scaled_object
    return bounds is not None and bounds.max_replicas != scaling.ceiling


def _keep_route(draft: Draft, stable: RevisionStatus) -> None:
    canary, running, route = draft.status.canary, draft.status.rollout, draft.observation.route
    known = [one.revision for one in (stable, canary) if one is not None]
    if route is not None and not all(name in known for name, weight in route.weights.items() if weight > 0):
        return  # somebody's own doing, which may be just what the freeze is for
    if canary is None or running is None:
        draft.act(routing.only(stable))
    elif canary.revision in draft.observation.revisions:
        # So is a lower weight of the canary: it is not raised again while nothing may be done about its pods.
        asked = route.weights.get(canary.revision, 0) if route is not None else canary.weight
        draft.act(routing.split(draft, stable, canary, min(canary.weight, asked)))
    handed_over = running is not None and canary is not None and draft.observation.service == canary.revision
    draft.act(EnsureStableService(canary.revision if canary and handed_over else stable.revision))
