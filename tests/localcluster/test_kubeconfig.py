"""The user's kubeconfig gets one context and loses it again; everything else in it stays as it was."""

import copy
import stat

import pytest
import yaml

from ekiben.localcluster import kubeconfig
from ekiben.localcluster.errors import ClusterError

OURS = kubeconfig.document("https://172.30.0.2:6443", b"CA", b"CERT", b"KEY")
THEIRS = {
    "apiVersion": "v1",
    "kind": "Config",
    "preferences": {"colors": True},
    "clusters": [{"name": "prod", "cluster": {"server": "https://prod"}}],
    "users": [{"name": "me", "user": {"token": "t"}}],
    "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "me", "namespace": "x"}}],
    "current-context": "prod",
}


def test_document_is_one_context_of_one_name():
    assert OURS["current-context"] == "ekiben"
    assert OURS["users"][0]["user"] == {"client-certificate-data": "Q0VSVA==", "client-key-data": "S0VZ"}


def test_merge_then_remove_gives_the_users_document_back():
    before = copy.deepcopy(THEIRS)
    merged = kubeconfig.merged(THEIRS, OURS)
    assert merged["current-context"] == "prod"
    assert [c["name"] for c in merged["contexts"]] == ["prod", "ekiben"]
    assert kubeconfig.without(merged) == before == THEIRS


def test_merge_replaces_what_an_earlier_cluster_left():
    old = kubeconfig.merged(THEIRS, kubeconfig.document("https://old", b"", b"", b""))
    merged = kubeconfig.merged(old, OURS)
    assert [c["name"] for c in merged["clusters"]] == ["prod", "ekiben"]
    assert merged["clusters"][1] == OURS["clusters"][0]


def test_current_context_is_ours_only_where_there_was_none(tmp_path):
    path = tmp_path / "config"
    kubeconfig.merge_into(path, OURS)
    assert yaml.safe_load(path.read_text())["current-context"] == "ekiben"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_removing_from_a_file_of_our_own_deletes_it(tmp_path):
    path = tmp_path / "config"
    kubeconfig.merge_into(path, OURS)
    kubeconfig.remove_from(path)
    assert not path.exists()


def test_removing_the_current_context_leaves_none():
    merged = {**kubeconfig.merged(THEIRS, OURS), "current-context": "ekiben"}
    assert kubeconfig.without(merged)["current-context"] == ""


def test_a_link_stays_a_link(tmp_path):
    real = tmp_path / "real"
    real.write_text(yaml.safe_dump(THEIRS))
    (tmp_path / "config").symlink_to(real)
    kubeconfig.merge_into(tmp_path / "config", OURS)
    assert (tmp_path / "config").is_symlink()
    kubeconfig.remove_from(tmp_path / "config")
    assert yaml.safe_load(real.read_text()) == THEIRS


def test_nothing_is_written_where_nothing_changes(tmp_path):
    path = tmp_path / "config"
    kubeconfig.merge_into(path, OURS)
    before = path.stat().st_ino
    kubeconfig.merge_into(path, OURS)
    assert path.stat().st_ino == before


@pytest.mark.parametrize("text", ["[1, 2]", "{:"])
def test_a_file_that_is_no_kubeconfig_is_left_alone(tmp_path, text):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ClusterError, match=str(path)):
        kubeconfig.merge_into(path, OURS)
    assert path.read_text() == text


def test_no_file_no_error(tmp_path):
    kubeconfig.remove_from(tmp_path / "missing")
