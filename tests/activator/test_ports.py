"""Whose a port is: requests for one model never come to another's pods."""

import asyncio
from dataclasses import replace

import aiohttp
from tests.activator.stage import entry, house, pod
from tests.activator.test_proxy import POD, echo, post, url

from ekiben.objects.activation import entries


def told(made, *models):
    table = {"data": {one.key: one.to_json() for one in models}}
    return made.follow(entries(table, made.ports))


async def test_who_has_a_port_keeps_it_where_the_table_gives_it_to_another_one_too():
    mine = entry(name="z-mine", pods=(POD,))
    theirs = replace(mine, namespace="evil", name="a", uid="u2", pod_port=1)
    async with house(mine) as made, pod(echo, POD, mine.pod_port), aiohttp.ClientSession() as caller:
        await told(made, theirs, mine)
        assert set(made.queues) == {mine.key}
        assert await post(caller, url(mine)) == (200, b"x")


async def test_a_port_that_a_model_has_left_is_no_others_for_a_minute(monkeypatch):
    mine = entry(pods=(POD,))
    theirs = replace(mine, namespace="evil", uid="u2")
    async with house(mine) as made:
        await told(made, theirs)
        assert made.queues == {}, "callers of the former are still sent here"
        await told(made, mine)
        assert set(made.queues) == {mine.key}, "its own again"
        await told(made)
        now = asyncio.get_running_loop().time()
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now + 61)
        await told(made, theirs)
        monkeypatch.undo()
        assert set(made.queues) == {theirs.key}
