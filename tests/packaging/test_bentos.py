from __future__ import annotations

from pathlib import Path

import pytest

from ekiben.packaging import bentos
from ekiben.packaging.errors import ToolError

DOCUMENT = "name: iris\nversion: v1\nentry_service: iris\nservices: [{name: iris, config: {traffic: {timeout: 5}}}]\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home" / "bentos" / "iris" / "v1"
    folder.mkdir(parents=True)
    (folder / "bento.yaml").write_text(DOCUMENT)
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    return folder


def test_an_exact_tag_is_found_without_asking_bentoml(home, monkeypatch):
    monkeypatch.setattr(bentos, "bentoml_command", lambda: ["/bin/false"])
    found = bentos.find("iris:v1")
    assert (found.tag, found.timeout_seconds) == ("iris:v1", 5)


def test_for_any_other_tag_bentoml_is_asked(home, monkeypatch, tools):
    said = tools("python", f"echo a warning; echo {home}")
    monkeypatch.setattr(bentos, "bentoml_command", lambda: [str(said)])
    for tag in ("iris", "iris:latest", "iris:../iris/v1"):
        assert bentos.find(tag).tag == "iris:v1"


def test_a_tag_that_is_not_there(home, monkeypatch, tools):
    said = tools("python", "echo 'Error: Bento iris:v9 is not found' >&2; exit 1")
    monkeypatch.setattr(bentos, "bentoml_command", lambda: [str(said)])
    with pytest.raises(ToolError) as failed:
        bentos.find("iris:v9")
    assert "bentoml said:\n    Error: Bento iris:v9 is not found" in str(failed.value)


def test_bentoml_of_the_active_environment_is_taken(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    assert bentos.bentoml_python() != str(tmp_path / "bin" / "python")
    (tmp_path / "bin" / "bentoml").touch()
    assert bentos.bentoml_python() == str(tmp_path / "bin" / "python")


def test_a_build_names_its_tag(tmp_path, monkeypatch, tools):
    said = tools("python", 'echo "Locking packages"; echo "in $(pwd) with $*"; echo __tag__:iris:abc')
    monkeypatch.setattr(bentos, "bentoml_command", lambda: [str(said)])
    told: list[str] = []
    assert bentos.build(tmp_path, ["model=iris:v1"], {}, told.append) == "iris:abc"
    assert told[1] == f"in {tmp_path} with build --output tag --arg model=iris:v1 ."
