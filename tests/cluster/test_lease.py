"""One leader at a time."""

import asyncio
import copy

import pytest

from ekiben.cluster.errors import ConflictError, UnavailableError
from ekiben.cluster.lease import Elector, LeaseLostError


class Leases:
    def __init__(self):
        self.lease = None
        self.version = 0
        self.away = False

    def _store(self, body):
        self.version += 1
        self.lease = copy.deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self.version)

    async def find(self, *_):
        await asyncio.sleep(0)
        if self.away:
            raise UnavailableError("away")
        return copy.deepcopy(self.lease)

    async def get(self, *_):
        return await self.find()

    async def create(self, _kind, _namespace, body):
        if self.lease is not None:
            raise ConflictError("exists", 409)
        self._store(body)

    async def replace(self, _kind, _namespace, body):
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ConflictError("modified", 409)
        self._store(body)


def elector(leases, identity):
    return Elector(leases, "ns", "lease", identity, duration=1, renew_every=0.01, give_up_after=0.1)


async def test_of_many_only_one_leads():
    leases = Leases()
    waiting = [asyncio.create_task(elector(leases, str(number)).acquire()) for number in range(5)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert sum(task.done() for task in waiting) == 1
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_lease_that_was_released_is_taken_at_once():
    leases = Leases()
    first, second = elector(leases, "a"), elector(leases, "b")
    await first.acquire()
    task = asyncio.create_task(second.acquire())
    await first.release()
    await asyncio.wait_for(task, 0.9)
    assert leases.lease["spec"]["holderIdentity"] == "b"
    assert leases.lease["spec"]["leaseTransitions"] == 2


async def test_a_holder_that_does_not_renew_loses_it():
    leases = Leases()
    await elector(leases, "a").acquire()
    await asyncio.wait_for(elector(leases, "b").acquire(), 5)
    assert leases.lease["spec"]["holderIdentity"] == "b"


async def test_a_holder_that_renews_keeps_it():
    leases = Leases()
    first = elector(leases, "a")
    await first.acquire()
    holding = asyncio.create_task(first.hold())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(elector(leases, "b").acquire(), 1.5)
    assert not holding.done()
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)


async def test_who_is_overtaken_stops():
    leases = Leases()
    first = elector(leases, "a")
    await first.acquire()
    leases.lease["spec"]["holderIdentity"] = "b"
    with pytest.raises(LeaseLostError, match="b has taken"):
        await asyncio.wait_for(first.hold(), 5)


async def test_a_renewal_that_fails_once_is_tried_again(monkeypatch):
    leases = Leases()
    first = elector(leases, "a")
    await first.acquire()
    real, failures = leases.find, [UnavailableError("away")] * 3

    async def find(*args):
        if failures:
            raise failures.pop()
        return await real(*args)

    monkeypatch.setattr(leases, "find", find)
    holding = asyncio.create_task(first.hold())
    before = leases.version
    for _ in range(1000):
        if leases.version > before:
            break
        await asyncio.sleep(0.001)
    assert leases.version > before
    assert not holding.done()
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)


async def test_who_cannot_renew_stops_before_another_may_start():
    leases = Leases()
    first = elector(leases, "a")
    await first.acquire()
    leases.away = True
    with pytest.raises(LeaseLostError, match="could not be renewed"):
        await asyncio.wait_for(first.hold(), first.duration)
