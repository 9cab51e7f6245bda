"""Which provider, which machine, which names."""

import json
import os
import socket
import tarfile
import threading

import pytest

from ekiben.localcluster import debian, images, lock, providers, transfer
from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.native import checks, network
from ekiben.localcluster.progress import Silent
from ekiben.localcluster.settings import Settings, cache_folder, state_folder, user_kubeconfig


@pytest.mark.parametrize(
    ("settings", "working", "provider"),
    [
        (Settings(), set(), "native"),
        (Settings(), {"k3d"}, "k3d"),
        (Settings(), {"kind", "k3d"}, "kind"),
        (Settings(provider="native"), {"kind"}, "native"),
        (Settings(provider="k3d"), set(), "k3d"),
        (Settings(context="prod"), {"kind"}, "context"),
    ],
)
def test_provider_order(settings, working, provider):
    chosen, why = providers.choose(settings, works=working.__contains__)
    assert chosen == provider
    assert why


def test_unknown_provider_is_refused():
    with pytest.raises(ClusterError, match="no provider 'minikube'"):
        providers.choose(Settings(provider="minikube"))


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("iris", "iris:latest"),
        ("iris:v1", "iris:v1"),
        ("localhost/iris:v1", "iris:v1"),
        ("docker.io/library/python:3.11", "python:3.11"),
        ("ghcr.io/team/iris:v1", "team/iris:v1"),
        ("registry:5000/team/iris@sha256:00", "team/iris:latest"),
        ("team/iris", "team/iris:latest"),
    ],
)
def test_repository_in_the_clusters_registry(reference, path):
    assert transfer.repository(reference) == path


def test_folders_follow_the_xdg_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / "s/ekiben/cluster"
    assert cache_folder() == tmp_path / ".cache/ekiben"


def test_kubeconfig_is_the_first_that_kubectl_would_use(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert user_kubeconfig() == tmp_path / "a"
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_kubeconfig() == tmp_path / ".kube/config"


def test_taken_port_is_refused_with_the_option_to_use():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ClusterError, match=rf"port {port} .*\n.*--gateway-port"):
            network.refuse_taken_port(port, "--gateway-port")
    network.refuse_taken_port(port, "--gateway-port")


@pytest.mark.parametrize(
    ("fact", "value", "message"),
    [("system", "Darwin", "needs Linux"), ("machine", "riscv64", "needs x86_64"), ("geteuid", 1000, "needs root")],
)
def test_unsuitable_machine_is_refused_before_anything_changes(monkeypatch, fact, value, message):
    facts = {"system": "Linux", "machine": "x86_64", "geteuid": 0} | {fact: value}
    monkeypatch.setattr(checks.platform, "system", lambda: facts["system"])
    monkeypatch.setattr(checks.platform, "machine", lambda: facts["machine"])
    monkeypatch.setattr(checks.os, "geteuid", lambda: facts["geteuid"])
    with pytest.raises(ClusterError, match=message):
        checks.supported()


def test_another_kubelet_is_found_and_ours_is_not(tmp_path, monkeypatch):
    for pid, name in ((str(os.getpid()), "kubelet"), ("self", "python"), ("1", "init")):
        (tmp_path / pid / "ns").mkdir(parents=True)
        (tmp_path / pid / "comm").write_text(name + "\n")
        os.link(_same(tmp_path), tmp_path / pid / "ns/cgroup")
    assert checks.foreign(None, proc=tmp_path) == [(os.getpid(), "kubelet")]
    assert checks.foreign(checks.Identity.of(os.getpid()), proc=tmp_path) == []


def _same(folder):
    file = folder / "namespace"
    file.touch()
    return file


def test_missing_packages_without_root_are_named(monkeypatch):
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    packages = {"gone": "/nowhere/gone", "there": "/"}
    with pytest.raises(ClusterError, match=r"sudo apt-get install --yes gone$"):
        debian.ensure(packages, Silent())


def test_second_command_waits_for_the_first(tmp_path):
    path, order = tmp_path / "cluster.lock", []
    with lock.exclusive(path, Silent()):
        other = threading.Thread(target=_locked, args=(path, order))
        other.start()
        with (
            pytest.raises(ClusterError, match="another command holds"),
            lock.exclusive(path, Silent(), wait_seconds=0.3),
        ):
            pass
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]
    assert not path.exists()


def _locked(path, order):
    with lock.exclusive(path, Silent()):
        order.append("second")


def test_archive_is_an_oci_image_and_the_same_every_time(tmp_path):
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    for name in ("a.tar", "b.tar"):
        images.write_archive(tmp_path / name, "localhost/x:1", {"/usr/local/bin/x": program}, ["/usr/local/bin/x"])
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        index = json.load(tar.extractfile("index.json"))
        digest = index["manifests"][0]["digest"].removeprefix("sha256:")
        manifest = json.load(tar.extractfile(f"blobs/sha256/{digest}"))
        layer = manifest["layers"][0]
        blob = tar.getmember(f"blobs/sha256/{layer['digest'].removeprefix('sha256:')}")
    assert blob.size == layer["size"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "b.tar", "program"]
