from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ekiben.packaging.bentos import Bento, read
from ekiben.packaging.errors import PackagingError
from ekiben.packaging.manifest import duration, write

IMAGE = "registry.example.com/team/iris@sha256:" + "a" * 64
SILENT = Bento("iris", "v1")
STATED = Bento("iris", "v1", cpu="200m", memory="512Mi", gpu=1, timeout_seconds=10, concurrency=32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "modeldeployment.yaml"


def test_a_silent_bento_gives_the_shortest_resource(path):
    write(path, "iris", IMAGE, SILENT)
    assert yaml.safe_load(path.read_text()) == {
        "apiVersion": "ekiben.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "iris"},
        "spec": {"model": {"image": IMAGE}},
    }


def test_what_the_bento_states_is_written(path):
    write(path, "iris", IMAGE, STATED)
    assert yaml.safe_load(path.read_text())["spec"] == {
        "model": {
            "image": IMAGE,
            "resources": {
                "requests": {"cpu": "200m", "memory": "512Mi"},
                "limits": {"memory": "512Mi", "nvidia.com/gpu": 1},
            },
            "concurrency": 32,
        },
        "traffic": {"timeout": "10s"},
    }


MINE = """\
# Owned by the search team.
apiVersion: ekiben.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: iris
  labels: {team: search}   # used by the bill
spec:
  model:
    # `ekiben push` writes this line:
    image: registry.example.com/team/iris@sha256:0000
    resources:
      requests: {cpu: "1"}
    env:
      - name: MODE
        value: "yes"  # a string
  scaling:
    minReplicas: 3
"""


def test_what_somebody_wrote_stays_to_the_letter(path):
    path.write_text(MINE)
    write(path, "iris", IMAGE, Bento("iris", "v2", cpu="200m"))
    assert path.read_text() == MINE.replace("registry.example.com/team/iris@sha256:0000", IMAGE)


def test_what_nobody_wrote_is_filled_in(path):
    path.write_text(MINE)
    write(path, "iris", IMAGE, STATED)
    spec = yaml.safe_load(path.read_text())["spec"]
    assert spec["model"]["resources"] == {"requests": {"cpu": "1"}}
    assert spec["model"]["concurrency"] == 32
    assert spec["traffic"] == {"timeout": "10s"}
    assert spec["scaling"] == {"minReplicas": 3}


def test_writing_twice_changes_nothing(path):
    write(path, "iris", IMAGE, STATED)
    once = path.read_text()
    write(path, "iris", IMAGE, STATED)
    assert path.read_text() == once


def test_the_other_documents_of_a_file_stay(path):
    path.write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: models}\n---\n" + MINE)
    write(path, "iris", IMAGE, SILENT)
    namespace, mine = yaml.safe_load_all(path.read_text())
    assert namespace["kind"] == "Namespace"
    assert mine["spec"]["model"]["image"] == IMAGE


def test_of_several_the_one_with_the_name_is_meant(path):
    path.write_text(MINE + "---\n" + MINE.replace("name: iris\n", "name: other\n"))
    write(path, "other", IMAGE, SILENT)
    first, second = yaml.safe_load_all(path.read_text())
    assert first["spec"]["model"]["image"] != IMAGE
    assert second["spec"]["model"]["image"] == IMAGE
    with pytest.raises(PackagingError, match="--name"):
        write(path, "third", IMAGE, SILENT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\n", "not valid YAML"),
        ("kind: Deployment\n", "0 ModelDeployments"),
        ("- a list\n", "0 ModelDeployments"),
        ("kind: ModelDeployment\nspec: none\n", "where a mapping belongs"),
    ],
)
def test_a_file_that_cannot_be_updated_stays_as_it_is(path, text, said):
    path.write_text(text)
    with pytest.raises(PackagingError, match=said):
        write(path, "iris", IMAGE, SILENT)
    assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("seconds", "text"), [(60, "60s"), (0.5, "500ms"), (1.5, "1500ms"), (0.0001, "1ms")])
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {}),
        ({"resources": {"cpu": 0.5, "memory": 2}}, {"cpu": "0.5", "memory": "2Gi"}),
        ({"resources": {"cpu": "100m", "memory": "512Mi", "gpu": 1}}, {"cpu": "100m", "memory": "512Mi", "gpu": 1}),
        ({"resources": {"memory": "1.5"}}, {"memory": "1.5Gi"}),
        ({"traffic": {"timeout": 60, "max_concurrency": 8}}, {"timeout_seconds": 60, "concurrency": 8}),
        ({"traffic": {"concurrency": 4, "max_concurrency": 8}}, {"concurrency": 4}),
        ({"traffic": {"concurrency": 4}, "workers": 2}, {"concurrency": 4}),
        ({"workers": 2}, {"concurrency": 2}),
        ({"workers": 2, "threads": 4}, {"concurrency": 8}),
        ({"workers": [{"gpus": 1}, {"gpus": [2, 3]}]}, {"concurrency": 2}),
        ({"workers": "cpu_count"}, {}),
    ],
)
def test_what_a_bento_says(config, expected):
    document = {
        "name": "iris",
        "version": "v1",
        "entry_service": "api",
        "services": [
            {"name": "other", "config": {"traffic": {"timeout": 1}, "resources": {"cpu": "9"}}},
            {"name": "api", "config": config},
        ],
    }
    assert read(document) == Bento("iris", "v1", **expected)
