"""The resource's own HTTPRoute: copies, testers, a preview hostname, and leaving it for another provider."""

import pytest
from tests.operator.traffic_stage import CANARY, NAME, STABLE, Stage

from ekiben.cluster import kinds
from ekiben.operator.writes import BlockedError

BLUE_GREEN = {"strategy": "blueGreen", "blueGreen": {"hostname": "preview.example.com"}}


async def test_weights_are_asked_for_and_read_back():
    stage = Stage()
    stage.revision(STABLE)
    assert (await stage.seen()).route is None
    await stage.set_weights((STABLE, 80), (CANARY, 20))
    route = (await stage.seen()).route
    assert (route.weights, route.acknowledged) == ({STABLE: 80, CANARY: 20}, False)
    stage.accept()
    assert (await stage.seen()).route.acknowledged
    assert await stage.set_weights((STABLE, 80), (CANARY, 20)) == []


async def test_copies_begin_and_end():
    stage = Stage()
    await stage.set_weights((STABLE, 100), (CANARY, 0), mirror=(CANARY, 20))
    assert (await stage.seen()).route.mirror == CANARY
    await stage.set_weights((STABLE, 100), (CANARY, 0))
    assert (await stage.seen()).route.mirror is None


async def test_testers_are_those_of_the_policy_that_the_rollout_began_with():
    stage = Stage()
    stage.begin(testers={"header": "X-Tester", "value": "yes"})
    stage.apply(rollout={"testers": {"header": "X-Later", "value": "yes"}})
    await stage.set_weights((STABLE, 100), (CANARY, 0), preview=CANARY)
    rules = stage.get(kinds.HTTP_ROUTE, NAME)["spec"]["rules"]
    assert [match["headers"][0]["name"] for match in rules[2]["matches"]] == ["X-Tester"]
    seen = (await stage.seen()).route
    assert (seen.preview, seen.weights) == (CANARY, {STABLE: 100, CANARY: 0})
    await stage.set_weights((STABLE, 100), (CANARY, 0))
    assert (await stage.seen()).route.preview is None


async def test_a_preview_hostname_comes_and_goes_with_the_preview():
    stage = Stage(rollout=BLUE_GREEN)
    await stage.set_weights((STABLE, 100), (CANARY, 0), preview=CANARY)
    preview = stage.get(kinds.HTTP_ROUTE, "iris-preview")
    assert preview["spec"]["hostnames"] == ["preview.example.com"]
    assert stage.backends("iris-preview") == {f"iris-{CANARY}": 100}
    assert preview["metadata"]["ownerReferences"][0]["name"] == NAME
    seen = await stage.seen()
    assert (seen.route.preview, seen.route.weights) == (CANARY, {STABLE: 100, CANARY: 0})
    assert await stage.set_weights((STABLE, 100), (CANARY, 0), preview=CANARY) == []
    assert await stage.set_weights((STABLE, 0), (CANARY, 100)) == ["apply HTTPRoute", "delete HTTPRoute"]
    assert stage.get(kinds.HTTP_ROUTE, "iris-preview") is None


async def test_only_the_main_route_acknowledges():
    stage = Stage(rollout=BLUE_GREEN)
    await stage.set_weights((STABLE, 100), (CANARY, 0))
    stage.accept()
    await stage.set_weights((STABLE, 100), (CANARY, 0), preview=CANARY)
    assert (await stage.seen()).route.acknowledged


async def test_without_a_hostname_there_is_no_preview_route():
    stage = Stage(rollout={"testers": {"header": "X-Tester", "value": "yes"}})
    await stage.set_weights((STABLE, 100), (CANARY, 0), preview=CANARY)
    assert stage.get(kinds.HTTP_ROUTE, "iris-preview") is None


async def test_a_preview_hostname_that_may_not_be_claimed_is_not_routed():
    stage = Stage()
    foreign = {"strategy": "blueGreen", "blueGreen": {"hostname": "iris.prod.ekiben.localhost"}}
    stage.begin(**foreign)
    await stage.set_weights((STABLE, 100), (CANARY, 0), preview=CANARY)
    assert stage.get(kinds.HTTP_ROUTE, "iris-preview") is None


async def test_a_preview_route_of_somebody_elses_is_not_taken_over():
    stage = Stage(rollout=BLUE_GREEN)
    stage.users_route(name="iris-preview")
    with pytest.raises(BlockedError, match="iris-preview exists in shop and does not belong"):
        await stage.set_weights((STABLE, 100), (CANARY, 0), preview=CANARY)


async def test_without_gateway_api_nothing_is_routed_and_it_is_told():
    stage = Stage()
    stage.server.missing |= {"httproutes", "gateways", "gatewayclasses"}
    seen = await stage.seen()
    assert seen.route is None
    assert "Gateway API is not installed" in seen.gateway_problem


async def test_without_gateway_api_the_number_of_pods_can_split_requests():
    stage = Stage(traffic={"provider": "replicaRatio"})
    stage.server.missing |= {"httproutes", "gateways", "gatewayclasses"}
    stage.revision(STABLE)
    await stage.set_weights((STABLE, 100))
    stage.follow()
    seen = await stage.seen()
    assert (seen.gateway_problem, seen.url, seen.route.acknowledged) == ("", "http://iris.shop", True)


async def test_the_own_route_stays_until_the_service_has_taken_over():
    stage = Stage(traffic={"hostnames": ["iris.example.com"]})
    stage.revision(STABLE)
    stage.revision(CANARY)
    await stage.set_weights((STABLE, 80), (CANARY, 20))
    stage.accept()
    stage.apply(traffic={"provider": "replicaRatio"})
    await stage.set_weights((STABLE, 50), (CANARY, 50))
    route = stage.get(kinds.HTTP_ROUTE, NAME)
    assert stage.backends(NAME) == stage.backends(NAME, 0) == {f"iris-{STABLE}": 50, f"iris-{CANARY}": 50}
    assert route["spec"]["hostnames"] == ["iris.example.com"]
    stage.follow()
    assert await stage.set_weights((STABLE, 50), (CANARY, 50)) == ["delete HTTPRoute"]
    assert stage.get(kinds.HTTP_ROUTE, NAME) is None
    assert await stage.set_weights((STABLE, 50), (CANARY, 50)) == []


async def test_the_own_route_stays_until_the_users_has_taken_over():
    stage = Stage()
    stage.revision(STABLE)
    await stage.set_weights((STABLE, 100))
    stage.follow()
    stage.apply(traffic={"httpRoute": "mine"})
    await stage.set_weights((STABLE, 100))
    assert stage.get(kinds.HTTP_ROUTE, NAME) is not None
    stage.users_route()
    assert await stage.set_weights((STABLE, 100)) == ["delete HTTPRoute"]


async def test_back_from_the_service_to_a_route():
    stage = Stage(traffic={"provider": "replicaRatio"})
    stage.revision(STABLE)
    stage.revision(CANARY)
    await stage.set_weights((STABLE, 50), (CANARY, 50))
    stage.apply()
    await stage.set_weights((STABLE, 50), (CANARY, 50))
    assert (await stage.seen()).service == STABLE
    assert stage.backends(NAME) == {f"iris-{STABLE}": 50, f"iris-{CANARY}": 50}
    assert await stage.set_weights((STABLE, 50), (CANARY, 50)) == []
