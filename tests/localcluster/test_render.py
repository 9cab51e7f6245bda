"""Configuration files say what the components need on this kind of machine."""

import json
import tomllib
from pathlib import Path

import pytest

from ekiben.localcluster.native import cgroups, down, manifests, network, render
from ekiben.localcluster.native.components import components
from ekiben.localcluster.native.layout import GATEWAY_IP, NODE_IP, Layout

LAYOUT = Layout(Path("/state/with space"))


def test_containerd_configuration_is_toml_and_stays_in_its_folders():
    config = tomllib.loads(render.containerd(LAYOUT, "/usr/sbin/runc"))
    assert config["version"] == 3
    assert config["root"] == "/state/with space/data/containerd"
    runtime = config["plugins"]["io.containerd.cri.v1.runtime"]
    assert runtime["restrict_oom_score_adj"] is True
    options = runtime["containerd"]["runtimes"]["runc"]["options"]
    assert options == {"BinaryName": "/usr/sbin/runc", "Root": "/run/ekiben/runc", "SystemdCgroup": False}


def test_the_same_reference_works_outside_and_inside():
    hosts = tomllib.loads(render.registry_hosts())
    assert hosts["server"] == f"http://{NODE_IP}:5000"
    assert render.registry(LAYOUT)["http"]["addr"] == f"{NODE_IP}:5000"


def test_kubelet_works_on_cgroup_v1_in_a_tree_of_its_own():
    kubelet = render.kubelet(LAYOUT)
    assert kubelet["failCgroupV1"] is False
    assert kubelet["cgroupRoot"] == "/ekiben"
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}


def test_every_component_has_a_name_a_log_and_starts_after_what_it_needs():
    seen = set()
    for component in components(LAYOUT, Path("/cache/bin")):
        assert set(component.after) <= seen
        assert component.line()[0] == "nsenter"
        assert component.command[0].startswith("/cache/bin/")
        seen.add(component.name)
    assert len(seen) == 8


def test_forwarding_is_of_loopback_only_and_lets_nothing_back():
    rules = network.rules(8080, 5001)
    assert f"ip daddr 127.0.0.1 tcp dport 8080 dnat to {GATEWAY_IP}:80" in rules
    assert f"ip daddr 127.0.0.1 tcp dport 5001 dnat to {NODE_IP}:5000" in rules
    assert 'iifname "ek-host" ip daddr 127.0.0.0/8 drop' in rules
    assert 'iifname "ek-host" ct state new drop' in rules


def test_gateway_has_a_fixed_address_and_takes_routes_of_all_namespaces():
    kinds = {one["kind"]: one for one in manifests.gateway("envoy:1")}
    kubernetes = kinds["EnvoyProxy"]["spec"]["provider"]["kubernetes"]
    assert kubernetes["envoyService"]["type"] == "ClusterIP"
    assert kubernetes["envoyService"]["patch"]["value"] == {"spec": {"clusterIP": GATEWAY_IP}}
    assert kinds["Gateway"]["spec"]["listeners"][0]["allowedRoutes"] == {"namespaces": {"from": "All"}}


def test_chart_hooks_are_left_out():
    hook = {"kind": "Job", "metadata": {"annotations": {"helm.sh/hook": "pre-install"}}}
    plain = {"kind": "Service", "metadata": {}}
    assert manifests.without_hooks([hook, plain]) == [plain]


def test_manifests_are_json():
    json.dumps([*manifests.namespaces(), *manifests.coredns("c:1"), *manifests.gateway("e:1")])


MOUNTINFO = r"""22 1 8:1 / / rw - ext4 /dev/sda rw
30 22 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu
32 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
40 22 0:40 / /state/a\040b/x rw shared:1 - tmpfs tmpfs rw
41 22 0:41 / /state/a\040b/x/y rw shared:2 - tmpfs tmpfs rw
42 22 0:42 / /state/a\040bc rw - tmpfs tmpfs rw
"""


def test_control_group_trees_of_both_versions_are_found():
    assert cgroups.mounted(MOUNTINFO) == [Path("/sys/fs/cgroup/cpu,cpuacct"), Path("/sys/fs/cgroup/unified")]


def test_mounts_below_a_folder_come_newest_first_and_no_neighbours():
    found = down.mounts_below(MOUNTINFO, [Path("/state/a b")])
    assert found == [Path("/state/a b/x/y"), Path("/state/a b/x")]


@pytest.mark.parametrize("name", ["coredns", "metrics-server"])
def test_system_pods_ask_for_little(name):
    documents = [{"kind": "Deployment", "spec": {"template": {"spec": {"containers": [_container()]}}}}]
    made = manifests.coredns("i:1") if name == "coredns" else manifests.metrics_server(documents, "i:1")
    pod = next(one for one in made if one["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "i:1"
    assert pod["containers"][0]["resources"]["requests"]["cpu"] == "20m"


def _container():
    return {
        "name": "metrics-server",
        "resources": {"requests": {"cpu": "100m"}},
        "readinessProbe": {},
        "livenessProbe": {},
    }
