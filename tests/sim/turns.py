"""What people, nature and bad luck do to a rollout: each turn is one change, told in words."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ekiben.api.request import REQUEST_ANNOTATION, Verb
from ekiben.cluster import kinds
from ekiben.cluster.kinds import Kind
from ekiben.objects.names import REVISION_LABEL

from . import specs
from .schema import DISRUPTION_BUDGET, NAMESPACE, POLICY

if TYPE_CHECKING:
    from .story import Story

Json = dict[str, Any]
Turn = Callable[["Story"], str | None]
"""Does it, and returns what was done; None where there was nothing to do it to."""

FREEZE = "ekiben.dev/freeze"


# People


def new(story: Story) -> str | None:
    taken = {story.image_of(one) for one in ("stable", "canary")}
    version = story.rng.choice([version for version in specs.VERSIONS if version not in taken])
    return _apply(story, model=specs.model(version))


def back(story: Story) -> str | None:
    served = [one["image"] for one in story.world.status.get("history", ()) if one["outcome"] == "Promoted"]
    stable = story.image_of("stable")
    choice = stable if story.running else None
    if choice is None or story.rng.random() < 0.3:
        choice = next((image for image in reversed(served) if image != stable), choice)
    return _apply(story, model=specs.model(choice)) if choice else None


def policy(story: Story) -> str | None:
    return _apply(story, rollout=specs.rollout(story.rng))


def size(story: Story) -> str | None:
    return _apply(story, scaling=specs.scaling(story.rng))


def pause(story: Story) -> str | None:
    paused = not story.spec["rollout"].get("paused", False)
    return _apply(story, rollout={**story.spec["rollout"], "paused": paused})


def path(story: Story) -> str | None:
    if story.spec["traffic"].get("provider") == "replicaRatio":
        return None
    return _apply(story, traffic={**story.spec["traffic"], "path": story.rng.choice(("/", "/models/iris"))})


def provider(story: Story) -> str | None:
    return _apply(story, traffic=specs.traffic(story.rng))


def shared(story: Story) -> str | None:
    """Write, change or delete the RolloutPolicy, or refer to it."""
    world, rng = story.world, story.rng
    kind = rng.randrange(3)
    if kind == 0:
        rollout = {key: value for key, value in story.spec["rollout"].items() if key in ("paused", "bake")}
        ref = {} if "policyRef" in story.spec["rollout"] else {"policyRef": "careful"}
        return _apply(story, rollout={**rollout, **ref} if ref else specs.rollout(rng))
    if kind == 1:
        world.server.remove(POLICY, world.namespace, "careful")
        return "the policy is deleted"
    meta = {"name": "careful", "namespace": world.namespace}
    world.server.remove(POLICY, world.namespace, "careful")
    world.server.put(POLICY, {"metadata": meta, "spec": {"rollout": specs.rollout(rng)}}, "kubectl")
    return "the policy is written"


def ask_oddly(story: Story) -> str | None:
    """Ask for something that does not apply, is no request at all, or was asked for before."""
    rng = story.rng
    odd = rng.randrange(3)
    if odd == 0:
        return _annotate(story, rng.choice(("please promote", "promote", "", "promote v2 1 2", "PROMOTE v2 1")))
    if odd == 1:
        revision = rng.choice(("zzzzzzzz", story.revision_of("stable") or "bcdfghjk"))
        return _annotate(story, f"{rng.choice(list(Verb)).value} {revision} {story.next_id()}")
    if not story.asked:
        return None
    text = rng.choice(story.asked[-5:])
    return _annotate(story, text)


def front(story: Story) -> str | None:
    """Delete the user's own route, or make it again."""
    world = story.world
    if world.server.peek(kinds.HTTP_ROUTE, world.namespace, world.front) is None:
        world.open_front()
        return "the user's route is there again"
    world.server.remove(kinds.HTTP_ROUTE, world.namespace, world.front)
    return "the user's route is deleted"


def freeze(story: Story) -> str | None:
    story.frozen = not story.frozen
    story.world.annotate(NAMESPACE, story.world.namespace, **{FREEZE: "sale" if story.frozen else None})
    return f"the namespace is {'frozen' if story.frozen else 'free'}"


def remove(story: Story) -> str | None:
    """Delete the resource, and apply it again."""
    world = story.world
    if world.resource is None or story.rng.random() < 0.5:
        return None
    world.server.remove(kinds.MODEL_DEPLOYMENT, world.namespace, world.name)
    world.later(story.rng.uniform(0.1, 8), story.create_again)
    return "the resource is deleted"


# Children


_CHILDREN = (
    kinds.DEPLOYMENT,
    kinds.SERVICE,
    kinds.AUTOSCALER,
    kinds.HTTP_ROUTE,
    DISRUPTION_BUDGET,
)


def lose_child(story: Story) -> str | None:
    found = _child(story)
    if found is None:
        return None
    kind, body = found
    story.world.server.remove(kind, story.world.namespace, body["metadata"]["name"])
    story.mark("lost-child")
    return f"{kind.kind} {body['metadata']['name']} is deleted"


