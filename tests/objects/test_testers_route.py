"""The route for testers beside a user's own: his rules as they are, with one header more in each match."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.test_users_route import CANARY, ENTRY, NAME, SPACE, STABLE, change, route, rule

from ekiben.api import rollout
from ekiben.api.modeldeployment import ModelDeployment
from ekiben.objects import httproute, testers_route, users_route

WHO = rollout.Testers(header="X-Tester", value="yes")
HEADER = {"type": "Exact", "name": "X-Tester", "value": "yes"}
OTHERS = {"type": "Exact", "name": "X-Country", "value": "nl"}
RESOURCE = ModelDeployment.parse(
    {"metadata": {"name": NAME, "namespace": SPACE, "uid": "u"}, "spec": {"model": {"image": "x:1"}}}
)


def beside(users, testers=WHO):
    return testers_route.render(RESOURCE, users, users_route.read(users, NAME, SPACE), testers, CANARY)


def problems(users):
    return testers_route.problems(users, users_route.read(users, NAME, SPACE), WHO)


def test_the_users_rule_leads_those_with_the_header_to_the_revision():
    modifier = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}
    users = route(
        rule({"name": "web", "port": 80}),
        rule({**ENTRY, "port": 8080, "weight": 7}, filters=[modifier], timeouts={"request": "5s"}, name="predict"),
    )
    users["spec"]["hostnames"] = ["iris.example.com"]
    made = beside(users)
    assert made["metadata"]["name"] == "iris-testers"
    assert made["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert made["spec"] == {
        "parentRefs": [{"name": "gw"}],
        "hostnames": ["iris.example.com"],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}, "headers": [HEADER]}],
                "filters": [modifier],
                "backendRefs": [
                    {"group": "", "kind": "Service", "name": f"iris-{CANARY}", "port": 8080, "weight": 100}
                ],
                "timeouts": {"request": "5s"},
            }
        ],
    }
    assert httproute.leads_to(NAME, made) == CANARY
    assert users_route.read(made, NAME, SPACE).problem  # no user can name it in spec.traffic.httpRoute


def test_a_rule_without_matches_is_one_for_every_path():
    users = route({"backendRefs": [ENTRY]})
    assert beside(users)["spec"]["rules"][0]["matches"] == [
        {"path": {"type": "PathPrefix", "value": "/"}, "headers": [HEADER]}
    ]


def test_without_hostnames_it_has_those_of_the_listeners_too():
    assert "hostnames" not in beside(route(rule(ENTRY)))["spec"]


def test_it_is_the_same_while_the_revisions_stand_in_the_users_route_and_copies_are_made():
    users = route(rule(ENTRY), rule({"name": NAME, "port": 80}))
    split = change(users, ((STABLE, 80), (CANARY, 20)), (CANARY, 30))
    assert beside(split) == beside(users)
    assert len(beside(users)["spec"]["rules"]) == 2


def test_what_a_match_asks_for_already_comes_first():
    users = route(rule(ENTRY, matches=[{"headers": [OTHERS], "method": "POST"}, {"method": "GET"}]))
    assert beside(users)["spec"]["rules"][0]["matches"] == [
        {"headers": [OTHERS, HEADER], "method": "POST"},
        {"method": "GET", "headers": [HEADER]},
    ]


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ([{"name": "x-tester", "value": "no"}], "rule 1 of HTTPRoute mine matches the header X-Tester itself"),
        ([{"name": "X-Tester", "value": "yes"}], "choose another header in spec.rollout.testers"),
        ([{"name": f"X-{number}", "value": "a"} for number in range(16)], "matches 16 headers already"),
    ],
)
def test_a_match_that_takes_no_further_header_stays_the_users_and_is_told(headers, told):
    users = route(rule(ENTRY, matches=[{"headers": headers}, {"method": "GET"}]))
    assert [one["method"] for one in beside(users)["spec"]["rules"][0]["matches"]] == ["GET"]
    [text] = problems(users)
    assert told in text
    assert beside(route(rule(ENTRY, matches=[{"headers": headers}]))) is None


def test_where_nothing_can_be_told_apart_there_is_no_route():
    detached = route(rule(ENTRY))
    del detached["spec"]["parentRefs"]
    shared = route(rule(ENTRY, {"name": "other", "port": 80}))  # told as what cannot be split
    for users in (detached, shared, route(rule({"name": "other", "port": 80}))):
        assert beside(users) is None
        assert problems(users) == []


headers = st.lists(
    st.builds(lambda name: {"type": "Exact", "name": name, "value": "a"}, st.sampled_from(["X-Tester", "A", "b"])),
    max_size=2,
    unique_by=lambda one: one["name"],
)
matches = st.fixed_dictionaries(
    {"path": st.builds(lambda path: {"type": "Exact", "value": path}, st.sampled_from(["/", "/predict"]))},
    optional={"headers": headers, "method": st.just("POST"), "queryParams": st.just([{"name": "v", "value": "1"}])},
)
filters = st.sampled_from(
    [
        {"type": "URLRewrite", "urlRewrite": {"hostname": "example.com"}},
        {"type": "ExtensionRef", "extensionRef": {"group": "g", "kind": "K", "name": "auth"}},
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}},
        httproute.mirror_filter(NAME, CANARY, 30),
    ]
)
rules = st.builds(
    lambda entry, found, kept, fields: {"backendRefs": [entry], "matches": found, "filters": kept, **fields},
    st.sampled_from([ENTRY, {"name": "other", "port": 80}, {**ENTRY, "filters": [{"type": "RequestHeaderModifier"}]}]),
    st.lists(matches, max_size=3),
    st.lists(filters, max_size=3),
    st.fixed_dictionaries({}, optional={"timeouts": st.just({"request": "5s"}), "name": st.just("predict")}),
)


@given(found=st.lists(rules, max_size=4))
def test_only_the_header_is_added_to_what_the_user_wrote(found):
    """Whoever meets a rule of it would have met the user's: it takes no request that was not the model's."""
    users = route(*found)
    before = copy.deepcopy(users)
    made = beside(users)
    assert users == before
    theirs = [one for one in users["spec"]["rules"] if one["backendRefs"][0]["name"] == NAME]
    able = [one for one in theirs if not one["matches"] or _free(one["matches"])]
    assert len(problems(users)) == sum(len(_free(one["matches"])) < len(one["matches"]) for one in theirs)
    if not able:
        assert made is None
        return
    assert len(made["spec"]["rules"]) == len(able)
    for own, their in zip(made["spec"]["rules"], able, strict=True):
        without = [{**match, "headers": match["headers"][:-1]} for match in own["matches"]]
        free = _free(their["matches"]) or [{"path": {"type": "PathPrefix", "value": "/"}}]
        assert without == [{**match, "headers": match.get("headers", [])} for match in free]
        assert all(match["headers"][-1] == HEADER for match in own["matches"])
        kept = [one for one in their["filters"] if httproute.mirrored_by(NAME, one) is None]
        assert (own.get("filters", []), own.get("timeouts")) == (kept, their.get("timeouts"))
        assert own["backendRefs"] == [{**their["backendRefs"][0], "name": f"iris-{CANARY}", "weight": 100}]


def _free(found):
    return [one for one in found if "X-Tester" not in [header["name"] for header in one.get("headers", [])]]
