"""Testers where a user's own HTTPRoute leads: a route of ekiben's beside it, which comes and goes with the canary."""

import copy

import pytest
from tests.operator.traffic_stage import CANARY, NAME, SPACE, STABLE, THIRD, Stage

from ekiben.cluster import kinds
from ekiben.operator.writes import BlockedError

ROUTE = "iris-testers"
TESTERS = {"header": "X-Tester", "value": "yes"}
HEADER = {"type": "Exact", "name": "X-Tester", "value": "yes"}
EVERY = [{"path": {"type": "PathPrefix", "value": "/"}}]
FRONT = ((STABLE, 100), (CANARY, 0))


@pytest.fixture
async def stage():
    stage = Stage(traffic={"httpRoute": "mine"}, rollout={"testers": TESTERS})
    stage.users_route()
    stage.revision(STABLE)
    stage.revision(CANARY)
    await stage.set_weights((STABLE, 100))
    stage.follow()
    return stage


def rules(stage):
    return stage.get(kinds.HTTP_ROUTE, ROUTE)["spec"]["rules"]


async def test_they_reach_the_new_revision_before_any_weight_and_not_after(stage):
    assert stage.get(kinds.HTTP_ROUTE, ROUTE) is None
    assert await stage.set_weights(*FRONT, preview=CANARY) == ["patch HTTPRoute", "apply HTTPRoute"]
    made = stage.get(kinds.HTTP_ROUTE, ROUTE)
    assert made["spec"]["hostnames"] == ["iris.example.com"]
    assert made["spec"]["parentRefs"] == stage.get(kinds.HTTP_ROUTE, "mine")["spec"]["parentRefs"]
    assert made["metadata"]["ownerReferences"][0]["name"] == NAME
    assert [match["headers"] for match in rules(stage)[0]["matches"]] == [[HEADER]]
    assert stage.backends(ROUTE) == {f"iris-{CANARY}": 100}
    seen = await stage.seen()
    assert (seen.route.preview, seen.route.weights) == (CANARY, {STABLE: 100, CANARY: 0})
    assert await stage.set_weights(*FRONT, preview=CANARY) == []
    await stage.set_weights((STABLE, 0), (CANARY, 100))
    assert stage.get(kinds.HTTP_ROUTE, ROUTE) is None
    assert (await stage.seen()).route.preview is None


async def test_in_the_users_route_nothing_is_changed_for_them(stage):
    await stage.set_weights(*FRONT)
    without = copy.deepcopy(stage.get(kinds.HTTP_ROUTE, "mine"))
    assert await stage.set_weights(*FRONT, preview=CANARY) == ["apply HTTPRoute"]
    assert stage.get(kinds.HTTP_ROUTE, "mine") == without


async def test_another_revision_takes_the_place_of_the_one_before(stage):
    await stage.set_weights(*FRONT, preview=CANARY)
    await stage.set_weights((STABLE, 100), (THIRD, 0), preview=THIRD)
    assert stage.backends(ROUTE) == {f"iris-{THIRD}": 100}


async def test_whatever_others_do_to_it_it_is_put_right(stage):
    await stage.set_weights(*FRONT, preview=CANARY)
    wanted = copy.deepcopy(stage.get(kinds.HTTP_ROUTE, ROUTE)["spec"])
    stage.server.remove(kinds.HTTP_ROUTE, SPACE, ROUTE)
    assert await stage.set_weights(*FRONT, preview=CANARY) == ["apply HTTPRoute"]
    assert stage.get(kinds.HTTP_ROUTE, ROUTE)["spec"] == wanted
    for change in (
        lambda spec: spec["rules"][0]["backendRefs"][0].update(name=f"iris-{STABLE}"),
        lambda spec: spec["rules"][0]["matches"][0].update(method="POST"),
        lambda spec: spec["rules"].append({"backendRefs": [{"name": "other", "port": 80}]}),
        lambda spec: spec.update(hostnames=["other.example.com"]),
    ):
        changed = copy.deepcopy(stage.get(kinds.HTTP_ROUTE, ROUTE))
        change(changed["spec"])
        stage.server.put(kinds.HTTP_ROUTE, changed, "people")
        assert await stage.set_weights(*FRONT, preview=CANARY) == ["apply HTTPRoute"]
        assert stage.get(kinds.HTTP_ROUTE, ROUTE)["spec"] == wanted
        assert await stage.set_weights(*FRONT, preview=CANARY) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"hostnames": ["other.example.com"]}, EVERY),
        ({"hostnames": None}, EVERY),
        ({"matches": [{"path": {"type": "PathPrefix", "value": "/"}, "method": "POST"}]}, None),
        ({"matches": [{"path": {"type": "Exact", "value": "/predict"}}] * 2}, None),
        ({"parentRefs": [{"name": "ekiben", "namespace": "ekiben-gateway", "sectionName": "http"}]}, EVERY),
    ],
)
async def test_what_the_user_changes_is_followed_and_what_he_changes_back(stage, fields, expected):
    async def follow(fields, expected):
        spec = {key: value for key, value in fields.items() if key != "matches"}
        matches = fields.get("matches", EVERY)
        stage.users_route(rules=[{"matches": matches, "backendRefs": [{"name": NAME, "port": 80}]}], **spec)
        await stage.set_weights(*FRONT, preview=CANARY)
        made, mine = (stage.get(kinds.HTTP_ROUTE, name)["spec"] for name in (ROUTE, "mine"))
        assert (made.get("hostnames"), made["parentRefs"]) == (mine["hostnames"], mine["parentRefs"])
        assert rules(stage)[0]["matches"] == [{**match, "headers": [HEADER]} for match in expected or matches]
        assert await stage.set_weights(*FRONT, preview=CANARY) == []

    await follow({}, EVERY)
    await follow(fields, expected)
    await follow({}, EVERY)


