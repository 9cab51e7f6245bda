"""Replicas that follow the load, down to none and back, on the local cluster: no request is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench.elastic import cases
from bench.verdicts.scene import NAME, SMALL, Scene, image
from tests.e2e.conftest import Namespace

from ekiben.cli.demo import stage
from ekiben.localcluster.progress import Lines
from ekiben.localcluster.settings import ClusterInfo

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def bento(operator: ClusterInfo) -> str:
    """A model whose cost is waiting: two cores hold many pods of it."""
    return image(operator, Lines())


@pytest.fixture
def room(namespace: Namespace) -> Iterator[Namespace]:
    """The namespace, without the resource of the test before."""
    yield namespace
    namespace.kubectl("delete", "mdep", NAME, "--ignore-not-found", "--wait", "--cascade=foreground")


@pytest.fixture
def activator(operator: ClusterInfo) -> Iterator[None]:
    """The chart with its activator, which is not there by default."""
    stage.install_operator(stage.source_root(), operator, Lines(), "activator.enabled=true")
    yield
    stage.install_operator(stage.source_root(), operator, Lines())


def scene(room: Namespace, bento: str, least: int, most: int, **more: str) -> Scene:
    spec = cases.scaling(least, most, cases.CONCURRENCY, **more)
    return Scene(room.cluster, bento, room.name, cases.TOLERANT, spec, SMALL)


async def test_a_tenfold_step_is_followed_and_no_request_is_lost(room: Namespace, bento: str) -> None:
    report = await cases.step(room.cluster, scene(room, bento, 1, 6), room.name, "concurrency", 60)
    print(report.line())
    assert report.asked_after is not None
    assert [one for one in report.answers if one.lost] == []


async def test_a_canary_under_a_doubling_load_loses_no_request(room: Namespace, bento: str) -> None:
    report = await cases.doubling(room.cluster, scene(room, bento, 1, 8), room.name)
    print(report.line())
    assert report.outcome == "Promoted"
    assert [one for one in report.answers if one.lost] == []
    assert max(sum(replicas) for _, replicas in report.asked) <= 8


@pytest.mark.usefixtures("activator")
async def test_it_falls_asleep_and_wakes_and_no_request_is_lost(room: Namespace, bento: str) -> None:
    report = await cases.sleep_and_wake(room.cluster, scene(room, bento, 0, 3, idleWindow="6s"), room.name, cycles=2)
    print(report.line())
    assert report.cycles == 2
    assert [one for one in report.answers if one.lost] == []