def change_child(story: Story) -> str | None:
    found = _child(story)
    if found is None:
        return None
    kind, body = found
    patch = _TAMPERED[kind.kind](story, body)
    story.world.change(kind, body["metadata"]["name"], patch)
    story.mark("lost-child")
    return f"{kind.kind} {body['metadata']['name']} is changed: {patch}"


_TAMPERED: dict[str, Callable[[Story, Json], Json]] = {
    "Deployment": lambda story, _body: story.rng.choice(
        (
            {"spec": {"replicas": story.rng.randint(1, 4)}},
            {"metadata": {"labels": {"team": "a"}}},
            {"spec": {"progressDeadlineSeconds": 77}},
            {"metadata": {"annotations": {"note": "x"}}},
        )
    ),
    "Service": lambda story, _body: story.rng.choice(
        (
            {"spec": {"selector": {"app": "else"}}},
            {"metadata": {"labels": {"team": "a"}}},
            {"spec": {"ports": [{"name": "other", "port": 81, "targetPort": 81, "protocol": "TCP"}]}},
        )
    ),
    "HorizontalPodAutoscaler": lambda story, _body: {"spec": {"maxReplicas": story.rng.randint(5, 9)}},
    "HTTPRoute": lambda story, body: story.rng.choice(
        ({"spec": {"rules": _shuffled(body)}}, {"spec": {"hostnames": ["else.example.com"]}})
    ),
    "PodDisruptionBudget": lambda _story, _body: {"spec": {"maxUnavailable": 5}},
}


def _shuffled(route: Json) -> list[Json]:
    rules: list[Json] = copy.deepcopy(route["spec"]["rules"])
    for rule in rules:
        weights = [backend["weight"] for backend in rule["backendRefs"]]
        for backend, weight in zip(rule["backendRefs"], reversed(weights), strict=True):
            backend["weight"] = weight
    return rules


def scale_child(story: Story) -> str | None:
    """Scale a Deployment by hand, most often one that should have no pods."""
    found = list(story.world.server.all(kinds.DEPLOYMENT))
    if not found:
        return None
    body = story.rng.choice(found)
    replicas = story.rng.choice((0, 1, 2))
    story.world.change(kinds.DEPLOYMENT, body["metadata"]["name"], {"spec": {"replicas": replicas}})
    story.mark("lost-child")
    return f"Deployment {body['metadata']['name']} is scaled to {replicas}"


def lose_status(story: Story) -> str | None:
    if not story.world.status:
        return None
    story.world.change(kinds.MODEL_DEPLOYMENT, story.world.name, {"status": None}, subresource="status")
    story.mark("lost-status")
    return "the status is lost"


# Nature


def trouble(story: Story) -> str | None:
    """The pods of a version do not come up."""
    kind = story.rng.choice(("crash", "pull", "memory", "node", "hang"))
    image = story.image_of(story.rng.choice(("canary", "canary", "stable"))) or story.rng.choice(specs.VERSIONS)
    story.world.nature(image).trouble = kind
    return f"pods of {image} meet {kind}"


def breaks(story: Story) -> str | None:
    """Pods of the new revision that run meet with trouble."""
    return _break(story, "canary")


def breaks_stable(story: Story) -> str | None:
    return _break(story, "stable")


def _break(story: Story, part: str) -> str | None:
    revision = story.revision_of(part)
    pods = story.pods_of(revision)
    if not pods:
        return None
    kind = story.rng.choice(("crash", "crash", "memory", "hang"))
    pods = pods if story.rng.random() < 0.7 else pods[:1]
    for pod in pods:
        story.world.nature(pod["spec"]["containers"][0]["image"]).trouble = kind
        story.world.workloads.break_pod(pod, kind)
    return f"{len(pods)} pods of {revision} meet {kind}"


def kill(story: Story) -> str | None:
    return _kill(story, "canary")


def kill_stable(story: Story) -> str | None:
    return _kill(story, "stable")


def _kill(story: Story, part: str) -> str | None:
    revision = story.revision_of(part)
    pods = story.pods_of(revision)
    if not pods:
        return None
    pods = pods if story.rng.random() < 0.6 else pods[:1]
    for pod in pods:
        story.world.workloads.end(pod)
    return f"{len(pods)} pods of {revision} are deleted"


def late(story: Story) -> str | None:
    """Pods of the new revision do not come up, or more of them do not, for longer than anybody waits."""
    return _late(story, story.image_of("canary"))


def late_stable(story: Story) -> str | None:
    return _late(story, story.image_of("stable"))


def _late(story: Story, image: str | None) -> str | None:
    if image is None:
        return None
    story.world.nature(image).trouble = story.rng.choice(("hang", "node"))
    story.note(f"more pods of {image} do not come up")
    story.advance(story.rng.choice((16, 31)))
    return "nobody waits any longer"


def recover(story: Story) -> str | None:
    for nature in story.world.natures.values():
        nature.trouble = ""
    story.world.workloads.heal()
    return "pods recover"


def opinion(story: Story) -> str | None:
    image = story.image_of("canary") or story.spec["model"]["image"]
    verdict = story.rng.choice(("good", "bad", "bad", "hung", "unsure", "unsure"))
    story.world.nature(image).verdict = verdict
    return f"{image} is {verdict}"


