"""The load tells the model's answers from the platform's, and keeps its rate."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from ekiben.cli.demo.load import MODEL_HEADER, Answer, Load, by_model


async def _answer(request: web.Request) -> web.Response:
    body = await request.json()
    status = {"fail": 500, "busy": 503, "gone": 503}.get(body["do"], 200)
    headers = {} if body["do"] == "gone" else {MODEL_HEADER: "v7"}
    return web.Response(status=status, headers=headers, text=request.headers["Host"])


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/predict", _answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    yield f"http://127.0.0.1:{port}/predict"
    await runner.cleanup()


async def test_answers_of_the_model_and_of_the_platform_are_counted_apart(url: str) -> None:
    bodies = [{"do": "work"}, {"do": "fail"}, {"do": "busy"}, {"do": "gone"}]
    load = Load(url, "iris.demo.ekiben.localhost", 200, bodies, most=40)
    await load.run()
    assert load.sent == 40
    assert sum(answer.lost for answer in load.answers) == 10
    count = by_model(load.answers)["v7"]
    assert (count.requests, count.failed) == (30, 20)


async def test_no_answer_at_all_is_lost() -> None:
    load = Load("http://127.0.0.1:9/predict", "x", 100, [{}], most=3)
    await load.run()
    assert [answer.lost for answer in load.answers] == [True] * 3


async def test_it_stops_when_told_and_waits_for_the_last_answer(url: str) -> None:
    load = Load(url, "x", 500, [{"do": "work"}])
    running = asyncio.create_task(load.run())
    async with asyncio.timeout(10):
        while len(load.answers) < 20:
            await asyncio.sleep(0.01)
    load.stop()
    await asyncio.wait_for(running, 10)
    assert len(load.answers) == load.sent


def test_latency_counts_from_the_moment_a_request_was_due() -> None:
    answers = [Answer(0.0, seconds / 100, 200, "v1") for seconds in range(1, 101)]
    count = by_model(answers)["v1"]
    assert count.p50 == 0.5
    assert count.p95 == 0.95
