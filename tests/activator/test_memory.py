"""What the requests of all models may take: bounded, shared, and given back."""

import asyncio
import socket
from contextlib import ExitStack

import aiohttp
from hypothesis import given
from hypothesis import strategies as st
from tests.activator.stage import entry, has, house, pod, tell
from tests.activator.test_proxy import POD, echo, post, url

from ekiben.activator.house import Limits
from ekiben.activator.memory import CONNECTION, CONNECTIONS, Memory

MIB = 1024 * 1024


def filled(memory, *models, size=1):
    """Each takes in turn until none gets more; returns what each got."""
    got = dict.fromkeys(models, 0)
    more = list(models)
    while more:
        more = [model for model in models if memory.take(model, size)]
        for model in more:
            got[model] += size
    return got


def test_one_model_gets_a_third_a_namespace_half_and_the_next_one_always_something():
    assert filled(Memory(3000), ("evil", "a")) == {("evil", "a"): 1000}
    memory = Memory(3000)
    assert sum(filled(memory, *(("evil", f"m{number}") for number in range(200))).values()) > 1400
    assert memory.used <= 1500
    assert filled(memory, ("shop", "iris"))["shop", "iris"] >= 500


@given(
    st.integers(1, 5000),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(1, 900)), max_size=80),
)
def test_no_more_is_given_out_than_there_is_and_all_of_it_comes_back(total, wanted):
    memory = Memory(total)
    held = [(one[:2], one[2]) for one in wanted if memory.take(one[:2], one[2])]
    assert memory.used == sum(size for _, size in held) <= total
    for one in held:
        memory.give(*one)
    assert memory.used == 0
    assert filled(memory, ("a", "x")) == filled(Memory(total), ("a", "x")), "nothing is left of it"


async def test_a_model_with_many_large_requests_leaves_room_for_the_others():
    evil, iris = entry(namespace="evil", uid="u2", queue=10_000), entry()
    async with house(evil, iris, limits=Limits(memory=8 * MIB)) as made, many() as caller:
        body = b"x" * MIB
        calls = [asyncio.create_task(post(caller, url(evil), body)) for _ in range(40)]
        await has(lambda: sum(call.done() for call in calls) + made.queues[evil.key].waiting == 40)
        refused = [call for call in calls if call.done()]
        assert 10 < made.queues[evil.key].waiting < 20, "a third of 7 MiB, 160 KiB each"
        assert {(await call)[0] for call in refused} == {503}
        assert b"leave no memory" in (await refused[0])[1]
        assert 0 < made.memory.used <= 7 * MIB
        mine = asyncio.create_task(post(caller, url(iris)))
        await has(lambda: made.queues[iris.key].waiting == 1)
        async with pod(echo, POD, iris.pod_port), pod(echo, POD, evil.pod_port):
            table = {one.key: one for one in (evil, iris)}
            await made.follow({key: told(one) for key, one in table.items()})
            assert await mine == (200, b"x")
            kept = [call for call in calls if call not in refused]
            assert {(await call)[0] for call in kept} == {200}
        await has(lambda: made.memory.used == 0)


async def test_a_refusal_says_when_to_try_again():
    known = entry()
    async with house(known, limits=Limits(memory=CONNECTIONS * CONNECTION)) as made, many() as caller:
        async with caller.post(url(known), data=b"x") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        await has(lambda: made.memory.used == 0)
    assert b'reason="memory"} 1.0' in made._figures.exposition({})


async def test_connections_that_send_nothing_count_until_they_end():
    known = entry()
    async with house(known, limits=Limits(memory=CONNECTIONS * 30 * CONNECTION)) as made, many() as caller:
        with ExitStack() as open_:
            for _ in range(40):
                one = open_.enter_context(socket.create_connection(("127.0.0.1", known.port)))
                one.setblocking(False)
            await has(lambda: made.connections.used == 10 * CONNECTION)
        await has(lambda: made.connections.used == 0)
        async with pod(echo, POD, known.pod_port):
            await tell(made, known, pods=(POD,))
            assert await post(caller, url(known)) == (200, b"x")


def many():
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True), timeout=aiohttp.ClientTimeout(total=30)
    )


def told(one):
    return one.__class__(**(vars(one) | {"pods": (POD,)}))