def souring(story: Story) -> str | None:
    """What was good turns bad: the requests of what takes over, or just has, say so at once."""
    image = story.image_of("canary") or story.image_of("stable")
    if image is None:
        return None
    nature = story.world.nature(image)
    nature.verdict, nature.judged_after = story.rng.choice(("bad", "hung")), 0.5
    return f"{image} turns {nature.verdict}"


def silence(story: Story) -> str | None:
    gateway = story.world.gateway
    if gateway.answers:
        gateway.answers = False
        return "the gateway is silent"
    return speak(story)


def speak(story: Story) -> str | None:
    story.world.gateway.wake()
    return "the gateway answers again"


def traffic(story: Story) -> str | None:
    senses = story.world.senses
    senses.traffic, senses.since = not senses.traffic, story.world.now
    return f"requests {'come' if senses.traffic else 'stop'}"


def counters(story: Story) -> str | None:
    senses = story.world.senses
    senses.counters, senses.since = not senses.counters, story.world.now
    return f"counters {'are there again' if senses.counters else 'cannot be read'}"


def holding(story: Story) -> list[Turn]:
    """Return the turns that end what holds everything up now."""
    senses = story.world.senses
    troubled = any(nature.trouble for nature in story.world.natures.values())
    found: list[tuple[bool, Turn]] = [
        (story.frozen, freeze),
        (story.spec["rollout"].get("paused", False), pause),
        (story.world.status.get("paused", False), REQUESTS["resume"]),
        (not story.world.gateway.answers, speak),
        (not senses.traffic, traffic),
        (not senses.counters, counters),
        (troubled, recover),
    ]
    return [turn for holds, turn in found if holds]


def load(story: Story) -> str | None:
    story.world.autoscalers.load = story.rng.randint(1, 6)
    return f"the load needs {story.world.autoscalers.load} pods"


# The operator


def dies(story: Story) -> str | None:
    story.crash(story.rng.uniform(0.1, 20))
    return "the operator dies"


def dies_writing(story: Story) -> str | None:
    faults = story.process.faults
    faults.dies_at, faults.dies_after = story.rng.randrange(6), story.rng.random() < 0.5
    return f"the operator dies at write {faults.dies_at + 1}, {'after' if faults.dies_after else 'before'} its effect"


def fails(story: Story) -> str | None:
    rng = story.rng
    failing = [rng.choice(("before", "after", "busy", "touched")) for _ in range(rng.randint(1, 5))]
    story.process.faults.failing = failing
    return f"requests fail: {', '.join(failing)}"


def slow(story: Story) -> str | None:
    faults = story.process.faults
    faults.latency = 0.0 if faults.latency else story.rng.choice((0.02, 0.2))
    return f"requests take up to {faults.latency} s"


def deaf(story: Story) -> str | None:
    faults = story.process.faults
    faults.lost_events = 0.0 if faults.lost_events else story.rng.choice((0.3, 1.0))
    return f"{faults.lost_events:.0%} of the events are lost"


def stale(story: Story) -> str | None:
    story.read_stale(story.rng.uniform(0.5, 5))
    return "reads come from an older state for a while"


def second(story: Story) -> str | None:
    story.second_operator(story.rng.uniform(1, 10))
    return "a second operator acts for a while"


def copied(spec: Json) -> Json:
    """Return a copy: the server keeps what it is given."""
    return copy.deepcopy(spec)


def _apply(story: Story, **blocks: Any) -> str | None:
    if story.world.resource is None:
        return None
    story.spec = copy.deepcopy({**story.spec, **blocks})
    story.world.edit(copy.deepcopy(story.spec))
    return f"apply {blocks}"


def _ask(story: Story, verb: str) -> str | None:
    status = story.world.status
    revision = story.revision_of("canary") or story.revision_of("stable")
    if verb == "retry":
        revision = status.get("rejectedRevision") or revision
    if verb == "undo":
        part = (story.revision_of("stable"), story.revision_of("canary"))
        served = [one["revision"] for one in status.get("history", ()) if one["outcome"] == "Promoted"]
        revision = next((one for one in reversed(served) if one not in part), revision)
    return _annotate(story, f"{verb} {revision} {story.next_id()}") if revision else None


def _annotate(story: Story, text: str) -> str:
    story.asked.append(text)
    story.world.annotate(kinds.MODEL_DEPLOYMENT, story.world.name, **{REQUEST_ANNOTATION: text})
    return f"ask {text!r}"


def _child(story: Story) -> tuple[Kind, Json] | None:
    server = story.world.server
    part = [story.revision_of(one) for one in ("stable", "canary", "former")]
    found = [
        (kind, body)
        for kind in _CHILDREN
        for body in server.all(kind)
        if body["metadata"].get("ownerReferences")
        if (body["metadata"].get("labels") or {}).get(REVISION_LABEL) in (None, *part)
    ]
    return story.rng.choice(found) if found else None


REQUESTS: dict[str, Turn] = {verb.value: (lambda story, verb=verb.value: _ask(story, verb)) for verb in Verb}
