"""Several activators at one pod: each keeps to its places, and none is left without a turn."""

import asyncio
from dataclasses import replace

from aiohttp import web
from tests.activator.stage import entry, free_port, has, pod
from tests.activator.test_memory import many
from tests.activator.test_proxy import POD, post, url

from ekiben.activator.figures import Figures
from ekiben.activator.house import House, Limits


async def test_two_activators_together_never_have_more_on_the_way_than_the_pod_works_on():
    now, most = 0, 0

    async def busy(_request):
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.01)
        now -= 1
        return web.Response(text="ok")

    known = entry(pods=(POD,), concurrency=3, activators=("a", "b"))
    other = replace(known, port=free_port())
    houses = [House(Figures(), Limits(), "127.0.0.1", name) for name in known.activators]
    for made, one in zip(houses, (known, other), strict=True):
        await made.follow({one.key: one})
    async with pod(busy, POD, known.pod_port), many() as caller:
        answers = await asyncio.gather(*(post(caller, url(one)) for one in (known, other) for _ in range(30)))
    for made in houses:
        await made.close(0)
    assert {status for status, _ in answers} == {200}
    assert most == 3


async def test_one_without_a_place_holds_until_its_turn_comes():
    known = entry(pods=(POD,), concurrency=1, activators=("a", "b"))
    made = House(Figures(), Limits(), "127.0.0.1", "b")
    await made.follow({known.key: known})

    async def answer(_request):
        return web.Response(text="ok")

    async with pod(answer, POD, known.pod_port), many() as caller:
        call = asyncio.create_task(post(caller, url(known)))
        await has(lambda: made.queues[known.key].waiting == 1)
        turned = replace(known, activators=("b", "a"))
        await made.follow({turned.key: turned})
        assert await call == (200, b"ok")
    await made.close(0)
