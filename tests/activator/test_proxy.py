"""Requests of a model that sleeps, over real connections."""

import asyncio
import gzip
import io

import aiohttp
import pytest
from aiohttp import web
from tests.activator.stage import entry, has, house, pod, tell
from yarl import URL

from ekiben.activator.headers import WAITED
from ekiben.activator.house import Limits

POD, OTHER = "127.0.0.1", "127.0.0.2"


@pytest.fixture
async def caller():
    async with aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


def url(known, path="/predict"):
    return f"http://127.0.0.1:{known.port}{path}"


async def echo(request):
    body = await request.read()
    return web.Response(body=body, headers={"X-Path": request.raw_path, "X-Host": request.headers["Host"]})


async def post(session, where, body=b"x"):
    async with session.post(where, data=body) as answer:
        return answer.status, await answer.read()


async def test_a_burst_of_500_while_nothing_runs_is_answered_to_the_last(caller):
    known = entry(queue=500)
    async with house(known) as made:
        calls = [asyncio.create_task(post(caller, url(known), b"%d" % n)) for n in range(500)]
        queue = made.queues[known.key]
        await has(lambda: queue.waiting == 100)  # as many connections as the caller's session makes
        async with pod(echo, POD, known.pod_port):
            await tell(made, known, pods=(POD,))
            answers = await asyncio.gather(*calls)
        assert answers == [(200, b"%d" % n) for n in range(500)]
        assert (queue.arrived, queue.forwarded, queue.waiting, queue.on_the_way) == (500, 500, 0, 0)


async def test_a_real_burst_with_a_connection_each_and_two_pods(caller):
    """All at once, over 500 connections, and the second pod comes later."""
    known = entry(queue=500, at_once=16)
    many = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    async with house(known) as made, many:
        calls = [asyncio.create_task(post(many, url(known), b"%d" % n)) for n in range(500)]
        queue = made.queues[known.key]
        await has(lambda: queue.waiting == 500)
        async with pod(echo, POD, known.pod_port), pod(echo, OTHER, known.pod_port):
            known = await tell(made, known, pods=(POD,))
            await has(lambda: queue.forwarded > 50)
            await tell(made, known, pods=(POD, OTHER))
            answers = await asyncio.gather(*calls)
    assert answers == [(200, b"%d" % n) for n in range(500)]


async def test_no_pod_gets_more_at_once_than_it_is_to(caller):
    known = entry(at_once=3, pods=(POD, OTHER))
    at_once = {POD: 0, OTHER: 0}
    most = dict(at_once)

    async def busy(request):
        here = request.transport.get_extra_info("sockname")[0]
        at_once[here] += 1
        most[here] = max(most[here], at_once[here])
        await asyncio.sleep(0.01)
        at_once[here] -= 1
        return web.Response(text="ok")

    async with house(known), pod(busy, POD, known.pod_port), pod(busy, OTHER, known.pod_port):
        answers = await asyncio.gather(*(post(caller, url(known)) for _ in range(60)))
    assert {status for status, _ in answers} == {200}
    assert most == {POD: 3, OTHER: 3}


async def test_what_is_in_a_request_goes_on_and_what_is_in_the_answer_comes_back(caller):
    known = entry(pods=(POD,))
    seen = []

    async def handler(request):
        seen.append(request)
        headers = [
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("Keep-Alive", "timeout=5"),
            ("Content-Encoding", "gzip"),
        ]
        return web.Response(body=gzip.compress(b"hello"), status=207, reason="Many", headers=headers)

    headers = {"X-Own": "1", "Connection": "x-gone", "X-Gone": "1", "TE": "trailers", "Content-Encoding": "gzip"}
    async with house(known), pod(handler, POD, known.pod_port):
        target = URL(url(known, "/a%2Fb/../c?q=%20&r=%C3%A4"), encoded=True)
        async with caller.put(target, data=gzip.compress(b"in"), headers=headers) as answer:
            assert (answer.status, answer.reason) == (207, "Many")
            assert gzip.decompress(await answer.read()) == b"hello"
            assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
            assert "Keep-Alive" not in answer.headers
            assert answer.headers["Connection"] == "close"
            assert float(answer.headers[WAITED]) < 5
    [request] = seen
    assert request.raw_path == "/a%2Fb/../c?q=%20&r=%C3%A4"
    assert request.headers["X-Own"] == "1"
    assert not {"X-Gone", "TE", "Keep-Alive"} & set(request.headers)
    assert request.headers["Host"] == f"127.0.0.1:{known.port}"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
async def test_requests_without_a_body(caller, method):
    known = entry(pods=(POD,))

    async def handler(request):
        assert not request.body_exists
        return web.Response(text="text")

    async with house(known), pod(handler, POD, known.pod_port), caller.request(method, url(known)) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Length"] == "4"
        assert await answer.read() == (b"" if method == "HEAD" else b"text")


