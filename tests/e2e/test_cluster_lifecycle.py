"""The local cluster repairs what was killed, goes without a trace, and comes back quickly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ekiben import localcluster
from ekiben.cli.cluster import cluster
from ekiben.localcluster.images import write_archive
from ekiben.localcluster.native import cgroups, down, network
from ekiben.localcluster.native.layout import RUN, Layout
from ekiben.localcluster.processes import Identity, read, running
from ekiben.localcluster.progress import Lines
from ekiben.localcluster.settings import ClusterInfo, Settings

pytestmark = pytest.mark.lifecycle

SETTINGS = Settings()
LAYOUT = Layout(SETTINGS.state)
COMPONENTS = (
    "etcd",
    "containerd",
    "registry",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
)


@pytest.fixture(scope="module", autouse=True)
def up_again() -> Iterator[None]:
    """Whatever happens here, the tests after this file find a cluster."""
    started_by = localcluster.up(SETTINGS, Lines())
    if started_by.provider != "native":
        pytest.skip(f"the cluster is made by {started_by.provider}")
    yield
    localcluster.up(SETTINGS, Lines())


def answers(info: ClusterInfo) -> int:
    """Return the status of the gateway's answer to a host that nobody serves."""
    try:
        with urllib.request.urlopen(info.gateway_url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def kubectl(info: ClusterInfo, *arguments: str, kubeconfig: Path | None = None) -> str:
    command = [str(info.kubectl), f"--kubeconfig={kubeconfig or info.kubeconfig}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def kill(pids: list[int]) -> None:
    descriptors = [os.pidfd_open(pid) for pid in pids]
    for descriptor in descriptors:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        os.close(descriptor)


def test_up_again_starts_nothing_anew() -> None:
    before = {name: read(LAYOUT.pid(name)) for name in COMPONENTS}
    localcluster.up(SETTINGS, Lines())
    assert {name: read(LAYOUT.pid(name)) for name in COMPONENTS} == before
    assert None not in before.values()


def test_status_tells_by_its_exit_code() -> None:
    localcluster.up(SETTINGS, Lines())
    result = CliRunner().invoke(cluster, ["status", "--json"])
    found = json.loads(result.stdout)
    assert (result.exit_code, found["healthy"]) == (0, True)
    assert {part["name"] for part in found["parts"]} >= {*COMPONENTS, "node", "coredns", "gateway (envoy)"}
    kill([part["pid"] for part in found["parts"] if part["name"] == "kube-scheduler"])
    result = CliRunner().invoke(cluster, ["status"])
    assert result.exit_code == 1
    assert "kube-scheduler" in result.output


@pytest.mark.parametrize(
    "victims", [("kubelet", "kube-proxy"), ("etcd", "kube-apiserver", "containerd"), COMPONENTS], ids=" ".join
)
def test_up_repairs_what_was_killed(victims: tuple[str, ...]) -> None:
    info = localcluster.up(SETTINGS, Lines())
    kubectl(info, "create", "configmap", "survivor")
    old = {name: running(LAYOUT.pid(name)) for name in victims}
    kill([identity.pid for identity in old.values() if identity])
    assert not localcluster.status(SETTINGS).healthy
    info = localcluster.up(SETTINGS, Lines())
    assert all(running(LAYOUT.pid(name)) not in (None, old[name]) for name in victims)
    kubectl(info, "delete", "configmap", "survivor")  # nothing that was stored is lost
    assert answers(info) == 404


def test_up_repairs_a_process_that_was_not_written_down() -> None:
    """As after an `up` that was killed between starting a process and writing its pid file."""
    orphan = running(LAYOUT.pid("kube-scheduler"))
    LAYOUT.pid("kube-scheduler").unlink()
    localcluster.up(SETTINGS, Lines())
    assert orphan is not None
    assert not orphan.alive()
    assert running(LAYOUT.pid("kube-scheduler")) is not None


def test_up_repairs_the_forwarding() -> None:
    subprocess.run(["nft", "delete", "table", "ip", "ekiben"], check=True)
    subprocess.run(["ip", "link", "delete", "ek-host"], check=True)
    assert answers(localcluster.up(SETTINGS, Lines())) == 404


@pytest.mark.slow
def test_up_repairs_a_lost_namespace() -> None:
    """As after a reboot: pid files of the past, and no network."""
    subprocess.run(["ip", "netns", "delete", "ekiben"], check=True)
    assert answers(localcluster.up(SETTINGS, Lines())) == 404


def test_nothing_inside_reaches_outside() -> None:
    enter = ["nsenter", "--net=/run/netns/ekiben"]
    route = subprocess.run([*enter, "ip", "route", "get", "192.0.2.1"], capture_output=True, check=False)
    assert route.returncode != 0
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        for address in ("172.30.0.1", "127.0.0.1"):
            url = f"http://{address}:{port}/"
            result = subprocess.run([*enter, "curl", "--silent", "--max-time", "2", url], check=False)
            assert result.returncode in {7, 28}, "refused or no answer"


def test_down_leaves_nothing_and_up_is_warm() -> None:
    info = localcluster.up(SETTINGS, Lines())
    identities = [running(LAYOUT.pid(name)) for name in COMPONENTS]
    pods = [Identity.of(pid) for pid in cgroups.members()]
    inside = [Identity.of(pid) for pid in network.processes_inside()]
    localcluster.down(SETTINGS, Lines())

    assert not [one for one in [*identities, *pods, *inside] if one is not None and one.alive()]
    assert down.leftovers(LAYOUT) == []
    assert not SETTINGS.state.exists()
    assert not RUN.exists()
    assert not list(Path("/var/lib/cni/results").glob("ekiben-*"))
    assert str(SETTINGS.state) not in Path("/proc/self/mountinfo").read_text()
    contexts = kubectl(info, "config", "get-contexts", "--output=name", kubeconfig=SETTINGS.kubeconfig)
    assert "ekiben" not in contexts.split()
    assert localcluster.current(SETTINGS) is None
    assert not localcluster.status(SETTINGS).parts
    localcluster.down(SETTINGS, Lines())  # again: nothing there is no error

    info = localcluster.up(SETTINGS, Lines())
    assert localcluster.current(SETTINGS) == info
    assert answers(info) == 404
    assert "Ready" in kubectl(info, "get", "nodes", kubeconfig=SETTINGS.kubeconfig)


def test_a_removal_that_was_interrupted_leaves_no_half_of_a_cluster() -> None:
    localcluster.down(SETTINGS, Lines())
    blobs = LAYOUT.removing / "data" / "containerd"  # as a `down` leaves it that was killed while it deleted
    blobs.mkdir(parents=True)
    assert down.leftovers(LAYOUT) == [str(LAYOUT.removing)]
    info = localcluster.up(SETTINGS, Lines())
    assert answers(info) == 404
    assert down.leftovers(LAYOUT).count(str(LAYOUT.removing)) == 0


def test_archive_is_loaded_and_pulled_by_its_digest(tmp_path: Path) -> None:
    info = localcluster.up(SETTINGS, Lines())
    program = tmp_path / "pause"
    program.write_bytes((info.bin / "pause").read_bytes())
    write_archive(tmp_path / "image.tar", "localhost/ekiben-test/wait:1", {"/pause": program}, ["/pause"])
    reference = localcluster.load(str(tmp_path / "image.tar"), SETTINGS, Lines())
    assert reference.startswith(f"{info.registry}/ekiben-test/wait@sha256:")
    try:
        kubectl(info, "run", "wait", f"--image={reference}", "--restart=Never")
        kubectl(info, "wait", "--for=condition=Ready", "pod/wait", "--timeout=50s")
    finally:
        kubectl(info, "delete", "pod", "wait", "--now", "--ignore-not-found")
        subprocess.run(["buildah", "rmi", "--force", "localhost/ekiben-test/wait:1"], capture_output=True, check=False)
