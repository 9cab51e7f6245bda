"""The activator in the chart."""

import pytest
from tests.charts.test_chart import operator, render, settings

from ekiben.activator.settings import Settings
from ekiben.objects.activation import FIRST_PORT, LAST_PORT, TABLE

OWN = "ekiben-system"


@pytest.fixture(scope="module")
def chart():
    return render("--set", "activator.enabled=true")


def pod(objects):
    return objects["Deployment", "ekiben-activator", OWN]["spec"]["template"]["spec"]


def test_without_it_nobody_gets_a_right_for_it_but_to_clear_away_what_it_leaves():
    objects = render()
    assert not [key for key in objects if "activator" in key[1]]
    assert settings(objects).activator == ""
    rules = [rule for (kind, *_), body in objects.items() if kind in ("Role", "ClusterRole") for rule in body["rules"]]
    slices = [rule["verbs"] for rule in rules if "endpointslices" in rule["resources"]]
    # Who may delete a Service, as the operator may, takes its slices away with it: this is no more than that.
    assert slices == [["list", "watch", "delete"]]


def test_the_operator_may_write_slices_and_look_before_it_does(chart):
    rules = [rule for (kind, *_), body in chart.items() if kind == "ClusterRole" for rule in body["rules"]]
    verbs = {verb for rule in rules if "endpointslices" in rule["resources"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch", "create", "patch", "delete"}


def test_the_operator_knows_its_deployment(chart):
    assert ("Deployment", settings(chart).activator, OWN) in chart
    assert operator(chart)["metadata"]["name"] == "ekiben"


def test_it_may_read_its_table_and_nothing_else(chart):
    account = pod(chart)["serviceAccountName"]
    bindings = [
        body
        for (kind, *_), body in chart.items()
        if kind.endswith("RoleBinding") and any(one["name"] == account for one in body["subjects"])
    ]
    assert [(one["kind"], one["roleRef"]["name"]) for one in bindings] == [("RoleBinding", "ekiben-activator")]
    assert chart["Role", "ekiben-activator", OWN]["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [TABLE], "verbs": ["get", "watch"]}
    ]
    assert ("ConfigMap", TABLE, OWN) in chart


def test_the_operator_may_touch_one_configmap_of_its_own_namespace(chart):
    found = [
        (kind, name, namespace, rule)
        for (kind, name, namespace), body in chart.items()
        if kind in ("Role", "ClusterRole")
        for rule in body["rules"]
        if "configmaps" in rule["resources"]
    ]
    assert {(kind, namespace) for kind, _, namespace, _ in found} == {("Role", OWN)}
    assert all(rule["resourceNames"] == [TABLE] for *_, rule in found)
    assert {name: rule["verbs"] for _, name, _, rule in found}["ekiben-activator-operator"] == ["get", "patch"]


def test_it_is_restricted_and_spread(chart):
    spec = pod(chart)
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    selector = chart["Deployment", "ekiben-activator", OWN]["spec"]["selector"]
    assert spec["topologySpreadConstraints"][0]["labelSelector"] == selector
    assert chart["PodDisruptionBudget", "ekiben-activator", OWN]["spec"]["selector"] == selector
    assert chart["Deployment", "ekiben-activator", OWN]["spec"]["replicas"] == 2


def test_its_end_has_the_time_that_it_takes(chart):
    taken = Settings()
    assert pod(chart)["terminationGracePeriodSeconds"] > taken.linger + taken.finish
    assert taken.finish > 120 + 30, "coldStartTimeout, and a while to answer"


def test_with_namespaces_the_operator_still_sees_the_activators():
    objects = render("--set", "activator.enabled=true,watchNamespaces={shop}")
    assert {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]} in objects[
        "Role", "ekiben-activator-operator", OWN
    ]["rules"]
    verbs = [rule["verbs"] for rule in objects["Role", "ekiben", "shop"]["rules"]]
    assert ["get", "create", "patch"] in verbs


def test_a_network_policy_is_there_where_it_is_asked_for(chart):
    assert not [key for key in chart if key[0] == "NetworkPolicy"]
    given = render("--set", "activator.enabled=true,activator.networkPolicy.enabled=true")
    policy = given["NetworkPolicy", "ekiben-activator", OWN]["spec"]
    assert policy["podSelector"] == chart["Deployment", "ekiben-activator", OWN]["spec"]["selector"]
    pages, models = policy["ingress"]
    assert pages["from"] == [{"podSelector": operator(chart)["spec"]["selector"]}]
    assert "from" not in models, "who is called by nobody in particular is called by everybody"
    ports = pod(chart)["containers"][0]["ports"]
    assert [one["port"] for one in pages["ports"]] == [one["name"] for one in ports]
    assert [(one["port"], one["endPort"]) for one in models["ports"]] == [(FIRST_PORT, LAST_PORT)]


def test_a_network_policy_names_who_may_call_and_who_may_read():
    callers = "activator.networkPolicy.callers[0].namespaceSelector.matchLabels.team=shop"
    scrapers = "activator.networkPolicy.scrapers[0].podSelector.matchLabels.app=prometheus"
    objects = render("--set", f"activator.enabled=true,activator.networkPolicy.enabled=true,{callers},{scrapers}")
    pages, models = objects["NetworkPolicy", "ekiben-activator", OWN]["spec"]["ingress"]
    assert pages["from"][1:] == [{"podSelector": {"matchLabels": {"app": "prometheus"}}}]
    assert models["from"] == [{"namespaceSelector": {"matchLabels": {"team": "shop"}}}]


def test_values_of_a_release_from_before_the_network_policy_still_render():
    """`helm upgrade --reuse-values` knows nothing of what a chart has added since."""
    assert render("--set", "activator.enabled=true,activator.networkPolicy=null")