async def test_bodies_are_streams_both_ways(caller):
    """The pod answers the first part before the second one is sent: nothing is held back."""
    known = entry(pods=(POD,))
    got = asyncio.Event()

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        async for chunk in request.content.iter_any():
            await response.write(chunk)
        return response

    async def parts():
        yield b"first"
        await got.wait()
        yield b"second"

    async with house(known), pod(handler, POD, known.pod_port), caller.post(url(known), data=parts()) as answer:
        assert await answer.content.readexactly(5) == b"first"
        got.set()
        assert await answer.content.read() == b"second"


async def test_a_large_body_passes_and_is_not_kept(caller):
    known = entry(pods=(POD,))
    size = 32 * 1024 * 1024

    async def handler(request):
        total = 0
        async for chunk in request.content.iter_any():
            total += len(chunk)
        return web.Response(text=str(total))

    async with house(known), pod(handler, POD, known.pod_port):
        assert await post(caller, url(known), io.BytesIO(bytes(size))) == (200, str(size).encode())


async def test_a_full_queue_says_when_to_come_again(caller):
    known = entry(queue=2)
    async with house(known) as made:
        waiting = [asyncio.create_task(post(caller, url(known))) for _ in range(2)]
        await has(lambda: made.queues[known.key].waiting == 2)
        async with caller.post(url(known)) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "5"
            assert "iris is starting, and 2 requests already wait" in await answer.text()
        async with pod(echo, POD, known.pod_port):
            await tell(made, known, pods=(POD,))
            assert [status for status, _ in await asyncio.gather(*waiting)] == [200, 200]


async def test_what_no_pod_takes_in_time_gets_504_with_the_reason(caller):
    known = entry(cold_start=0.2)
    async with house(known) as made:
        status, text = await post(caller, url(known))
        assert (status, made.queues[known.key].waiting) == (504, 0)
        assert b"it was asleep, and no pod of it became ready within 0.2 s (scaling.coldStartTimeout)" in text


async def test_the_models_own_time_begins_when_the_request_is_handed_on(caller):
    known = entry(cold_start=10, timeout=0.3)

    async def handler(request):
        await asyncio.sleep(0.15 if request.path == "/quick" else 30)
        return web.Response(text="ok")

    async with house(known) as made, pod(handler, POD, known.pod_port):
        calls = [asyncio.create_task(post(caller, url(known, path))) for path in ("/quick", "/slow")]
        await asyncio.sleep(0.4)  # longer than the model's own time
        await tell(made, known, pods=(POD,))
        assert await calls[0] == (200, b"ok")
        status, text = await calls[1]
        assert status == 504
        assert b"did not answer within 0.3 s (traffic.timeout)" in text
        assert made.queues[known.key].on_the_way == 0


async def test_a_caller_that_goes_away_leaves_the_queue(caller):
    known = entry()
    async with house(known) as made:
        queue = made.queues[known.key]
        call = asyncio.create_task(post(caller, url(known)))
        await has(lambda: queue.waiting == 1)
        call.cancel()
        await has(lambda: queue.waiting == 0)
        async with pod(echo, POD, known.pod_port):
            await tell(made, known, pods=(POD,))
            assert (await post(caller, url(known)))[0] == 200
            assert queue.forwarded == 1


