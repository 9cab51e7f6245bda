"""The one entry in a user's HTTPRoute that is ekiben's, and everything else that is not."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sim.patches import json_patch

from ekiben.objects import users_route

NAME, SPACE = "iris", "shop"
STABLE, CANARY = "bcdfghjk", "mnpqrstv"
ENTRY = {"group": "", "kind": "Service", "name": NAME, "port": 80, "weight": 1}


def rule(*backends, **fields):
    return {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": list(backends), **fields}


def route(*rules, **meta):
    return {
        "metadata": {"name": "mine", "namespace": SPACE, "resourceVersion": "7", **meta},
        "spec": {"parentRefs": [{"name": "gw"}], "rules": list(rules)},
    }


def change(before, weights, mirror=None):
    view = users_route.read(before, NAME, SPACE)
    return json_patch(copy.deepcopy(before), users_route.patch(before, view, NAME, weights, mirror))


def backends(changed, index=0):
    return [(one["name"], one["weight"]) for one in changed["spec"]["rules"][index]["backendRefs"]]


def test_the_entry_becomes_the_revisions_and_the_service_again():
    before = route(rule(ENTRY, timeouts={"request": "5s"}), rule({"name": "other", "port": 80}))
    split = change(before, ((STABLE, 80), (CANARY, 20)))
    assert backends(split) == [(f"iris-{STABLE}", 80), (f"iris-{CANARY}", 20)]
    assert all(one["port"] == 80 for one in split["spec"]["rules"][0]["backendRefs"])
    assert split["spec"]["rules"][1] == before["spec"]["rules"][1]
    view = users_route.read(split, NAME, SPACE)
    assert view.weights("anything") == {STABLE: 80, CANARY: 20}
    assert not view.at_rest
    assert change(split, ()) == before


def test_sessions_that_stick_are_seen_in_our_own_rules_alone():
    sticks = {"sessionPersistence": {"sessionName": "s", "type": "Cookie"}}
    other = {"name": "other", "port": 80}
    assert users_route.sticky(route(rule(other), rule(ENTRY, **sticks)), NAME, SPACE)
    assert not users_route.sticky(route(rule(other, **sticks), rule(ENTRY)), NAME, SPACE)
    assert users_route.sticky(change(route(rule(ENTRY, **sticks)), ((STABLE, 80), (CANARY, 20))), NAME, SPACE)
    assert not users_route.sticky({}, NAME, SPACE)


def test_at_rest_the_service_says_who_gets_everything():
    view = users_route.read(route(rule(ENTRY)), NAME, SPACE)
    assert (view.at_rest, view.problem, view.unsplittable) == (True, "", "")
    assert view.weights(STABLE) == {STABLE: 100}
    assert view.weights(None) == {}


def test_what_is_so_already_is_not_patched():
    before = route(rule(ENTRY))
    assert users_route.patch(before, users_route.read(before, NAME, SPACE), NAME, ()) == []
    weights = ((STABLE, 80), (CANARY, 20))
    split = change(before, weights, (CANARY, 30))
    assert users_route.patch(split, users_route.read(split, NAME, SPACE), NAME, weights, (CANARY, 30)) == []


def test_a_patch_fits_only_what_was_read():
    before = route(rule(ENTRY))
    operations = users_route.patch(before, users_route.read(before, NAME, SPACE), NAME, ((STABLE, 100),))
    assert operations[:2] == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "test", "path": "/spec/rules/0/backendRefs/0/name", "value": NAME},
    ]


def test_every_rule_with_the_service_is_changed():
    before = route(rule(ENTRY), rule({"name": "other"}), rule({"name": NAME, "port": 80}))
    split = change(before, ((STABLE, 50), (CANARY, 50)))
    assert backends(split, 0) == backends(split, 2) == [(f"iris-{STABLE}", 50), (f"iris-{CANARY}", 50)]
    assert users_route.read(split, NAME, SPACE).alike
    back = change(split, ())
    assert backends(back, 2) == [(NAME, 1)]


def test_rules_that_differ_are_told_apart():
    before = route(rule(ENTRY), rule(ENTRY))
    split = change(before, ((STABLE, 80), (CANARY, 20)))
    split["spec"]["rules"][0] = rule(ENTRY)  # somebody put one of them back
    view = users_route.read(split, NAME, SPACE)
    assert not view.alike
    assert not view.at_rest
    assert view.weights(STABLE) == {STABLE: 100, CANARY: 20}


def test_copies_are_a_filter_among_the_users_own():
    theirs = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}}
    header = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}
    before = route(rule(ENTRY, filters=[theirs, header]), rule(ENTRY))
    copied = change(before, ((STABLE, 100), (CANARY, 0)), (CANARY, 100))
    assert copied["spec"]["rules"][0]["filters"][:2] == [theirs, header]
    assert copied["spec"]["rules"][0]["filters"][2]["requestMirror"]["backendRef"]["name"] == f"iris-{CANARY}"
    assert users_route.read(copied, NAME, SPACE).rules[0].mirror == CANARY
    less = change(copied, ((STABLE, 100), (CANARY, 0)), (CANARY, 10))
    assert [len(one["filters"]) for one in less["spec"]["rules"]] == [3, 1]
    assert less["spec"]["rules"][1]["filters"][0]["requestMirror"]["percent"] == 10
    assert change(less, ()) == before


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (
            [ENTRY, {"name": "other", "port": 80}],
            "rule 1 of HTTPRoute mine has other backends (other) beside Service iris",
        ),
        ([ENTRY, {**ENTRY, "namespace": "ads"}], "has other backends (iris) beside Service iris"),
        ([ENTRY, {**ENTRY, "weight": 2}], "has Service iris more than once"),
        ([{**ENTRY, "weight": 10_001}], "write at most 10000"),
    ],
)
def test_an_entry_that_cannot_be_split_is_left_alone(entries, told):
    before = route(rule(*entries))
    view = users_route.read(before, NAME, SPACE)
    assert view.problem == ""
    assert told in view.unsplittable
    assert users_route.patch(before, view, NAME, ((STABLE, 80), (CANARY, 20))) == []


def test_a_split_to_which_somebody_added_a_backend_is_left_alone_and_counts():
    split = change(route(rule(ENTRY)), ((STABLE, 80), (CANARY, 20)))
    split["spec"]["rules"][0]["backendRefs"].append({"name": "other", "weight": 5})
    view = users_route.read(split, NAME, SPACE)
    assert "other backends (other)" in view.unsplittable
    assert view.weights(STABLE) == {STABLE: 80, CANARY: 20}
    assert users_route.patch(split, view, NAME, ()) == []


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "other", "port": 80},
        {**ENTRY, "namespace": "ads"},
        {**ENTRY, "kind": "Backend", "group": "example.com"},
        {**ENTRY, "weight": 0},
        {**ENTRY, "name": f"iris-{CANARY}"},  # the user's own rule for testers
        {**ENTRY, "name": "iris-frontend", "weight": 100},  # eight letters, but no revision
    ],
)
def test_a_route_without_the_service_is_told(entry):
    view = users_route.read(route(rule(entry)), NAME, SPACE)
    assert (
        view.problem == "no rule of HTTPRoute mine has Service iris as its backend: give one of its rules this backend"
    )
    assert view.rules == ()


def test_a_rule_by_which_testers_reach_a_revision_is_the_users():
    tested = rule({**ENTRY, "name": f"iris-{CANARY}"})
    split = change(route(tested, rule(ENTRY)), ((STABLE, 80), (CANARY, 20)))
    assert split["spec"]["rules"][0] == tested


def test_a_route_that_ekiben_made_is_refused():
    owners = [{"apiVersion": "ekiben.dev/v1alpha1", "kind": "ModelDeployment", "name": "other"}]
    view = users_route.read(route(rule(ENTRY), ownerReferences=owners), NAME, SPACE)
    assert "was made by ekiben" in view.problem


def test_a_rule_is_named_as_the_user_named_it():
    view = users_route.read(route(rule(ENTRY, {"name": "other"}, name="predict")), NAME, SPACE)
    assert view.unsplittable.startswith("rule predict of HTTPRoute mine")


others = st.lists(
    st.builds(
        rule,
        st.fixed_dictionaries({"name": st.sampled_from(["other", "iris-x", "audit"])}, optional={"weight": st.just(3)}),
    ),
    max_size=2,
)
entries = st.fixed_dictionaries(
    {"name": st.just(NAME), "port": st.just(80), "weight": st.integers(1, 10_000)},
    optional={"filters": st.just([{"type": "RequestHeaderModifier"}]), "namespace": st.just(SPACE)},
)
steps = st.lists(
    st.tuples(st.integers(0, 100), st.none() | st.tuples(st.just(CANARY), st.integers(1, 100))), max_size=6
)


@given(before=others, entry=entries, after=others, steps=steps)
def test_whatever_a_rollout_did_the_route_is_left_as_it_was_found(before, entry, after, steps):
    own = rule(entry)
    found = route(*before, own, *after)
    live = copy.deepcopy(found)
    for weight, mirror in steps:
        live = change(live, ((STABLE, 100 - weight), (CANARY, weight)), mirror)
        view = users_route.read(live, NAME, SPACE)
        assert view.weights(None) == {STABLE: 100 - weight, CANARY: weight}
        assert view.rules[0].mirror == (mirror[0] if mirror else None)
    assert change(live, ()) == found
