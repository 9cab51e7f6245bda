"""The Service NAME: under replicaRatio it selects every revision that has weight, otherwise the stable one."""

from __future__ import annotations

from collections.abc import Sequence

from ekiben.cluster import kinds
from ekiben.objects import service
from ekiben.objects.names import REVISION_LABEL

from ..pods import still_runs
from ..world import Json, World
from ..writes import Writer


async def set_weights(writer: Writer, world: World, weights: Sequence[tuple[str, int]]) -> None:
    """Have the Service select the revisions that have weight.

    Of two it selects all pods of the resource, so it waits while a third revision has any that could answer.
    """
    serving = {revision for revision, weight in weights if weight > 0}
    if len(serving) > 1 and _others(world, serving):
        return
    await ensure(writer, world, service.render_shared(world.resource, weights))


async def ensure(writer: Writer, world: World, desired: Json) -> None:
    """Write the Service NAME. The note of a user's route stays on it until the entry there is put back."""
    live = world.services.get(world.name)
    noted = service.route_of(live) if live is not None else None
    if world.left_route is not None and noted is not None:
        desired["metadata"].setdefault("annotations", {})[service.ROUTE_ANNOTATION] = noted
    # What an apply does not name any more goes, but it is no difference in what is named.
    again = noted != service.route_of(desired) or (
        live is not None and service.weights_noted(live) and not service.weights_noted(desired)
    )
    world.services[world.name] = await writer.ensure(world, kinds.SERVICE, desired, live, again=again)


def _others(world: World, serving: set[str]) -> bool:
    """Whether a revision that has no weight has pods that are ready, or may become it."""
    kept = (
        revision
        for revision, deployment in world.deployments.items()
        if int(deployment["spec"].get("replicas", 1)) > 0 or revision in world.autoscalers
    )
    living = (
        (pod["metadata"].get("labels") or {}).get(REVISION_LABEL, "")
        for pods in world.pods.values()
        for pod in pods
        if still_runs(pod) and pod["metadata"].get("deletionTimestamp") is None
    )
    return not serving.issuperset([*kept, *living])
