"""EnsureActivation and LeaveActivation: the entry in the table, the Service NAME-wake, and the EndpointSlices."""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.api.base import seconds
from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError, InvalidError
from ekiben.objects import wake
from ekiben.objects.activation import FIRST_PORT, MOST_PODS, Entry
from ekiben.objects.httproute import NOWHERE
from ekiben.objects.names import child_name, wake_name
from ekiben.objects.runtime import server_of
from ekiben.rollout.observation import Activator
from ekiben.rollout.plan import EnsureActivation

from ..queue import Key
from ..targets import model_at, targets
from ..world import World
from ..writes import BlockedError, Writer
from .activators import Activators
from .seen import Activation
from .table import FullError, NoPortError, Table

_QUEUE = 100
_AT_ONCE = 32


def observed(world: World) -> Activator | None:
    """Return what a decision is told about the activators."""
    found = world.activation
    if found is None:
        return None
    wanted = {(address, found.port) for address in found.addresses}
    all_told = bool(wanted) and len(found.addresses) == found.ready
    return Activator(
        able=all_told and wake.listed(world.wake_slices, wake_name(world.name)) == wanted,
        in_path=bool(wanted) and wake.listed(world.wake_slices, world.name) == wanted,
        holding=not found.known or found.waiting > 0 or found.on_the_way > 0,
        waiting=found.waiting > 0,
        gone=found.gone,
        problem=found.problem,
        led=bool(wake.listed(world.wake_slices, world.name)),
    )


def left(world: World) -> bool:
    """Return whether something leads to activators although none is installed."""
    return world.activation is None and (bool(world.wake_slices) or wake_name(world.name) in world.services)


async def ensure(writer: Writer, activators: Activators, world: World, action: EnsureActivation) -> None:
    """Have the activators know the model, and its Services lead to them.

    What the API server refuses keeps a model from sleeping, and not from anything else: a rollback least of all.

    Raises:
        BlockedError: no port or no space is left, or somebody else's object has the name of the Service, and the
            route leads there.
        ClusterError: the API server was not reached, or refuses although the route leads there.
    """
    key = Key(world.resource.metadata.namespace, world.name)
    try:
        await _ensure(writer, activators, world, action)
    except (BlockedError, ForbiddenError, InvalidError) as error:
        activators.refused(key, error.message)
        if action.needed:
            raise
    else:
        activators.refused(key, "")


async def _ensure(writer: Writer, activators: Activators, world: World, action: EnsureActivation) -> None:
    try:
        if await activators.table.ensure(_entry(world, action.revision, activators.table)):
            writer.count("patch ConfigMap")
    except NoPortError as error:
        raise BlockedError("NoActivatorPort", str(error)) from error
    except FullError as error:
        raise BlockedError("ActivatorTableFull", str(error)) from error
    name = wake_name(world.name)
    world.services[name] = await writer.ensure(
        world, kinds.SERVICE, wake.render_service(world.resource), world.services.get(name)
    )
    found = world.activation
    if found is None or not found.addresses:
        # What is there may still answer; where pods do, it would only be in their way.
        await _take_out(writer, world, () if action.in_path else (world.name,))
        return
    ways = [name, world.name] if action.in_path else [name]
    desired = {
        key: one
        for way in ways
        for key, one in wake.render_slices(world.resource, way, found.addresses, found.port).items()
    }
    for key, one in desired.items():
        world.wake_slices[key] = await writer.ensure(world, kinds.ENDPOINT_SLICE, one, world.wake_slices.get(key))
    for key in world.wake_slices.keys() - desired.keys():
        await writer.delete(world, kinds.ENDPOINT_SLICE, world.wake_slices.pop(key))


async def leave(writer: Writer, activators: Activators, world: World) -> None:
    """Have nothing lead to the activators any more, and then have them forget the model.

    Where none is installed, a right that is missing holds nothing else up.

    Raises:
        ClusterError: the API server was not reached, or refuses although some are installed.
    """
    try:
        await _leave(writer, activators, world)
    except ForbiddenError as error:
        if world.activation is not None:
            raise
        activators.cannot_leave(Key(world.resource.metadata.namespace, world.name), error.message)


async def _leave(writer: Writer, activators: Activators, world: World) -> None:
    for key in list(world.wake_slices):
        await writer.delete(world, kinds.ENDPOINT_SLICE, world.wake_slices.pop(key))
    await writer.delete(world, kinds.SERVICE, world.services.pop(wake_name(world.name), None))
    if await activators.table.forget(world.resource.metadata.namespace, world.name):
        writer.count("patch ConfigMap")


async def _take_out(writer: Writer, world: World, services: tuple[str, ...]) -> None:
    for key, one in list(world.wake_slices.items()):
        if (one["metadata"].get("labels") or {}).get(wake.SERVICE_OF) in services:
            await writer.delete(world, kinds.ENDPOINT_SLICE, world.wake_slices.pop(key))


def _entry(world: World, revision: str, table: Table) -> Entry:
    resource, model = world.resource, model_at(world, revision)
    server = server_of(model)
    ready = world.endpoints.get(child_name(world.name, revision), frozenset())
    before = table.entry(Key(resource.metadata.namespace, world.name))
    known = before.pods if before is not None else ()
    # Whose turn it is at a pod goes by its place among them: those that were told stay where they are.
    pods = sorted(
        (one.ip for one in targets(world, [revision]) if one.name in ready),
        key=lambda ip: (known.index(ip) if ip in known else len(known), ip),
    )
    queue = resource.spec.scaling.queue or _QUEUE
    places = _places(model.concurrency or _AT_ONCE, world.activation, before.activators if before is not None else ())
    return Entry(
        namespace=resource.metadata.namespace,
        name=world.name,
        uid=resource.metadata.uid,
        port=FIRST_PORT,  # the table gives the true one
        pod_port=server.port,
        pods=tuple(pods[: min(MOST_PODS, -(-queue // places.each))]),
        cold_start=wake.cold_start(resource),
        timeout=seconds(resource.spec.traffic.timeout),
        queue=queue,
        at_once=places.each,
        concurrency=places.together,
        activators=places.activators,
        private=(*server.private_paths, NOWHERE),
    )


@dataclass(frozen=True)
class _Places:
    """How many requests the activators may have on the way to one pod."""

    each: int
    together: int = 0
    activators: tuple[str, ...] = ()


def _places(concurrency: int, found: Activation | None, before: tuple[str, ...]) -> _Places:
    """Share what a pod works on at once among the activators, so that together they never hand on more.

    Args:
        concurrency: requests that a pod works on at once.
        found: what is known of the activators.
        before: the order of their turns until now.
    """
    number = max(1, len(found.turns), found.ready) if found is not None else 1
    each, left = divmod(concurrency, number)
    if found is None or not left or len(found.turns) < number:
        return _Places(max(1, each))
    turns = found.turns
    if found.on_the_way or not found.waiting:
        # A turn that changed now would be somebody's second one at a pod.
        kept = tuple(one for one in before if one in turns)
        turns = kept + tuple(one for one in turns if one not in kept)
    # Where there are more activators than places, one may wait for ever: then all stop, and the next turn is its.
    together = 0 if found.starved and not each else concurrency
    return _Places(max(1, each), together, turns)
