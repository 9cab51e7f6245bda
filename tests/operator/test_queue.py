"""The queue: one worker at a time for a key, and no wake-up is lost."""

import asyncio
import random

from ekiben.operator.queue import Key, WorkQueue

A, B = Key("ns", "a"), Key("ns", "b")


async def test_a_key_that_waits_is_one_entry():
    queue = WorkQueue()
    queue.add(A)
    queue.add(A)
    queue.add(B)
    assert queue.depth == 2
    assert [await queue.get(), await queue.get()] == [A, B]


async def test_a_key_added_while_it_is_worked_on_is_worked_on_again_afterwards():
    queue = WorkQueue()
    queue.add(A)
    assert await queue.get() == A
    queue.add(A)
    assert queue.depth == 0
    queue.done(A)
    assert await queue.get() == A
    queue.done(A)
    assert queue.depth == 0


async def test_what_is_urgent_goes_first():
    queue = WorkQueue()
    queue.add(A)
    queue.add(B, urgent=True)
    assert await queue.get() == B
    queue.add(B, urgent=True)
    queue.done(B)
    assert [await queue.get(), await queue.get()] == [B, A]


async def test_of_two_delays_the_earlier_counts():
    queue = WorkQueue()
    queue.add(A, 60)
    queue.add(A, 0.01)
    queue.add(A, 60)
    assert await asyncio.wait_for(queue.get(), 5) == A


async def test_taking_a_key_cancels_its_timer():
    queue = WorkQueue()
    queue.add(A, 0.01)
    queue.add(B, 0.02)
    queue.add(A)
    assert await queue.get() == A
    queue.done(A)
    assert await asyncio.wait_for(queue.get(), 5) == B  # A's timer would have come first
    assert queue.depth == 0


async def test_failures_wait_twice_as_long_each_time_up_to_a_minute():
    queue = WorkQueue()
    waits = [queue.retry(A) for _ in range(10)]
    assert 0.8 <= waits[0] <= 1.2
    assert 1.6 <= waits[1] <= 2.4
    assert all(48 <= wait <= 72 for wait in waits[7:])
    queue.succeeded(A)
    assert queue.retry(A) <= 1.2
    queue.forget(A)


async def test_the_oldest_entry_is_known():
    queue = WorkQueue()
    assert queue.oldest == 0
    queue.add(A)
    await asyncio.sleep(0)
    assert queue.oldest > 0


async def test_many_workers_never_share_a_key_and_miss_nothing():
    """Every add is followed by a look that began after it."""
    queue, chance = WorkQueue(), random.Random(7)
    keys = [Key("ns", str(number)) for number in range(5)]
    working: set[Key] = set()
    added = dict.fromkeys(keys, 0)
    seen = dict.fromkeys(keys, 0)

    async def worker():
        while True:
            key = await queue.get()
            assert key not in working
            working.add(key)
            version = added[key]
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
            seen[key] = max(seen[key], version)
            working.discard(key)
            queue.done(key)

    workers = [asyncio.create_task(worker()) for _ in range(3)]
    for _ in range(2000):
        key = chance.choice(keys)
        added[key] += 1
        queue.add(key, chance.choice([0, 0, 0.0005]))
        if chance.random() < 0.5:
            await asyncio.sleep(0)

    for _ in range(10_000):
        if seen == added:
            break
        await asyncio.sleep(0.001)
    assert seen == added
    assert not any(task.done() for task in workers)
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
