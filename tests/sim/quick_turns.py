"""The turns of histories of decisions: the same as turns.py has, on the world of decisions.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ekiben.api.request import Verb
from ekiben.rollout.observation import Autoscaler, Pod

from . import specs
from .choice import IN, weights

if TYPE_CHECKING:
    from .quick import Quick

Json = dict[str, Any]
Turn = Callable[["Quick"], str | None]

_CRASHES: tuple[Json, ...] = (
    {"waiting_reason": "CrashLoopBackOff", "restarts": 2, "last_exit_code": 1},
    {"last_exit_reason": "OOMKilled", "restarts": 1},
    {"waiting_reason": "ImagePullBackOff", "waiting_message": "not found"},
)


# People


def new(one: Quick) -> str:
    taken = {one.part("stable"), one.part("canary")}
    version = one.rng.choice([image for image in specs.VERSIONS if image.split(":")[-1] not in taken])
    one.world.apply(version)
    return f"apply {version}"


def back(one: Quick) -> str | None:
    status = one.world.status
    served = [entry.image for entry in status.history if entry.outcome == "Promoted"]
    stable = status.stable.image if status.stable else None
    choice = stable if status.rollout is not None else None
    if choice is None or one.rng.random() < 0.3:
        choice = next((image for image in reversed(served) if image != stable), choice)
    if choice is None:
        return None
    one.world.apply(choice)
    return f"apply {choice}"


def policy(one: Quick) -> str:
    one.world.apply(rollout=specs.rollout(one.rng))
    return f"apply {one.world.spec['rollout']}"


def size(one: Quick) -> str:
    one.world.apply(scaling=specs.scaling(one.rng))
    return f"apply {one.world.spec['scaling']}"


def pause(one: Quick) -> str:
    paused = not one.world.spec["rollout"].get("paused", False)
    one.world.apply(rollout={**one.world.spec["rollout"], "paused": paused})
    return f"paused: {paused}"


def freeze(one: Quick) -> str:
    one.world.frozen = "" if one.world.frozen else "sale"
    return "frozen" if one.world.frozen else "free"


def shared(one: Quick) -> str:
    one.world.policy_problem = "" if one.world.policy_problem else "there is no RolloutPolicy careful"
    return f"policy: {one.world.policy_problem or 'found'}"


def provider(one: Quick) -> str:
    one.world.unsupported = {} if one.world.unsupported else {"RequestMirror": "the class says so"}
    return f"unsupported: {list(one.world.unsupported)}"


def ask(one: Quick, verb: str) -> str | None:
    status = one.world.status
    stable = one.part("stable")
    revision = one.part("canary") or stable
    if verb == "retry":
        revision = status.rejected_revision or revision
    if verb == "undo":
        served = [entry.revision for entry in status.history if entry.outcome == "Promoted"]
        revision = next((name for name in reversed(served) if name not in (stable, one.part("canary"))), revision)
    return _write(one, f"{verb} {revision} {one.next_id()}") if revision else None


def ask_oddly(one: Quick) -> str | None:
    rng = one.rng
    texts = ["please promote", "", f"{rng.choice(list(Verb)).value} zzzzzzzz {one.next_id()}", *one.asked[-4:]]
    return _write(one, rng.choice(texts))


def _write(one: Quick, text: str) -> str:
    one.asked.append(text)
    one.world.request = text
    return f"ask {text!r}"


# Children and status


def lose_child(one: Quick) -> str:
    world, kind = one.world, one.rng.randrange(4)
    world.looks.marks.add("lost-child")
    if kind == 0 and world.deployed:
        name = one.rng.choice(sorted(world.deployed))
        del world.deployed[name]
        world.orphans = (*world.orphans, name)
        return f"Deployment {name} is deleted"
    if kind == 1:
        world.weights, world.mirror, world.preview, world.acknowledged, world.wake = None, None, None, None, False
        return "the route is deleted"
    if kind == 2:
        world.stable_service = None
        return "the Service is deleted"
    for child in world.deployed.values():
        child.autoscaler, child.scaled_object, child.budget = None, None, False
    return "autoscalers and budgets are deleted"


def change_child(one: Quick) -> str:
    world = one.world
    world.looks.marks.add("lost-child")
    if world.weights and one.rng.random() < 0.5:
        world.weights = dict(zip(world.weights, reversed(world.weights.values()), strict=True))
        return f"the route is changed: {world.weights}"
    for child in world.deployed.values():
        child.autoscaler = child.autoscaler and Autoscaler(1, 9)
    return "autoscalers are changed"


def scale_child(one: Quick) -> str | None:
    if not one.world.deployed:
        return None
    name = one.rng.choice(sorted(one.world.deployed))
    one.world.deployed[name].wanted = one.rng.choice((0, 1, 2))
    one.world.looks.marks.add("lost-child")
    return f"Deployment {name} is scaled to {one.world.deployed[name].wanted}"


def lose_status(one: Quick) -> str:
    one.world.forget_status()
    return "the status is lost"


# Nature


def breaks(one: Quick, part: str = "canary") -> str | None:
    child = one.world.deployed.get(one.part(part) or "")
    if child is None:
        return None
    fields = one.rng.choice((*_CRASHES, {}))
    child.ready, child.startable = 0, False
    child.trouble = Pod("pod", last_exit_at=one.world.now, **fields) if fields else None
    return f"pods of the {part} meet {fields or 'nothing that shows'}"


def kill(one: Quick, part: str = "canary") -> str | None:
    child = one.world.deployed.get(one.part(part) or "")
    if child is None:
        return None
    child.ready = one.rng.randrange(child.ready + 1)
    return f"pods of the {part} are deleted: {child.ready} are left"


def late(one: Quick, part: str = "canary") -> str | None:
    child = one.world.deployed.get(one.part(part) or "")
    if child is None:
        return None
    child.startable = False
    # A preview has all its pods when it begins: it is late for one that it loses.
    if child.ready > 1 and (one.state in ("Preview", "Shadow") or one.rng.random() < 0.3):
        child.ready -= 1
    one.note(f"more pods of the {part} do not come up, and {child.ready} are left")
    one.pass_time(one.rng.choice((16, 31)))
    return "nobody waits any longer"


def recover(one: Quick) -> str:
    for child in one.world.deployed.values():
        child.startable, child.trouble = True, None
    return "pods recover"


def opinion(one: Quick) -> str:
    world = one.world
    world.verdict = one.rng.choice(("NotWorse", "NotWorse", "Regressed", "Unknown"))
    world.hung = one.rng.random() < 0.1
    return f"the evidence says {world.verdict}{', and that requests hang' if world.hung else ''}"


def souring(one: Quick) -> str:
    world = one.world
    world.verdict, world.objectives = "Regressed", "Regressed"
    return "all requests say that it is bad"


def silence(one: Quick) -> str:
    one.world.gateway_answers = not one.world.gateway_answers
    return f"the gateway {'answers' if one.world.gateway_answers else 'is silent'}"


def traffic(one: Quick) -> str:
    world = one.world
    world.traffic = not world.traffic
    world.problem = "" if world.traffic else "NoTraffic"
    return f"requests {'come' if world.traffic else 'stop'}"


def counters(one: Quick) -> str:
    one.world.problem = "" if one.world.problem else "StaleMetrics"
    return f"the source: {one.world.problem or 'fine'}"


def load(one: Quick) -> str:
    wanted = one.rng.randint(1, 6)
    for child in one.world.deployed.values():
        bound = child.autoscaler
        if bound is not None and child.wanted:
            child.wanted = max(bound.min_replicas, min(bound.max_replicas, wanted))
    return f"the load needs {wanted} pods"


# The operator


def dies(one: Quick) -> str:
    away = one.rng.uniform(0.1, 20)
    one.world.away(away)
    return f"the operator was away for {away:.1f} s"


def dies_writing(one: Quick) -> str:
    if one.rng.random() < 0.4:
        one.world.dies_unsaved = True
        return "the operator dies before it writes down what it has done"
    one.world.dies_in = one.rng.randrange(6)
    return f"the operator dies before write {one.world.dies_in + 1}"


def fails(one: Quick) -> str:
    one.world.conflicts_in = one.rng.randrange(6)
    return f"write {one.world.conflicts_in + 1} meets a conflict"


def stale(one: Quick) -> str:
    """One look on an older state, as of an operator that has slept in between."""
    seen = one.world.observe()
    one.pass_time(one.rng.uniform(0.5, 5))
    one.world.older = seen
    one.world.reconcile()
    one.world.older = None
    return "a look saw an older state"


TURNS: dict[str, Turn] = {
    **{
        turn.__name__: turn
        for turn in (
            new, back, policy, size, pause, freeze, shared, provider, ask_oddly, lose_child, change_child, scale_child,
            lose_status, breaks, kill, late, recover, opinion, souring, silence, traffic, counters, load, dies,
            dies_writing, fails, stale,
        )
    },
    "breaks_stable": lambda one: breaks(one, "stable"),
    "kill_stable": lambda one: kill(one, "stable"),
    "late_stable": lambda one: late(one, "stable"),
    **{
        verb: (lambda one, verb=verb: ask(one, verb))
        for verb in ("approve", "promote", "skip", "abort", "retry", "undo", "wake")
    },
    "pause_it": lambda one: ask(one, "pause"),
    "resume_it": lambda one: ask(one, "resume"),
}  # fmt: skip
WEIGHTS = {state: {name: often for name, often in weights(state).items() if name in TURNS} for state in IN}
