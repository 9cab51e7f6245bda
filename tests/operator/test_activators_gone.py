"""Activators that are gone wake models; an API server that is away does not."""

import asyncio

import pytest
from tests.operator.test_activators import KEY, OWN, ensure, ready, stage

from ekiben.cluster import kinds
from ekiben.cluster.errors import UnavailableError

__all__ = ["stage"]


@pytest.fixture
async def clock(monkeypatch):
    """The event loop's clock, as the test moves it on."""
    loop, moved = asyncio.get_running_loop(), [0.0]
    time = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + moved[0])

    def on(seconds):
        moved[0] += seconds

    return on


async def gone(stage):
    return (await stage.read()).activation.gone


async def test_while_the_api_server_is_away_no_activator_is_gone(stage, monkeypatch, clock):
    await ensure(stage, in_path=False)
    ready(stage, "10.1.0.1")
    await stage.activators.look()

    async def away(*_where, **_how):
        raise UnavailableError("No answer from the API server")

    with monkeypatch.context() as cut:
        cut.setattr(stage.cluster, "list", away)
        for _ in range(40):
            clock(1.0)
            with pytest.raises(UnavailableError):
                await stage.activators.look()
    seen = stage.activators._activation(KEY)
    assert (seen.gone, seen.addresses) == (False, ("10.1.0.1",))
    stage.server.remove(kinds.POD, OWN, "a-10.1.0.1")
    await stage.activators.look()
    assert not await gone(stage), "the outage itself does not count"


async def test_activators_are_gone_when_for_15_s_none_was_seen_to_take_requests(stage, clock):
    await ensure(stage, in_path=False)
    ready(stage, "10.1.0.1")
    await stage.activators.look()
    stage.server.remove(kinds.POD, OWN, "a-10.1.0.1")
    told = []
    for _ in range(16):
        clock(1.0)
        await stage.activators.look()
        told.append(await gone(stage))
    assert (told[13], told[15]) == (False, True)
    ready(stage, "10.1.0.1")
    await stage.activators.look()
    assert not await gone(stage)
