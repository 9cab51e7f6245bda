"""Without a Gateway: the Service NAME selects what has weight, and nothing else."""

import pytest
from tests.operator.traffic_stage import CANARY, NAME, SPACE, STABLE, THIRD, Stage

from ekiben.cluster import kinds
from ekiben.objects import service


@pytest.fixture
async def stage():
    stage = Stage(traffic={"provider": "replicaRatio"})
    stage.revision(STABLE, 3)
    await stage.set_weights((STABLE, 100))
    stage.follow()
    return stage


async def test_one_revision_has_everything(stage):
    seen = await stage.seen()
    assert seen.service == STABLE
    assert (seen.route.weights, seen.route.acknowledged, seen.route.actual) == ({STABLE: 100}, True, {})
    assert stage.get(kinds.HTTP_ROUTE, NAME) is None


async def test_two_share_by_their_pods_and_it_counts_once_all_are_listed(stage):
    stage.revision(CANARY, 1)
    assert (await stage.set_weights((STABLE, 95), (CANARY, 5))) == ["apply Service"]
    seen = await stage.seen()
    assert (seen.route.weights, seen.route.acknowledged) == ({STABLE: 95, CANARY: 5}, False)
    stage.follow()
    seen = await stage.seen()
    assert (seen.route.acknowledged, seen.route.actual, seen.service) == (True, {STABLE: 75, CANARY: 25}, None)
    assert await stage.set_weights((STABLE, 95), (CANARY, 5)) == []


async def test_a_new_weight_is_noted_though_the_pods_are_the_same(stage):
    stage.revision(CANARY, 1)
    await stage.set_weights((STABLE, 95), (CANARY, 5))
    stage.follow()
    assert await stage.set_weights((STABLE, 80), (CANARY, 20)) == ["apply Service"]
    assert (await stage.seen()).route.weights == {STABLE: 80, CANARY: 20}


async def test_a_pod_that_is_not_listed_yet_or_still_listed_holds_the_acknowledgement(stage):
    stage.revision(CANARY, 1)
    await stage.set_weights((STABLE, 50), (CANARY, 50))
    stage.follow()
    stage.revision(CANARY, 2)
    assert (await stage.seen()).route.acknowledged  # both lists say the same
    stage.server.remove(kinds.POD, SPACE, f"{CANARY}-1")
    stage.follow(f"iris-{CANARY}")
    assert not (await stage.seen()).route.acknowledged
    stage.follow()
    assert (await stage.seen()).route.acknowledged


async def test_without_weight_the_canary_is_left_out(stage):
    stage.revision(CANARY, 1)
    await stage.set_weights((STABLE, 50), (CANARY, 50))
    stage.follow()
    await stage.set_weights((STABLE, 100), (CANARY, 0))
    assert stage.get(kinds.SERVICE, NAME)["spec"]["selector"] == {
        "ekiben.dev/modeldeployment": NAME,
        "ekiben.dev/revision": STABLE,
    }
    seen = await stage.seen()
    assert (seen.route.weights, seen.route.acknowledged) == ({STABLE: 100, CANARY: 0}, False)
    stage.follow()
    assert (await stage.seen()).route.acknowledged


@pytest.mark.parametrize("how", ["scaled up", "pods"])
async def test_a_third_revision_with_pods_is_never_selected(stage, how):
    """The former one in its bake has the same label as the two that share."""
    stage.revision(THIRD, 0 if how == "scaled up" else 2, replicas=2 if how == "scaled up" else 0)
    stage.revision(CANARY, 1)
    assert await stage.set_weights((STABLE, 50), (CANARY, 50)) == []
    assert (await stage.seen()).service == STABLE
    stage.server.remove(kinds.DEPLOYMENT, SPACE, f"iris-{THIRD}")
    for number in range(2):
        if how == "pods":
            stage.server.mark_deleted(kinds.POD, SPACE, f"{THIRD}-{number}")
    await stage.set_weights((STABLE, 50), (CANARY, 50))
    stage.follow()
    seen = await stage.seen()
    assert (seen.service, seen.route.acknowledged) == (None, True)


async def test_pods_of_a_third_revision_that_appear_later_hold_the_acknowledgement(stage):
    stage.revision(CANARY, 1)
    await stage.set_weights((STABLE, 50), (CANARY, 50))
    stage.revision(THIRD, 1)
    assert not (await stage.seen()).route.acknowledged


async def test_a_selector_that_somebody_changed_is_put_right(stage):
    live = stage.get(kinds.SERVICE, NAME)
    stage.server.put(kinds.SERVICE, {**live, "spec": {**live["spec"], "selector": {"ekiben.dev/revision": CANARY}}})
    assert (await stage.seen()).route.weights == {CANARY: 100}
    assert await stage.set_weights((STABLE, 100)) == ["apply Service"]
    assert service.weights(stage.get(kinds.SERVICE, NAME)) == {STABLE: 100}


async def test_with_no_pod_at_all_the_shares_are_not_known(stage):
    stage.revision(CANARY, 0)
    for number in range(3):
        stage.server.remove(kinds.POD, SPACE, f"{STABLE}-{number}")
    await stage.set_weights((STABLE, 50), (CANARY, 50))
    stage.follow()
    assert (await stage.seen()).route.actual == {}


async def test_a_pod_that_the_api_server_refuses_is_told_of(stage):
    child = stage.get(kinds.DEPLOYMENT, f"{NAME}-{STABLE}")
    refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: team"}
    stage.server.put(kinds.DEPLOYMENT, {**child, "status": {"conditions": [refused]}}, subresource="status")
    assert (await stage.seen()).revisions[STABLE].unmade == "exceeded quota: team"
    made = {"conditions": [{**refused, "status": "False"}]}
    stage.server.put(kinds.DEPLOYMENT, {**child, "status": made}, subresource="status")
    assert (await stage.seen()).revisions[STABLE].unmade == ""
