"""What is built is told apart by everything it depends on."""

import shutil

import pytest

from ekiben.localcluster import build, extras


@pytest.fixture
def parts(tmp_path):
    return shutil.copytree(build.PARTS, tmp_path / "parts")


def test_the_committed_parts_are_locked():
    for module in ("node", "containerd"):
        assert (build.PARTS / module / "go.mod").is_file()
        assert (build.PARTS / module / "go.sum").stat().st_size > 1000


def test_pinned_versions_are_the_documented_ones():
    node = (build.PARTS / "node/go.mod").read_text()
    for pinned in (
        f"k8s.io/kubernetes {build.KUBERNETES_VERSION}",
        "go.etcd.io/etcd/server/v3 v3.7.3",
        "github.com/envoyproxy/gateway v1.9.1",
        "github.com/coredns/coredns v1.15.0",
        "sigs.k8s.io/metrics-server v0.9.0",
        "helm.sh/helm/v4 v4.3.1",
    ):
        assert pinned in node
    assert "github.com/containerd/containerd/v2 v2.4.2" in (build.PARTS / "containerd/go.mod").read_text()


@pytest.mark.parametrize("name", ["node/go.mod", "node/go.sum", "node/kubernetes/main.go", "containerd/go.sum"])
def test_key_changes_with_every_source_and_lock(parts, name):
    before = build.key(parts)
    (parts / name).write_text((parts / name).read_text() + "\n")
    assert build.key(parts) != before


def test_key_does_not_depend_on_where_the_parts_lie(parts):
    assert build.key(parts) == build.key()


def test_an_interrupted_build_is_no_build(tmp_path):
    (tmp_path / "parts" / ".build-x" / "parts" / "bin").mkdir(parents=True)
    assert build.locate(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "numbers"), [("go1.26.8\n", (1, 26, 8)), ("go1.27", (1, 27, 0)), ("devel go1.28-abc", ()), ("", ())]
)
def test_go_version(text, numbers):
    assert build.version(text) == numbers


def test_what_other_versions_left_is_removed(tmp_path):
    for name in ("new", "old", ".build-x"):
        (tmp_path / name / "bin").mkdir(parents=True)
    build.remove_siblings(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_tool_of_the_tests_is_told_apart_by_its_locks(tmp_path, monkeypatch):
    before = extras.key("prometheus")
    copy = shutil.copytree(extras.EXTRAS, tmp_path / "extras")
    monkeypatch.setattr(extras, "EXTRAS", copy)
    assert extras.key("prometheus") == before
    (copy / "prometheus/go.sum").write_text("")
    assert extras.key("prometheus") != before
