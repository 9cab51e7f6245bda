"""Freeze: by a setting, by an annotation on the namespace, read at most every second."""

import asyncio
import logging

import pytest

from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError, UnavailableError
from ekiben.operator.freeze import Freezes


class Namespaces:
    """A cluster that has namespaces and counts who asks for them."""

    def __init__(self, annotations=None, error=None):
        self.annotations, self.error, self.asked = annotations, error, 0

    async def find(self, kind, namespace, name):
        assert (kind, namespace) == (kinds.NAMESPACE, None)
        self.asked += 1
        if self.error:
            raise self.error
        return None if self.annotations is None else {"metadata": {"name": name, "annotations": self.annotations}}


@pytest.fixture
async def later(monkeypatch):
    """Return a function that lets time pass for the running loop."""
    passed = 0.0

    def pass_time(seconds):
        nonlocal passed
        passed += seconds

    loop = asyncio.get_running_loop()
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + passed)
    return pass_time


async def test_a_setting_freezes_everything_without_a_request():
    cluster = Namespaces()
    assert await Freezes(cluster, "end of the year").look("shop") == (
        "end of the year (the operator's setting EKIBEN_FREEZE)"
    )
    assert cluster.asked == 0


@pytest.mark.parametrize(
    ("annotations", "why"),
    [
        (None, ""),
        ({}, ""),
        ({"ekiben.dev/freeze": "audit"}, "audit (annotation ekiben.dev/freeze of namespace shop)"),
        ({"ekiben.dev/freeze": " "}, "no reason is given (annotation ekiben.dev/freeze of namespace shop)"),
    ],
)
async def test_an_annotation_freezes_its_namespace(annotations, why):
    assert await Freezes(Namespaces(annotations), "").look("shop") == why


async def test_resources_share_what_was_read_for_a_second(later):
    cluster = Namespaces({"ekiben.dev/freeze": "audit"})
    freezes = Freezes(cluster, "")
    assert await freezes.look("shop")
    cluster.annotations = {}
    assert await freezes.look("shop")
    assert cluster.asked == 1
    later(1.1)
    assert await freezes.look("shop") == ""
    await freezes.look("ads")
    assert cluster.asked == 3


async def test_without_the_right_to_read_it_is_not_frozen_and_that_is_told_once(caplog, later):
    freezes = Freezes(Namespaces(error=ForbiddenError("ekiben may not get namespaces", 403)), "")
    with caplog.at_level(logging.WARNING):
        assert await freezes.look("shop") == ""
        later(4)
        assert await freezes.look("shop") == ""
    assert [record.message for record in caplog.records] == [
        "ekiben may not get namespaces: until then the annotation ekiben.dev/freeze has no effect"
    ]


async def test_an_api_server_that_is_away_is_not_taken_for_not_frozen():
    with pytest.raises(UnavailableError):
        await Freezes(Namespaces(error=UnavailableError("No answer")), "").look("shop")


async def test_a_frozen_namespace_begins_no_rollout_and_goes_on_afterwards(world, later):
    world.apply()
    await world.settle()
    stable = world.status["stable"]["revision"]
    namespace = {"metadata": {"name": "shop", "annotations": {"ekiben.dev/freeze": "audit"}}}
    world.cluster.put(kinds.NAMESPACE, namespace)
    later(4)
    world.apply(image="x:2")
    await world.settle()
    assert world.status["stable"]["revision"] == stable
    assert world.status.get("rollout") is None
    assert "audit" in world.condition("Frozen")["message"]
    world.cluster.put(kinds.NAMESPACE, {"metadata": {"name": "shop"}})
    later(4)
    await world.settle()
    assert world.status["phase"] == "Canary"
    assert world.condition("Frozen")["status"] == "False"


async def test_in_a_freeze_an_edit_of_the_traffic_or_the_size_waits_and_that_is_told(world, later):
    world.apply(scaling={"replicas": 2})
    await world.settle()
    namespace = {"metadata": {"name": "shop", "annotations": {"ekiben.dev/freeze": "audit"}}}
    world.cluster.put(kinds.NAMESPACE, namespace)
    later(4)
    await world.settle(2)
    assert world.condition("Frozen")["message"].endswith("of namespace shop)")
    route = world.cluster.objects["HTTPRoute", "shop", "iris"]["spec"]
    for traffic in ({"hostnames": ["iris.example.com"], "path": "/m"}, {"provider": "replicaRatio"}):
        world.apply(image="x:2", scaling={"replicas": 5}, traffic=traffic)
        await world.settle()
        assert world.cluster.objects["HTTPRoute", "shop", "iris"]["spec"] == route
        told = world.condition("Frozen")["message"]
        assert told.endswith("; what was edited waits until then: spec.model, spec.traffic, spec.scaling")
    world.cluster.drop(kinds.HTTP_ROUTE, "shop", "iris")
    world.apply(traffic={"hostnames": ["iris.example.com"]})
    await world.settle(2)
    assert world.cluster.objects["HTTPRoute", "shop", "iris"]["spec"]["hostnames"] == ["iris.example.com"]
    world.apply(traffic={"hostnames": ["b.example.com"]})
    world.cluster.put(kinds.NAMESPACE, {"metadata": {"name": "shop"}})
    later(4)
    await world.settle()
    assert world.cluster.objects["HTTPRoute", "shop", "iris"]["spec"]["hostnames"] == ["b.example.com"]
    assert world.condition("Frozen")["message"] == ""
