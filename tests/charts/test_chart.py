"""The chart, rendered by a real helm."""

import subprocess
from pathlib import Path

import pytest
import yaml

from charts import generate
from ekiben.operator.settings import Settings
from ekiben.signals.queries import parse

ROOT = generate.CHART.parent.parent
# The first to need helm waits for it to be built, where no local cluster has been made yet.
pytestmark = pytest.mark.timeout(2400)


def helm(*arguments):
    """Run helm on the chart; returns the finished process."""
    return subprocess.run(
        [str(generate.find_helm()), *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def render(*values):
    """Return the chart's objects by (kind, name, namespace)."""
    result = helm("template", "ekiben", str(generate.CHART), "--namespace", "ekiben-system", *values)
    assert result.returncode == 0, result.stderr
    objects = [body for body in yaml.safe_load_all(result.stdout) if body]
    return {(o["kind"], o["metadata"]["name"], o["metadata"].get("namespace", "")): o for o in objects}


@pytest.fixture(scope="module")
def chart():
    """Return the chart's objects with zero values."""
    return render()


def rules(objects):
    """Yield every rule of the operator's own roles."""
    for (kind, name, _namespace), body in objects.items():
        if kind in ("Role", "ClusterRole") and not name.endswith(("-view", "-edit")):
            yield from body["rules"]


def operator(objects):
    """Return the operator's Deployment."""
    return objects["Deployment", "ekiben", "ekiben-system"]


def test_install_yaml_is_the_rendering():
    stale = generate.differing({generate.INSTALL_FILE: generate.install(generate.find_helm())})
    assert not stale, "run `make generate` and commit manifests/install.yaml"


def test_lint_finds_nothing():
    result = helm("lint", "--strict", str(generate.CHART))
    assert result.returncode == 0, result.stdout + result.stderr


def test_everything_has_a_namespace_or_belongs_to_the_cluster(chart):
    cluster_wide = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
    for kind, name, namespace in chart:
        assert (kind in cluster_wide) != bool(namespace), (kind, name)


def test_the_operators_role_is_no_ladder(chart):
    found = list(rules(chart))
    assert found
    for rule in found:
        assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"]
        assert not {"secrets", "configmaps", "pods/proxy", "pods/exec", "pods/log", "serviceaccounts", "roles"} & set(
            rule["resources"]
        )
        assert not {"impersonate", "escalate", "bind", "deletecollection"} & set(rule["verbs"])


def test_the_role_is_the_one_that_is_documented(chart):
    """docs/operations.md has the table of permissions, each with what it is for."""
    rows = [line.split("|") for line in (ROOT / "docs/operations.md").read_text().splitlines()]
    documented = {
        (group.strip().removeprefix("(core)"), resources.strip(), verbs.strip())
        for _, group, resources, verbs, *_ in (row for row in rows if len(row) == 6)
        if any(verb in verbs for verb in ("get", "list", "create", "patch", "update"))
    }
    granted = {
        (group, kind, ", ".join(rule["verbs"]))
        for rule in rules(chart)
        for group in rule["apiGroups"]
        for kind in rule["resources"]
    }
    assert granted == documented


def test_the_operator_never_writes_a_spec(chart):
    verbs = {verb for rule in rules(chart) if "modeldeployments" in rule["resources"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch"}


def test_the_operator_is_restricted(chart):
    spec = operator(chart)["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    context = spec["containers"][0]["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_operators_settings_are_known_to_it(chart):
    from ekiben.operator.settings import Settings

    for objects in (chart, render("--set", "watchNamespaces={a,b}")):
        environment = {
            v["name"]: v["value"]
            for v in operator(objects)["spec"]["template"]["spec"]["containers"][0]["env"]
            if "value" in v
        }
        settings = Settings.load(environment)
        assert settings.gateway_namespace == "ekiben-gateway"
    assert settings.namespaces == ("a", "b")


def test_the_hostnames_reach_the_operator():
    from ekiben.operator.settings import Settings

    objects = render("--set-json", 'hostnames={"shop": ["shop.example.com"], "admin-*": ["*"]}')
    [value] = [
        v["value"]
        for v in operator(objects)["spec"]["template"]["spec"]["containers"][0]["env"]
        if v["name"] == "EKIBEN_HOSTNAMES"
    ]
    settings = Settings.load({"EKIBEN_HOSTNAMES": value})
    assert settings.hostnames == {"shop": ("shop.example.com",), "admin-*": ("*",)}


def test_the_crd_is_upgraded_with_the_chart_and_stays_after_it(chart):
    from ekiben.api.crd import crds

    for definition in crds():
        body = chart["CustomResourceDefinition", definition["metadata"]["name"], ""]
        assert body["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        assert body["spec"] == definition["spec"]
    assert not [key for key in render("--set", "crds.install=false") if key[0] == "CustomResourceDefinition"]


def test_with_namespaces_the_operator_has_no_right_outside_of_them():
    objects = render("--set", "watchNamespaces={shop,ads}")
    assert not [key for key in objects if key[0] == "ClusterRoleBinding"]
    assert {key[2] for key in objects if key[0] == "Role"} == {"shop", "ads", "ekiben-gateway", "ekiben-system"}
    gateway_only = objects["Role", "ekiben-gateway", "ekiben-gateway"]["rules"]
    assert gateway_only == [{"apiGroups": ["gateway.networking.k8s.io"], "resources": ["gateways"], "verbs": ["get"]}]


def test_a_freeze_reaches_the_operator():
    env = operator(render("--set", "freeze=until 2 January"))["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "EKIBEN_FREEZE", "value": "until 2 January"} in env


def test_keda_is_named_in_the_rights_only_where_triggers_are_allowed():
    assert not [rule for role in roles(render()) for rule in role["rules"] if "keda.sh" in rule["apiGroups"]]
    objects = render("--set", "keda.triggers={cron,kafka}")
    assert settings(objects).keda_triggers == ("cron", "kafka")
    [rule] = [rule for role in roles(objects) for rule in role["rules"] if "keda.sh" in rule["apiGroups"]]
    assert rule["resources"] == ["scaledobjects"]


def roles(objects):
    return [body for (kind, _, _), body in objects.items() if kind in ("Role", "ClusterRole")]


def settings(objects):
    """Return the operator's settings as its pod has them."""
    env = operator(objects)["spec"]["template"]["spec"]["containers"][0]["env"]
    return Settings.load({one["name"]: one["value"] for one in env if "value" in one})


def test_sources_of_evidence_reach_the_operator(tmp_path):
    assert settings(render()).evidence_source == "pods"
    query = {
        "name": "corrections",
        "events": {"metric": "corrected_total", "labels": {"team": 'a"b'}},
        "trials": {"metric": "predictions_total"},
        "delay": "5m",
    }
    values = {
        "evidence": {"source": "prometheus"},
        "prometheus": {"url": "http://p:9090/x", "interval": 15, "secret": "s", "tokenKey": "token", "caKey": "ca"},
        "gatewayProxies": {"namespace": "envoy-gateway-system", "cluster": "{namespace}/{service}/{port}"},
        "queries": [query],
        "watchNamespaces": ["shop"],
    }
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    objects = render("--values", str(tmp_path / "values.yaml"))
    found = settings(objects)
    assert (found.evidence_source, found.prometheus_interval) == ("prometheus", 15)
    assert found.prometheus_token_file == "/etc/ekiben/prometheus/token"
    assert found.gateway_cluster == "{namespace}/{service}/{port}"
    text = objects["ConfigMap", "ekiben-queries", "ekiben-system"]["data"]["queries.yaml"]
    assert parse(yaml.safe_load(text))["corrections"].events.labels == {"team": 'a"b'}
    spec = operator(objects)["spec"]["template"]["spec"]
    mounts = {one["name"]: one["mountPath"] for one in spec["containers"][0]["volumeMounts"]}
    assert mounts["queries"] == str(Path(found.queries_file).parent)
    assert {one["name"] for one in spec["volumes"]} == set(mounts)
    assert objects["Role", "ekiben-proxies", "envoy-gateway-system"]["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    ]


def test_a_digest_wins_over_a_tag():
    digest = "sha256:" + "a" * 64
    objects = render("--set", f"image.digest={digest},image.tag=x")
    spec = operator(objects)["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == f"ekiben-operator@{digest}"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("gatway.name=x", "gatway"),
        ("image.digest=abc", "digest"),
        ("domain=no domain", "domain"),
        ("watchNamespaces=shop", "watchNamespaces"),
        ("hostnames.Shop={a.b}", "hostnames"),
        ("hostnames.shop={*.a.b}", "hostnames"),
        ("evidence.source=guess", "source"),
        ("keda.triggers={no type}", "triggers"),
        ("prometheus.url=prometheus", "url"),
        ("queries[0].name=a,queries[0].events.metric=rate(x),queries[0].trials.metric=y", "metric"),
        ("queries[0].name=a,queries[0].query=up", "query"),
    ],
)
def test_values_that_cannot_be_used_are_refused(value, named):
    result = helm("template", "ekiben", str(generate.CHART), "--set", value)
    assert result.returncode
    assert named in result.stderr


def test_a_release_of_another_name_has_names_of_its_own():
    objects = render("--set", "rbac.aggregate=true")
    other = helm("template", "blue", str(generate.CHART), "--namespace", "n").stdout
    assert "name: blue-ekiben" in other
    assert ("Service", "ekiben-metrics", "ekiben-system") in objects
