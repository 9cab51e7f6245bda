"""What has to be so once the world is well: what was asked for serves, and nothing is written any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ekiben.api.status import Status
from ekiben.cluster import kinds
from ekiben.objects.names import REVISION_LABEL

from .choice import named
from .network import shares
from .process import RESYNC
from .schema import DISRUPTION_BUDGET

if TYPE_CHECKING:
    from .story import Story

Json = dict[str, Any]

_REASONS = ("RolledBack", "TrafficFeatureUnsupported", "PolicyUnusable")
"""Why another revision than the one that is asked for may serve for good."""
_PATIENCE = 400.0
_STEP = 20.0


def settled(story: Story) -> list[str]:
    """Wait until the rollout is over, and return what is wrong then."""
    story.advance(5)
    waited = 0.0
    while waited < _PATIENCE and not story.violations and not _at_rest(story):
        story.advance(_STEP)
        waited += _STEP
        _help(story)
    if story.violations:
        return []
    if not _at_rest(story):
        return [f"the rollout does not end: {story.state}, {_why(story)}"]
    story.advance(70)  # a route of the user's is read every minute
    problems = list(_problems(story))
    before, requests = story.process.writes, story.process.requests
    story.advance(RESYNC + 10)
    if story.process.writes != before:
        problems.append(f"a settled resource is written {story.process.writes - before} times more")
    if story.process.requests == requests:
        problems.append("nobody looks any more")
    return problems


def _at_rest(story: Story) -> bool:
    status = story.world.status
    # A pause may have been asked for, and heard of only now.
    return bool(status) and not {"rollout", "former"} & status.keys() and not status.get("paused")


def _help(story: Story) -> None:
    """Do what only a person does: approve, and decide where the evidence did not."""
    held = next((one for one in story.world.status.get("conditions", ()) if one["type"] == "Paused"), {})
    if held.get("reason") == "AwaitingApproval":
        story.make(named("approve"))
    elif held.get("reason") == "Inconclusive":
        story.make(named("promote"))
    elif held.get("reason") == "Paused":
        story.make(named("resume_it"))


def _problems(story: Story) -> Iterator[str]:
    world, status = story.world, Status.model_validate(story.world.status)
    stable = status.stable
    if stable is None:
        yield "no revision serves"
        return
    name = f"{world.name}-{stable.revision}"
    wanted = story.spec["model"]["image"]
    progressing = next(one for one in status.conditions if one.type == "Progressing")
    if stable.image != wanted and progressing.reason not in _REASONS and status.pinned is None:
        yield f"{stable.image} serves, {wanted} is asked for, and nothing says why"
    deployment = world.server.peek(kinds.DEPLOYMENT, world.namespace, name)
    floor = _floor(story.spec)
    if deployment is None or deployment["spec"]["replicas"] < floor:
        yield f"the stable revision has too few replicas: {deployment and deployment['spec']['replicas']} of {floor}"
    yield from _ways(story, name)
    yield from _leftovers(story, name)


def _ways(story: Story, name: str) -> Iterator[str]:
    """All ways in lead to the stable revision, and the provider before has left nothing."""
    world, traffic = story.world, story.spec.get("traffic", {})
    if world.selected() != {name: 100}:
        yield f"the Service {world.name} selects {world.selected()}"
    own = world.server.peek(kinds.HTTP_ROUTE, world.namespace, world.name)
    front = world.server.peek(kinds.HTTP_ROUTE, world.namespace, world.front)
    if "httpRoute" in traffic or traffic.get("provider") == "replicaRatio":
        if own is not None:
            yield "a route of ekiben's own is left"
    elif own is None or {backend: weight for backend, weight in shares(own).items() if weight} != {name: 100}:
        yield f"the route gives {shares(own) if own else None}"
    for beside in (f"{world.name}-testers", f"{world.name}-preview"):
        if world.server.peek(kinds.HTTP_ROUTE, world.namespace, beside) is not None:
            yield f"the route {beside} is left"
    if front is not None and shares(front) != {world.name: 100}:
        yield f"the user's route was not put back: {shares(front)}"


def _leftovers(story: Story, name: str) -> Iterator[str]:
    world = story.world
    for body in world.server.all(kinds.DEPLOYMENT):
        if body["metadata"]["name"] != name and body["spec"]["replicas"] > 0:
            yield f"{body['metadata']['name']} still has {body['spec']['replicas']} replicas"
    for body in world.server.all(kinds.AUTOSCALER):
        if body["metadata"]["labels"].get(REVISION_LABEL) not in name:
            yield f"{body['metadata']['name']} still has an autoscaler"
    revisions = {body["metadata"]["labels"].get(REVISION_LABEL) for body in world.server.all(kinds.DEPLOYMENT)}
    for kind in (kinds.SERVICE, DISRUPTION_BUDGET):
        for body in world.server.all(kind):
            of = body["metadata"].get("labels", {}).get(REVISION_LABEL)
            if of is not None and of not in revisions:
                yield f"the {kind.kind} {body['metadata']['name']} is left of a revision without a Deployment"
    limit = story.spec["rollout"].get("revisionHistoryLimit", 10)
    kept = len(list(world.server.all(kinds.DEPLOYMENT)))
    if kept > limit + 1:
        yield f"{kept} revisions are kept, {limit} besides the stable one are wanted"


def _floor(spec: Json) -> int:
    scaling = spec.get("scaling") or {}
    return int(scaling.get("replicas", scaling.get("minReplicas", 2)))


def _why(story: Story) -> str:
    conditions = {one["type"]: one for one in story.world.status.get("conditions", ())}
    return str({kind: (one["status"], one["reason"], one["message"][:120]) for kind, one in conditions.items()})
