"""Whose turn it is where a pod's places cannot be shared evenly: all get theirs, and no pod gets one too many."""

import pytest
from tests.operator.test_activators import KEY, ensure, of, page, pod, stage, table
from tests.operator.traffic_stage import NAME, SPACE, STABLE

from ekiben.cluster import kinds
from ekiben.objects import deployment
from ekiben.objects.activation import FIRST_PORT
from ekiben.objects.names import child_name, labels
from ekiben.operator.activators.apply import _places
from ekiben.operator.activators.seen import Activation, Seen
from ekiben.operator.activators.seen import activation as seen_as

__all__ = ["stage"]
MODEL = f"{KEY.namespace}.{KEY.name}"


def held(*, waiting=0, longest=0.0, going=0, ready=True):
    return {"ready": ready, "model": of(waiting=waiting, going=going) | {"longestWait": longest}}


def seen(**activators):
    return seen_as(
        {
            name: Seen(name, one["ready"], page(**{MODEL: one["model"]}) | {"instance": name})
            for name, one in activators.items()
        },
        MODEL,
        "u",
        FIRST_PORT,
    )


@pytest.mark.parametrize("concurrency", [2, 4, 32])
def test_what_can_be_shared_evenly_names_nobody(concurrency):
    places = _places(concurrency, seen(a=held(), b=held()), ())
    assert (places.each, places.activators) == (concurrency // 2, ())


def test_a_turn_is_kept_while_anything_is_on_the_way():
    waits = {"waiting": 3, "longest": 4.0}
    assert _places(1, seen(a=held(), b=held(**waits)), ("a", "b")).activators == ("b", "a")
    assert _places(1, seen(a=held(going=1), b=held(**waits)), ("a", "b")).activators == ("a", "b")
    assert _places(1, seen(a=held(), b=held()), ("b", "a")).activators == ("b", "a"), "nor is it news that none waits"


def test_who_waits_long_while_another_one_goes_on_gets_the_next_turn():
    going = held(going=1, waiting=5, longest=2.0)
    starved = _places(1, seen(a=going, b=held(waiting=5, longest=12.5)), ("a", "b"))
    assert (starved.together, starved.activators) == (0, ("a", "b")), "nobody begins another one"
    after = _places(1, seen(a=held(waiting=5, longest=3.0), b=held(waiting=5, longest=13.5)), ("a", "b"))
    assert (after.together, after.activators) == (1, ("b", "a"))
    assert _places(3, seen(a=going, b=held(waiting=5, longest=12.5)), ("a", "b")).together == 3, "each has a place"


def test_one_that_ends_keeps_its_places_until_it_holds_nothing():
    assert seen(a=held(), b=held(waiting=1, ready=False)).turns == ("b", "a")
    assert seen(a=held(), b=held(ready=False)).turns == ("a",)


def test_activators_that_do_not_say_who_they_are_have_at_least_one_place_each():
    unnamed = Activation(ready=2)
    assert (_places(1, unnamed, ()).each, _places(5, unnamed, ()).each) == (1, 2)
    assert _places(5, unnamed, ()).activators == ()


async def test_two_activators_are_told_who_has_the_one_place_of_each_pod(stage):
    run_as(stage, {"image": "x:1", "concurrency": 1}, pods=3)
    await ensure(stage, in_path=False)
    [entry] = table(stage).values()
    for ip in ("10.1.0.1", "10.1.0.2"):
        stage.server.put(kinds.POD, pod(ip))
        stage.pages[ip] = page(**{entry.key: of(stage.resource.metadata.uid, entry.port)}) | {"instance": f"a-{ip}"}
    await stage.activators.look()
    await ensure(stage, in_path=False)
    [entry] = table(stage).values()
    assert entry.pods == ("10.2.0.0", "10.2.0.1", "10.2.0.2")
    for one in entry.pods:
        assert sum(entry.places(f"a-{ip}")[one] for ip in ("10.1.0.1", "10.1.0.2")) == 1
    stage.server.remove(kinds.POD, SPACE, f"{STABLE}-0")
    stage.follow(child_name(NAME, STABLE))
    await ensure(stage, in_path=False)
    run_as(stage, {"image": "x:1", "concurrency": 1}, pods=[0])
    await ensure(stage, in_path=False)
    [entry] = table(stage).values()
    assert entry.pods == ("10.2.0.1", "10.2.0.2", "10.2.0.0"), "a pod that comes takes no other one's turn"


def run_as(stage, model, pods):
    """Have pods that are the revision's own run a model."""
    stage.server.put(kinds.DEPLOYMENT, deployment.render(stage.resource, STABLE, 1, model, 1))
    for number in range(pods) if isinstance(pods, int) else pods:
        made = pod(f"10.2.0.{number}", made=f"{NAME}-{STABLE}-h")
        made["metadata"] |= {"namespace": SPACE, "name": f"{STABLE}-{number}"}
        made["metadata"]["labels"] = labels(NAME, STABLE) | {"pod-template-hash": "h"}
        if stage.get(kinds.POD, made["metadata"]["name"]) is not None:
            stage.server.remove(kinds.POD, SPACE, made["metadata"]["name"])
        stage.server.put(kinds.POD, made)
    stage.follow(child_name(NAME, STABLE))
