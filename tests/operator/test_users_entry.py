"""An entry in the user's own HTTPRoute: changed for a rollout, put back after it, and no request lost at either."""

import copy

import pytest
from tests.operator.traffic_stage import CANARY, NAME, SPACE, STABLE, Stage

from ekiben.cluster import kinds
from ekiben.cluster.errors import ConflictError
from ekiben.objects import service
from ekiben.operator.traffic import users
from ekiben.rollout.plan import SetWeights


@pytest.fixture
async def stage():
    stage = Stage(traffic={"httpRoute": "mine"})
    stage.users_route()
    stage.revision(STABLE)
    await stage.set_weights((STABLE, 100))
    stage.follow()
    return stage


async def test_at_rest_the_route_is_as_the_user_wrote_it(stage):
    before = copy.deepcopy(stage.get(kinds.HTTP_ROUTE, "mine"))
    seen = await stage.seen()
    assert (seen.route.weights, seen.route.acknowledged) == ({STABLE: 100}, True)
    assert (seen.gateway_problem, seen.url) == ("", "http://iris.example.com/")
    assert await stage.set_weights((STABLE, 100)) == []
    assert stage.get(kinds.HTTP_ROUTE, "mine") == before
    assert stage.get(kinds.HTTP_ROUTE, NAME) is None


async def test_a_rollout_puts_the_revisions_in_its_place(stage):
    stage.revision(CANARY)
    await stage.set_weights((STABLE, 80), (CANARY, 20))
    assert stage.backends("mine") == {f"iris-{STABLE}": 80, f"iris-{CANARY}": 20}
    seen = await stage.seen()
    assert (seen.route.weights, seen.route.acknowledged) == ({STABLE: 80, CANARY: 20}, False)
    stage.accept()
    assert (await stage.seen()).route.acknowledged
    assert await stage.set_weights((STABLE, 80), (CANARY, 20)) == []


async def test_the_service_comes_back_once_it_leads_to_the_new_revisions_pods(stage):
    stage.revision(CANARY)
    before = stage.get(kinds.HTTP_ROUTE, "mine")["spec"]
    await stage.set_weights((STABLE, 0), (CANARY, 100))
    stage.accept()
    assert await stage.set_weights((CANARY, 100)) == ["apply Service"]  # it still led to the former one
    assert stage.backends("mine") == {f"iris-{STABLE}": 0, f"iris-{CANARY}": 100}
    assert await stage.set_weights((CANARY, 100)) == []  # the EndpointSlices still list the former one's pods
    stage.follow()
    assert await stage.set_weights((CANARY, 100)) == ["patch HTTPRoute"]
    assert stage.get(kinds.HTTP_ROUTE, "mine")["spec"] == before


async def test_after_a_rollback_the_service_comes_back_at_once(stage):
    stage.revision(CANARY)
    await stage.set_weights((STABLE, 80), (CANARY, 20))
    await stage.set_weights((STABLE, 100), (CANARY, 0))
    assert stage.backends("mine") == {f"iris-{STABLE}": 100, f"iris-{CANARY}": 0}
    assert await stage.set_weights((STABLE, 100)) == ["patch HTTPRoute"]
    assert stage.backends("mine") == {NAME: 1}


async def test_while_two_are_named_the_service_does_not_come_back(stage):
    """It is what the state machine turns back where an acknowledgement is late."""
    stage.revision(CANARY)
    await stage.set_weights((STABLE, 0), (CANARY, 100), select=CANARY)
    stage.follow()
    assert await stage.set_weights((STABLE, 0), (CANARY, 100), select=CANARY) == []
    assert stage.backends("mine") == {f"iris-{STABLE}": 0, f"iris-{CANARY}": 100}


async def test_copies_are_asked_for_in_the_users_route(stage):
    await stage.set_weights((STABLE, 100), (CANARY, 0), mirror=(CANARY, 30))
    seen = await stage.seen()
    assert (seen.route.mirror, seen.route.weights) == (CANARY, {STABLE: 100, CANARY: 0})
    await stage.set_weights((STABLE, 100))
    assert (await stage.seen()).route.mirror is None


