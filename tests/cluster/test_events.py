"""Events are news, not state: one that is told again becomes a series, one that cannot be written holds up nothing."""

import logging

import pytest
from tests.sim.apiserver import ApiServer
from tests.sim.client import SimCluster

from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError
from ekiben.cluster.events import tell

ABOUT = {
    "apiVersion": "ekiben.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"namespace": "shop", "name": "iris", "uid": "u1"},
}


@pytest.fixture
def server():
    server = ApiServer(lambda: "2027-01-15T08:00:00Z")
    server.put(kinds.NAMESPACE, {"metadata": {"name": "shop"}})
    return server


async def test_the_same_once_more_is_a_series_and_another_an_event_of_its_own(server):
    cluster = SimCluster(lambda _method: server)
    for note in ("step 1", "step 1", "step 1", "step 2"):
        await tell(cluster, ABOUT, "Normal", "WeightRaised", note)
    events = {event["note"]: event for event in server.all(kinds.EVENT)}
    assert set(events) == {"step 1", "step 2"}
    assert events["step 1"]["series"]["count"] == 3
    assert "series" not in events["step 2"]
    regarding = events["step 1"]["regarding"]
    assert (regarding["kind"], regarding["name"], regarding["uid"]) == ("ModelDeployment", "iris", "u1")


async def test_a_note_is_no_longer_than_the_api_takes(server):
    await tell(SimCluster(lambda _method: server), ABOUT, "Warning", "RollingBack", "x" * 5000)
    (event,) = server.all(kinds.EVENT)
    assert len(event["note"]) < 1024


async def test_one_that_is_refused_is_logged_and_forgotten(server, monkeypatch, caplog):
    cluster = SimCluster(lambda _method: server)

    async def refuse(*_):
        raise ForbiddenError("may not create events", 403)

    monkeypatch.setattr(cluster, "create", refuse)
    with caplog.at_level(logging.WARNING):
        await tell(cluster, ABOUT, "Normal", "Promoted", "all requests")
    assert "may not create events" in caplog.text
