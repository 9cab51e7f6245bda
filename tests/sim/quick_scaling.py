"""Turns about replicas, on the world of decisions.py: other metrics, callers who come and go, activators, KEDA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import specs
from .load import Load, pods
from .quick_turns import Turn, ask, dies, dies_writing, freeze, lose_status, new, recover, traffic

if TYPE_CHECKING:
    from .quick import Quick

_OFTEN = 0.4
_OFTEN_ON_ITS_WAY = 0.8
_PATIENCE = 12
_FIRST_ASLEEP = 0.7


def _load(one: Quick) -> Load:
    assert one.world.load is not None
    return one.world.load


def follow(one: Quick) -> str:
    """Somebody writes another spec.scaling."""
    before = one.world.resource().spec.writer.value
    one.world.apply(scaling=specs.followed(one.rng))
    after = one.world.resource().spec.writer.value
    one.world.looks.taken[before, "follow", after] += 1
    return f"apply {one.world.spec['scaling']}"


def quiet(one: Quick) -> str:
    """All callers go, for long enough that the model may sleep."""
    if one.world.traffic:
        traffic(one)
    _load(one).until = 0.0
    waits = one.rng.choice((4, 9, 12, 30))
    one.note(f"nobody asks for the model, for {waits} s")
    one.pass_time(waits)
    return "the quiet is over"


def request(one: Quick) -> str:
    """One caller comes, for a moment."""
    _load(one).until = one.world.now + one.rng.choice((0.5, 3.0, 12.0))
    return "a request comes"


def wake(one: Quick) -> str | None:
    """Somebody wakes the model: most often one that sleeps, or is about to."""
    if one.nap == "Awake" and one.rng.random() < _FIRST_ASLEEP:
        one.note(quiet(one))
    return ask(one, "wake")


def wakes_slowly(one: Quick) -> str | None:
    """A caller comes, and the pods do not start before they are healed."""
    child = one.world.deployed.get(one.part("stable") or "")
    if child is None:
        return None
    child.startable = False
    _load(one).until = one.world.now + one.rng.choice((3.0, 12.0))
    one.pass_time(2)
    return "a request comes, and pods of the stable do not come up"


def moves(one: Quick) -> str:
    """More callers come, or fewer."""
    load = _load(one)
    before = pods(load.requests)
    load.requests = one.rng.choice((0.5, 3.0, 6.0, 14.0, 26.0, 40.0))
    after = pods(load.requests)
    if after != before:
        one.world.looks.taken["Load", "moves", "Higher" if after > before else "Lower"] += 1
    return f"{load.requests} requests come at once"


def unreadable(one: Quick) -> str:
    """The pods' counters cannot be read, or can again; or they are told late."""
    load = _load(one)
    one.world.looks.taken["Load", "unreadable", "any"] += 1
    if not load.measures or load.late:
        load.measures, load.late = True, False
        return "the load is measured"
    load.late = one.rng.random() < 0.4
    load.measures = load.late
    return "the load is told late" if load.late else "the load cannot be read"


def activators(one: Quick) -> str | None:
    """Activators end, start, or cannot be asked."""
    group, now = _load(one).activators, one.world.now
    if not group.installed:
        return None
    if not group.ready:
        group.come(now)
        return "activators are ready"
    if not group.readable:
        group.readable = True
        return "the activators answer"
    kind = one.rng.randrange(4)
    if kind == 0:
        group.readable = False
        return "the activators do not answer"
    if kind == 1:
        group.lose_slices()
        one.world.looks.marks.add("lost-child")
        return "the slices that lead to the activators are deleted"
    group.go(now)
    if kind == 2:
        group.come(now)
        return "activators with other addresses take over"
    return "no activator is ready"


def keda(one: Quick) -> str:
    """The platform team allows no trigger, or does again; KEDA lets go at once, or late."""
    load = _load(one)
    load.handover = one.rng.choice((0.5, 2.0, 10.0))
    load.refused = "" if load.refused else "triggers of type cron are not allowed"
    return f"KEDA: {load.refused or 'allowed'}"


def restart(one: Quick) -> str:
    """Another operator takes over at once, and knows nothing of the load yet."""
    _load(one).forget()
    one.world.reconcile()
    return "another operator takes over"


_ANYWHERE: dict[Turn, float] = {
    follow: 4, quiet: 5, request: 2, moves: 4, unreadable: 2, activators: 2, keda: 1, restart: 1, traffic: 2,
}  # fmt: skip
_IN: dict[str, dict[Turn, float]] = {
    "Asleep": {
        new: 6, wake: 3, request: 3, wakes_slowly: 12, restart: 4, lose_status: 5, follow: 3, freeze: 3, dies: 7,
        activators: 3,
    },
    "FallingAsleep": {
        request: 5, wake: 3, new: 5, dies: 5, dies_writing: 3, lose_status: 7, restart: 6, freeze: 6, follow: 4,
        activators: 5, traffic: 3,
    },
    "Waking": {
        dies: 8, dies_writing: 3, lose_status: 14, restart: 6, freeze: 8, new: 4, follow: 5, activators: 4, request: 6,
        traffic: 4, recover: 4,
    },
}  # fmt: skip


def often(one: Quick) -> float:
    """Return how often the next turn is one of these: on the way to sleep and back, most are."""
    if one.world.load is None:
        return 0.0
    return _OFTEN_ON_ITS_WAY if one.nap != "Awake" else _OFTEN


def turn(one: Quick) -> None:
    """Make one turn: any may come, and those that the model's sleep is there for come more often."""
    more = _IN.get(one.nap, {})
    chances = {name: _ANYWHERE.get(name, 0) + more.get(name, 0) for name in {**_ANYWHERE, **more}}
    one.make(one.rng.choices(list(chances), list(chances.values()))[0])


def met(one: Quick, nap: str, made: Turn) -> None:
    """Count a turn that was made while the model slept, or was on its way."""
    if nap not in ("", "Awake"):
        one.world.looks.taken[nap, getattr(made, "__name__", ""), "any"] += 1


def heal(one: Quick) -> None:
    """Everything works, and some callers are there."""
    load = one.world.load
    if load is None:
        return
    load.measures, load.late, load.refused, load.activators.readable = True, False, "", True
    load.requests = min(load.requests, 3.0)  # both revisions fit into any limit
    if not load.activators.ready:
        load.activators.come(one.world.now)


def problems(one: Quick, stable: str) -> list[str]:
    """Have a model that may sleep fall asleep and wake once more, and return what is wrong then."""
    world, load = one.world, one.world.load
    if load is None or not world.resource().spec.scaling.sleeps:
        return []
    found = [] if not world.wake else ["callers are there, and the route leads to the activators"]
    world.traffic, load.until = False, 0.0
    one.note("nobody asks for it")
    one.pass_time(30)
    before, wanted = world.writes, world.deployed[stable].wanted
    one.pass_time(60)
    if world.writes != before:
        found.append(f"what nobody asks for is written {world.writes - before} times more")
    if load.activators.installed and (wanted, load.nap(world)) != (0, "Asleep"):
        found.append(f"nobody asks for {stable}, and it has {wanted} replicas")
    if not load.activators.installed and wanted != 1:
        found.append(f"nobody could wake {stable}, and it has {wanted} replicas")
    world.traffic = True
    one.note("somebody asks for it")
    one.pass_time(_PATIENCE)
    if world.wake or not world.deployed[stable].ready or load.activators.waiting or load.activators.in_path:
        found.append(f"{stable} was asked for, and does not serve by itself")
    return found