async def test_a_preview_hostname_and_testers_are_both_had(stage):
    hostname = {"strategy": "blueGreen", "blueGreen": {"hostname": "preview.example.com"}, "testers": TESTERS}
    stage.apply(traffic={"httpRoute": "mine"}, rollout=hostname)
    await stage.set_weights(*FRONT, preview=CANARY)
    assert stage.backends("iris-preview") == stage.backends(ROUTE) == {f"iris-{CANARY}": 100}
    assert await stage.set_weights(*FRONT, preview=CANARY) == []
    await stage.set_weights((STABLE, 100))
    assert stage.get(kinds.HTTP_ROUTE, "iris-preview") is stage.get(kinds.HTTP_ROUTE, ROUTE) is None


async def test_copies_are_of_what_is_split_alone(stage):
    await stage.set_weights(*FRONT, mirror=(CANARY, 30), preview=CANARY)
    assert "filters" not in rules(stage)[0]
    assert await stage.set_weights(*FRONT, mirror=(CANARY, 30), preview=CANARY) == []


async def test_they_are_those_of_the_policy_that_the_rollout_began_with(stage):
    stage.begin(testers=TESTERS)
    stage.apply(traffic={"httpRoute": "mine"}, rollout={"testers": {"header": "X-Later", "value": "yes"}})
    await stage.set_weights(*FRONT, preview=CANARY)
    assert rules(stage)[0]["matches"][0]["headers"] == [HEADER]


async def test_without_testers_there_is_no_such_route(stage):
    stage.apply(traffic={"httpRoute": "mine"})
    await stage.set_weights(*FRONT, preview=CANARY)
    assert stage.get(kinds.HTTP_ROUTE, ROUTE) is None


async def test_one_of_somebody_elses_is_not_taken_over(stage):
    stage.users_route(name=ROUTE)
    theirs = copy.deepcopy(stage.get(kinds.HTTP_ROUTE, ROUTE))
    with pytest.raises(BlockedError, match="iris-testers exists in shop and does not belong") as refused:
        await stage.set_weights(*FRONT, preview=CANARY)
    assert refused.value.reason == "NameTaken"
    assert await stage.set_weights((STABLE, 100)) == ["patch HTTPRoute"]
    assert stage.get(kinds.HTTP_ROUTE, ROUTE) == theirs


@pytest.mark.parametrize(
    "leave",
    [
        lambda stage: stage.server.remove(kinds.HTTP_ROUTE, SPACE, "mine"),
        lambda stage: stage.users_route({"name": "other", "port": 80}),
        lambda stage: stage.apply(traffic={}, rollout={"testers": TESTERS}),
        lambda stage: stage.apply(traffic={"provider": "replicaRatio"}, rollout={"testers": TESTERS}),
    ],
)
async def test_it_goes_where_the_users_route_is_the_way_no_more(stage, leave):
    await stage.set_weights(*FRONT, preview=CANARY)
    leave(stage)
    await stage.set_weights(*FRONT, preview=CANARY)
    assert stage.get(kinds.HTTP_ROUTE, ROUTE) is None


async def test_a_header_that_the_users_route_asks_for_itself_is_told(stage):
    assert (await stage.seen()).unsupported == {}
    own = [{"name": "X-Tester", "value": "no"}]
    stage.users_route(rules=[{"matches": [{"headers": own}], "backendRefs": [{"name": NAME, "port": 80}]}])
    told = (await stage.seen()).unsupported
    assert set(told) == {"Testers"}
    assert "rule 1 of HTTPRoute mine matches the header X-Tester itself" in told["Testers"]
    assert await stage.set_weights(*FRONT, preview=CANARY) == ["patch HTTPRoute"]
    assert stage.get(kinds.HTTP_ROUTE, ROUTE) is None


async def test_when_the_resource_is_gone_so_is_the_route(stage):
    await stage.set_weights(*FRONT, preview=CANARY)
    stage.server.remove(kinds.MODEL_DEPLOYMENT, SPACE, NAME)
    await stage.traffic.forget(SPACE, NAME)
    assert (kinds.HTTP_ROUTE, SPACE, ROUTE) in stage.server.orphans()
    assert (kinds.HTTP_ROUTE, SPACE, "mine") not in stage.server.orphans()
