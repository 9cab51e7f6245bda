"""The activators' table where two operators write it, and where it says what cannot be."""

import pytest
from tests.operator.test_activators import OWN, ensure, ready, stage, table
from tests.operator.test_activators_turns import run_as
from tests.operator.traffic_stage import STABLE

from ekiben.cluster import kinds
from ekiben.cluster.errors import ConflictError
from ekiben.objects.activation import FIRST_PORT, TABLE, Entry
from ekiben.operator.activators import apply as activation
from ekiben.operator.activators import table as tables
from ekiben.operator.activators.table import FullError, Table
from ekiben.rollout.plan import EnsureActivation

__all__ = ["stage"]


def entry(name, uid="same-hash", **fields):
    return Entry("shop", name, uid, FIRST_PORT, 3000, **fields)


async def two(stage):
    both = Table(stage.cluster, OWN), Table(stage.cluster, OWN)
    for one in both:
        await one.read()
    return both


async def test_two_operators_give_no_port_to_two_models(stage):
    one, other = await two(stage)
    assert await one.ensure(entry("x"))
    assert await other.ensure(entry("y"))
    assert await one.ensure(entry("z"))
    assert set(table(stage)) == {"shop.x", "shop.y", "shop.z"}
    assert len({found.port for found in table(stage).values()}) == 3


async def test_what_the_other_operator_has_written_already_is_not_written_again(stage):
    one, other = await two(stage)
    assert await one.ensure(entry("x"))
    assert not await other.ensure(entry("x"))
    assert await other.forget("shop", "x")
    assert not await one.forget("shop", "x")


async def test_a_table_that_changes_all_the_time_is_a_conflict(stage, monkeypatch):
    one, _ = await two(stage)

    async def never(*_):
        raise ConflictError("changed", 409)

    monkeypatch.setattr(stage.cluster, "merge", never)
    with pytest.raises(ConflictError):
        await one.ensure(entry("x"))


async def test_a_port_that_two_models_have_is_taken_from_one(stage):
    """As an operator that was less careful has left it."""
    doubled = {one.key: one.to_json() for one in (entry("x", "a"), entry("y", "b"))}
    stage.server.put(kinds.CONFIG_MAP, {"metadata": {"namespace": OWN, "name": TABLE}, "data": doubled})
    one = Table(stage.cluster, OWN)
    await one.read()
    assert (one.port("shop", "x", "a"), one.port("shop", "y", "b")) == (FIRST_PORT, 0)
    assert await one.ensure(entry("y", "b"))
    assert one.port("shop", "y", "b") not in (0, FIRST_PORT)
    assert set(table(stage)) == {"shop.x", "shop.y"}


async def all_of(one, models):
    for name in models:
        await one.ensure(entry(name))


PODS = tuple(f"10.3.0.{number}" for number in range(50))


def size(stage):
    [found] = [one for one in stage.server.all(kinds.CONFIG_MAP) if one["metadata"]["name"] == TABLE]
    return sum(len(key) + len(text) for key, text in found["data"].items())


async def test_a_table_that_is_full_takes_no_new_model_and_the_pods_of_those_it_has(stage, monkeypatch):
    monkeypatch.setattr(tables, "_MOST_BYTES", 5000)
    one = Table(stage.cluster, OWN)
    await one.read()
    models = [f"m{number}" for number in range(50)]
    with pytest.raises(FullError, match=r"with \d+ models: write minReplicas: 1"):
        await all_of(one, models)
    models = [found.name for found in table(stage).values()]
    other = Table(stage.cluster, OWN)
    await other.read()
    for name in models:
        await other.ensure(entry(name, pods=PODS))
        assert len(table(stage)[f"shop.{name}"].pods) >= 1, "each can wake, however many pods others have"
    assert 4000 < size(stage) <= 5000
    for name in models[3:]:
        assert await other.forget("shop", name)
    assert await other.ensure(entry("m1", pods=PODS))
    assert len(table(stage)["shop.m1"].pods) > 20, "there is space again"


async def test_a_model_that_the_table_has_no_space_for_says_so_and_stays_awake(stage, monkeypatch):
    monkeypatch.setattr(tables, "_MOST_BYTES", 10)
    world = await stage.read()
    await activation.ensure(stage.writer, stage.activators, world, EnsureActivation(STABLE, False, needed=False))
    assert "is full" in activation.observed(await stage.read()).problem
    assert table(stage) == {}


async def test_no_more_pods_are_told_than_the_queue_can_use(stage):
    run_as(stage, {"image": "x:1", "concurrency": 8}, pods=50)
    await ensure(stage, in_path=False)
    [found] = table(stage).values()
    assert (found.at_once, len(found.pods)) == (8, 13), "100 requests, 8 at once"
    ready(stage, "10.1.0.1", "10.1.0.2")
    await stage.activators.look()
    await ensure(stage, in_path=False)
    [found] = table(stage).values()
    assert (found.at_once, len(found.pods)) == (4, 25)