async def test_what_somebody_changed_in_between_is_met_by_a_conflict(stage):
    world = await stage.read()
    stage.users_route({"name": NAME, "port": 80, "weight": 3})
    with pytest.raises(ConflictError):
        await stage.traffic.set_weights(world, stage_weights())
    assert stage.backends("mine") == {NAME: 3}


def stage_weights():
    from ekiben.rollout.plan import SetWeights

    return SetWeights(((STABLE, 80), (CANARY, 20)))


async def test_a_rule_with_other_backends_is_refused_and_nothing_written(stage):
    stage.users_route({"name": NAME, "port": 80}, {"name": "other", "port": 80})
    seen = await stage.seen()
    assert set(seen.unsupported) == {"Weights", "RequestMirror", "PercentageMirror"}
    assert "give iris a rule of its own" in seen.unsupported["Weights"]
    assert seen.route.acknowledged  # at rest it serves as the user wants it
    assert await stage.set_weights((STABLE, 100)) == []
    split = SetWeights(((STABLE, 80), (CANARY, 20)))
    world = await stage.read()
    assert "give iris a rule of its own" in users.blocked(world, split)
    assert users.blocked(world, SetWeights(((STABLE, 100),))) == ""
    assert await stage.set_weights(*split.weights) == []
    assert stage.backends("mine") == {NAME: 1, "other": 1}


async def test_a_rule_that_cannot_be_changed_keeps_no_other_from_it_and_gives_up_the_canary(stage):
    stage.revision(CANARY)
    port = {"port": 80}
    stage.users_route(
        rules=[
            {"backendRefs": [{"name": f"iris-{STABLE}", "weight": 50, **port}, {"name": "web", "weight": 5, **port},
                             {"name": f"iris-{CANARY}", "weight": 50, **port}]},
            {"backendRefs": [{"name": f"iris-{STABLE}", "weight": 50, **port},
                             {"name": f"iris-{CANARY}", "weight": 50, **port}]},
        ]
    )  # fmt: skip
    more = SetWeights(((STABLE, 20), (CANARY, 80)))
    assert "(web)" in users.blocked(await stage.read(), more)
    await stage.set_weights(*more.weights)
    assert stage.backends("mine", 0) == {f"iris-{STABLE}": 50, "web": 5, f"iris-{CANARY}": 50}
    assert stage.backends("mine", 1) == {f"iris-{STABLE}": 20, f"iris-{CANARY}": 80}
    assert not (await stage.seen()).route.acknowledged
    await stage.set_weights((STABLE, 100), (CANARY, 0))
    assert stage.backends("mine", 0) == {f"iris-{STABLE}": 100, "web": 5, f"iris-{CANARY}": 0}
    assert stage.backends("mine", 1) == {f"iris-{STABLE}": 100, f"iris-{CANARY}": 0}
    stage.accept()
    assert (await stage.seen()).route.acknowledged
    # While one cannot be put at rest the other is not either: all rules say the same, and the model is routed.
    await stage.set_weights((STABLE, 100))
    assert stage.backends("mine", 1) == {f"iris-{STABLE}": 100}
    stage.accept()
    assert (await stage.seen()).route.acknowledged
    assert "(web)" in users.blocked(await stage.read(), SetWeights(((STABLE, 100),)))


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (lambda stage: stage.server.remove(kinds.HTTP_ROUTE, SPACE, "mine"), "there is no HTTPRoute mine"),
        (lambda stage: stage.users_route({"name": "other", "port": 80}), "no rule of HTTPRoute mine has Service iris"),
        (
            lambda stage: stage.users_route({"name": NAME, "namespace": "ads", "port": 80}),
            "no rule of HTTPRoute mine has Service iris",
        ),
        (
            lambda stage: stage.users_route(parentRefs=[{"name": "missing"}]),
            "there is no Gateway missing in namespace shop",
        ),
    ],
)
async def test_a_route_that_cannot_be_used_is_told(stage, prepare, told):
    prepare(stage)
    seen = await stage.seen()
    assert told in seen.gateway_problem
    if "HTTPRoute" in told:
        assert seen.route is None
        assert await stage.set_weights((STABLE, 80), (CANARY, 20)) == []


