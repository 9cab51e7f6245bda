"""The end of an activator that no pod comes for in time: every caller that it holds is answered."""

import asyncio

from tests.activator.stage import entry, has, house
from tests.activator.test_memory import many
from tests.activator.test_proxy import url


async def ask(caller, where):
    async with caller.post(where, data=b"x") as answer:
        return answer.status, answer.headers["Retry-After"], await answer.text()


async def test_what_no_pod_has_got_by_then_is_told_to_come_again():
    known, other = entry(), entry(name="other", uid="u2")
    async with house(known, other) as made, many() as caller:
        calls = [asyncio.create_task(ask(caller, url(one))) for one in [known] * 50 + [other] * 50]
        await has(lambda: all(queue.waiting == 50 for queue in made.queues.values()))
        await made.close(1.0)
        answers = await asyncio.gather(*calls)
    assert {(status, after) for status, after, _ in answers} == {(503, "1")}
    assert "iris has not started yet" in answers[0][2]


async def test_an_end_without_any_time_left_answers_too():
    known = entry()
    async with house(known) as made, many() as caller:
        call = asyncio.create_task(ask(caller, url(known)))
        await has(lambda: made.queues[known.key].waiting == 1)
        await made.close(0)
        assert (await call)[0] == 503
