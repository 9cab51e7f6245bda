"""The activators' table where two operators write it, and where it says what cannot be."""

import pytest
from tests.operator.test_activators import OWN, stage, table

from ekiben.cluster import kinds
from ekiben.cluster.errors import ConflictError
from ekiben.objects.activation import FIRST_PORT, TABLE, Entry
from ekiben.operator.activators.table import Table

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