async def test_a_caller_that_goes_away_ends_the_pods_work(caller):
    known = entry(pods=(POD,))
    begun, ended = asyncio.Event(), asyncio.Event()

    async def raw(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        await reader.read()
        ended.set()
        writer.close()

    server = await asyncio.start_server(raw, POD, known.pod_port)
    async with house(known) as made:
        call = asyncio.create_task(post(caller, url(known)))
        await begun.wait()
        call.cancel()
        async with asyncio.timeout(10):
            await ended.wait()
        await has(lambda: made.queues[known.key].on_the_way == 0)
    server.close()


async def test_a_pod_that_refuses_and_then_takes_connections_loses_nothing(caller):
    known = entry(pods=(POD,))
    async with house(known) as made:
        calls = [asyncio.create_task(post(caller, url(known))) for _ in range(20)]
        queue = made.queues[known.key]
        await has(lambda: queue.waiting == 20)
        async with pod(echo, POD, known.pod_port):
            assert await asyncio.gather(*calls) == [(200, b"x")] * 20


async def test_a_pod_that_refuses_does_not_hold_up_what_another_one_takes(caller):
    known = entry(pods=(POD, OTHER))
    async with house(known), pod(echo, OTHER, known.pod_port):
        answers = await asyncio.gather(*(post(caller, url(known)) for _ in range(50)))
    assert answers == [(200, b"x")] * 50


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_what_went_out_is_never_sent_again(caller, method):
    """aiohttp itself would send a GET a second time where the connection ends without an answer."""
    known = entry(pods=(POD,))
    heads = []

    async def raw(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(raw, POD, known.pod_port)
    async with house(known) as made, caller.request(method, url(known)) as answer:
        assert answer.status == 502
        assert "ended the connection before it answered" in await answer.text()
        assert made.queues[known.key].on_the_way == 0
    assert len(heads) == 1
    server.close()


async def test_an_answer_that_breaks_off_is_not_made_to_look_whole(caller):
    known = entry(pods=(POD,))

    async def raw(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(raw, POD, known.pod_port)
    async with house(known):
        with pytest.raises(aiohttp.ClientError):
            await post(caller, url(known))
    server.close()


@pytest.mark.parametrize(
    ("head", "status", "words"),
    [
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            b"501",
            b"cannot be upgraded",
        ),
        (b"GET http://10.9.8.7/x HTTP/1.1\r\nHost: a\r\n\r\n", b"400", b"begins with '/'"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", b"413", b"larger"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + 20000 * b"x" + b"\r\n\r\n", b"400", b""),
        (b"nonsense\r\n\r\n", b"400", b""),
    ],
)
async def test_what_is_refused(head, status, words):
    known = entry(pods=("127.0.0.9",))
    async with house(known, limits=Limits(max_body=10)):
        reader, writer = await asyncio.open_connection("127.0.0.1", known.port)
        writer.write(head)
        answer = await reader.read()
        writer.close()
    assert answer.split(b" ")[1] == status
    assert words in answer


async def test_a_body_without_a_length_is_cut_at_the_limit(caller):
    known = entry(pods=(POD,))

    async def parts():
        for _ in range(100):
            yield b"x" * 1000

    bounds = Limits(max_body=10_000)
    async with house(known, limits=bounds), pod(echo, POD, known.pod_port):
        assert (await post(caller, url(known), parts()))[0] == 413


async def test_a_connection_without_a_request_does_not_stay():
    known = entry()
    async with house(known, limits=Limits(header_seconds=0.1)):
        reader, writer = await asyncio.open_connection("127.0.0.1", known.port)
        writer.write(b"POST / HTTP/1.1\r\nHost:")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_the_body_is_asked_for_when_a_pod_is_there():
    """Expect: 100-continue leaves it with its caller while the model starts."""
    known = entry()
    async with house(known) as made:
        reader, writer = await asyncio.open_connection("127.0.0.1", known.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        await has(lambda: made.queues[known.key].waiting == 1)
        async with pod(echo, POD, known.pod_port):
            await tell(made, known, pods=(POD,))
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"ok")
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"ok")


async def test_slow_callers_do_not_hold_up_others(caller):
    known = entry(pods=(POD,))
    async with house(known), pod(echo, POD, known.pod_port):
        slow = [await asyncio.open_connection("127.0.0.1", known.port) for _ in range(20)]
        for _, writer in slow:
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
        answers = await asyncio.gather(*(post(caller, url(known)) for _ in range(50)))
        assert answers == [(200, b"x")] * 50
        for reader, writer in slow:
            writer.write(b"bc")
            assert (await reader.read()).endswith(b"abc")
            writer.close()


async def test_two_activators_share_what_comes(caller):
    """Each has a queue of its own; a pod gets from each what it may have at once."""
    known = entry(queue=500)
    twin = entry(pod_port=known.pod_port, queue=500)
    many = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    async with house(known) as one, house(twin) as two, many:
        calls = [asyncio.create_task(post(many, url((known, twin)[n % 2]), b"%d" % n)) for n in range(500)]
        await has(lambda: one.queues[known.key].waiting + two.queues[twin.key].waiting == 500)
        async with pod(echo, POD, known.pod_port):
            await asyncio.gather(tell(one, known, pods=(POD,)), tell(two, twin, pods=(POD,)))
            assert await asyncio.gather(*calls) == [(200, b"%d" % n) for n in range(500)]


async def test_a_model_that_is_gone_lets_its_callers_know(caller):
    known = entry()
    async with house(known) as made:
        call = asyncio.create_task(post(caller, url(known)))
        await has(lambda: made.queues[known.key].waiting == 1)
        await made.follow({})
        status, text = await call
        assert (status, made.queues) == (503, {})
        assert b"not served here any more" in text
        with pytest.raises(aiohttp.ClientConnectorError):
            await post(caller, url(known))


async def test_what_is_held_is_finished_at_the_end(caller):
    known = entry()
    async with house(known) as made:
        call = asyncio.create_task(post(caller, url(known)))
        await has(lambda: made.queues[known.key].waiting == 1)
        closing = asyncio.create_task(made.close(10))
        await asyncio.sleep(0.05)
        with pytest.raises(aiohttp.ClientConnectorError):
            await post(caller, url(known))
        async with pod(echo, POD, known.pod_port):
            made.queues[known.key].update(entry(port=known.port, pod_port=known.pod_port, pods=(POD,)))
            assert await call == (200, b"x")
            await closing


@pytest.mark.parametrize("size", [10, 60_000])
async def test_a_caller_that_dies_with_its_body_half_sent_leaves_the_queue(size):
    """Of a large body nothing more is read while it waits: the end of the connection stands behind it."""
    known = entry()
    async with house(known) as made:
        _, writer = await asyncio.open_connection("127.0.0.1", known.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + bytes(size))
        queue = made.queues[known.key]
        await has(lambda: queue.waiting == 1)
        writer.transport.abort()
        await has(lambda: queue.waiting == 0)