async def test_a_preview_hostname_is_attached_where_the_users_route_is(stage):
    hostname = {"strategy": "blueGreen", "blueGreen": {"hostname": "preview.example.com"}}
    stage.apply(traffic={"httpRoute": "mine"}, rollout=hostname)
    await stage.set_weights((STABLE, 100), (CANARY, 0), preview=CANARY)
    preview = stage.get(kinds.HTTP_ROUTE, "iris-preview")
    assert [(ref["namespace"], ref["name"]) for ref in preview["spec"]["parentRefs"]] == [("ekiben-gateway", "ekiben")]
    await stage.set_weights((STABLE, 0), (CANARY, 100))
    assert stage.get(kinds.HTTP_ROUTE, "iris-preview") is None


@pytest.mark.parametrize("traffic", [{}, {"provider": "replicaRatio"}, {"httpRoute": "other"}])
async def test_a_route_that_is_not_named_any_more_is_left_as_it_was_found(stage, traffic):
    stage.revision(CANARY)
    before = copy.deepcopy(stage.get(kinds.HTTP_ROUTE, "mine")["spec"])
    await stage.set_weights((STABLE, 80), (CANARY, 20))
    stage.users_route(name="other")
    stage.apply(traffic=traffic)
    await stage.set_weights((STABLE, 80), (CANARY, 20))
    stage.follow()
    await stage.set_weights((STABLE, 80), (CANARY, 20))
    assert stage.get(kinds.HTTP_ROUTE, "mine")["spec"] == before
    stage.follow()
    for _ in range(2):
        await stage.set_weights((STABLE, 80), (CANARY, 20))
    noted = service.route_of(stage.get(kinds.SERVICE, NAME))
    assert noted == ("other" if "httpRoute" in traffic else None)
    assert await stage.set_weights((STABLE, 80), (CANARY, 20)) == []


async def test_it_is_not_left_for_a_service_that_leads_elsewhere(stage):
    stage.revision(CANARY)
    await stage.set_weights((STABLE, 0), (CANARY, 100), select=CANARY)
    stage.apply()
    await stage.set_weights((STABLE, 0), (CANARY, 100), select=CANARY)
    assert stage.backends("mine") == {f"iris-{STABLE}": 0, f"iris-{CANARY}": 100}
    assert service.route_of(stage.get(kinds.SERVICE, NAME)) == "mine"
    stage.follow()
    await stage.set_weights((STABLE, 0), (CANARY, 100), select=CANARY)
    assert stage.backends("mine") == {NAME: 1}


async def test_when_the_resource_is_gone_the_route_is_as_it_was_found(stage):
    before = copy.deepcopy(stage.get(kinds.HTTP_ROUTE, "mine")["spec"])
    await stage.set_weights((STABLE, 80), (CANARY, 20), mirror=(CANARY, 10))
    stage.server.remove(kinds.SERVICE, SPACE, NAME)
    stage.server.remove(kinds.MODEL_DEPLOYMENT, SPACE, NAME)
    await stage.traffic.forget(SPACE, NAME)
    assert stage.get(kinds.HTTP_ROUTE, "mine")["spec"] == before
    before_writes = list(stage.writes)
    await stage.traffic.forget(SPACE, NAME)
    assert stage.writes == before_writes


async def test_a_route_that_went_first_is_not_missed(stage):
    stage.server.remove(kinds.HTTP_ROUTE, SPACE, "mine")
    await stage.traffic.forget(SPACE, NAME)
