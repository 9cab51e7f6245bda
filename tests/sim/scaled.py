"""What has to hold of replicas at level decisions: who writes them, how many there are, and who sleeps when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ekiben.api.scaling import Writer
from ekiben.api.status import Status
from ekiben.rollout import plan as p
from ekiben.rollout.capacity import still_keda
from ekiben.rollout.observation import Observation

if TYPE_CHECKING:
    from .decisions import World

_QUIET = 6.0
_ENDING = ("Clearing", "Replacing", "Restoring")
_LIMITED = ("Starting", "Step", "Preview", "Shadow", "Promoting")
_MILLISECOND = 0.001


def scaled(world: World, name: str, replicas: int) -> None:
    """Check a Scale before it is carried out."""
    one = world.deployed[name]
    if one.bounds is not None and 0 < replicas < one.wanted:
        raise AssertionError(f"{name} is scaled from {one.wanted} to {replicas} beside {_owner(world, name)}")
    if one.autoscaler is not None or one.scaled_object is not None:
        assert replicas > 0, f"{name} is scaled to 0 beside {_owner(world, name)}, which brings its pods back"
    if replicas > one.wanted:
        assert not _aborted(world, name), f"{name} was taken out, and is scaled up to {replicas}"


def owned(world: World, name: str, action: p.EnsureAutoscaler | p.EnsureScaledObject) -> None:
    """Check that nobody else owns the replicas."""
    one = world.deployed[name]
    other = one.scaled_object if isinstance(action, p.EnsureAutoscaler) else one.autoscaler
    assert other is None, f"{action} beside {_owner(world, name)}"
    assert one.handing_over is None, f"{action} while KEDA's own autoscaler is still there"
    assert not _aborted(world, name), f"{name} was taken out, and gets an owner: {action}"


def emptied(world: World, name: str) -> bool:
    """Check a Scale to 0 of what has weight; returns False where it is not asleep that it goes to."""
    load = world.load
    if load is None or not world.wake:
        return False
    assert world.acknowledged == world._asked(), f"{name} ends, and the gateway may still lead to its pods"
    assert load.activators.in_path, f"{name} ends, and the Service leads to nobody"
    assert load.led_since is not None, f"{name} ends, and not all ways lead to the activators"
    quiet = world.now - load.led_since
    assert quiet >= _QUIET - _MILLISECOND, f"{name} ends {quiet:.1f} s after requests led elsewhere"
    assert world.last_plan is not None
    assert world.last_plan.status.rollout is None, f"{name} is put to sleep in a rollout"
    return True


def routed(world: World, wake: bool) -> None:
    """Check a route before it is written: it leads to whoever is there."""
    load, stable = world.load, world.last_plan.status.stable if world.last_plan else None
    if load is None or wake == world.wake or stable is None:
        return
    if wake:
        assert load.activators.installed, "requests lead to activators that are not there"
        assert load.activators.serves, "requests lead to activators that do not know the model"
        assert load.activators.in_path, "requests lead to the activators, and those that come by name do not"
    elif load.activators.installed:
        assert world.seen_ready.get(stable.revision, 0) > 0, "requests are led to a model without a pod"


def activated(world: World, in_path: bool) -> None:
    """Check what takes the activators out of the way."""
    load, stable = world.load, world.last_plan.status.stable if world.last_plan else None
    if load is None or in_path or not load.activators.in_path or stable is None:
        return
    assert not world.wake, "the activators leave the Service while the route leads to them"
    assert not (world.acknowledged and world.acknowledged[-1]), "the gateway may still lead to the activators"
    assert world.seen_ready.get(stable.revision, 0) > 0, "the activators leave the Service, and no pod is ready"


def looked(world: World, seen: Observation, plan: p.Plan) -> None:
    """Check what is there once a whole plan was carried out."""
    for name, one in world.deployed.items():
        assert not (one.autoscaler and one.scaled_object), f"{name} has an autoscaler and a ScaledObject"
    status, spec = plan.status, seen.resource.spec
    stable = world.deployed.get(status.stable.revision) if status.stable is not None else None
    if seen.frozen or stable is None or spec.scaling.fixed == 0 or status.stable is None:
        return
    running = status.rollout
    if running is None and seen.resource.status.rollout is None and stable.wanted == 0:
        assert spec.scaling.sleeps, f"{status.stable.revision} serves, and has no replica"
        assert world.wake, "requests lead to a model that sleeps"
    if running is not None and running.state not in _ENDING and not _recreated(seen, plan):
        assert stable.wanted > 0, f"{status.stable.revision} sleeps in a rollout"
    _limited(world, seen, plan)


def _limited(world: World, seen: Observation, plan: p.Plan) -> None:
    """Where the load is known, nothing that ekiben asks for is beyond the limit."""
    status, spec, load = plan.status, seen.resource.spec, world.load
    if load is None or seen.total is None or status.stable is None:
        return
    raised = [one for one in plan.actions if isinstance(one, p.Scale) and one.replicas > _before(seen, one.revision)]
    for one in raised:
        most = max(spec.scaling.ceiling, spec.scaling.floor)
        assert one.replicas <= most, f"{one.revision} is scaled to {one.replicas}, and {most} is the most"
    running, canary = status.rollout, status.canary
    if not raised or running is None or canary is None or running.state not in _LIMITED:
        return
    stable = seen.revisions.get(status.stable.revision)
    if running.reason in ("BakeFailed", "StableUnavailable") or stable is None or stable.ready == 0:
        return
    answers = seen.resource.status.canary
    if seen.route is not None and not seen.route.acknowledged:
        return  # and what the gateway may still send requests to keeps its pods
    if answers is not None and answers.acknowledged_weight > canary.weight:
        return  # what has lost its weight this moment still answers what it was sent
    if any(still_keda(one, spec.writer) for one in seen.revisions.values()):
        return  # what KEDA's own autoscaler still owns stays until that has gone
    blue = running.policy.get("strategy") == "blueGreen"
    most = spec.scaling.ceiling * 2 if blue else max(spec.scaling.ceiling, 2 * spec.scaling.floor)
    names = [status.stable.revision, canary.revision]
    after = sum(_bound(world, name) for name in names if name in world.deployed)
    before = sum(_before(seen, name) for name in names)
    assert after <= max(most, before), f"both revisions are to have {after} replicas, and {most} is the most"


def _bound(world: World, name: str) -> int:
    """Return the replicas that a revision has, or that its autoscaler takes it down to at its next look."""
    one = world.deployed[name]
    return one.wanted if one.bounds is None else min(one.wanted, one.bounds.max_replicas)


def _before(seen: Observation, name: str) -> int:
    one = seen.revisions.get(name)
    return one.wanted if one is not None else 0


def _aborted(world: World, name: str) -> bool:
    """Whether a revision was taken out: both by what was written down before this look, and by what it decides."""
    return world.last_plan is not None and all(_out(one, name) for one in (world.status, world.last_plan.status))


def _out(status: Status, name: str) -> bool:
    running = status.rollout
    if status.stable is not None and status.stable.revision == name:
        return False
    if running is not None:
        return running.revision == name and running.state in ("RollingBack", "Restoring")
    former = status.former.revision if status.former is not None else None
    return status.rejected_revision == name != former


def _recreated(seen: Observation, plan: p.Plan) -> bool:
    """Whether pods of the stable revision end by what was asked for."""
    before = seen.resource.status.rollout
    states = {one.state for one in (before, plan.status.rollout) if one is not None}
    return bool(states & set(_ENDING))


def _owner(world: World, name: str) -> str:
    one = world.deployed[name]
    if one.autoscaler is not None:
        return Writer.AUTOSCALER.value
    return Writer.KEDA.value
