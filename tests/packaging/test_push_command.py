"""`ekiben push`: what is refused before anything is built, and what is printed where."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ekiben.cli import push as command
from ekiben.packaging import PackagingError, PushResult

DIGEST = "sha256:" + "a" * 64


def call(*arguments: str):
    return CliRunner().invoke(command.push, arguments)


def test_the_image_is_all_that_standard_output_gets(monkeypatch):
    given = []

    def push(request, progress):
        given.append(request)
        progress("a tool's line")
        return PushResult(f"localhost:5000/iris@{DIGEST}", DIGEST, "iris:v1", Path("modeldeployment.yaml"))

    monkeypatch.setattr(command, "push_bento", push)
    result = call("iris:v1", "--registry", "localhost:5000", "--arg", "a=1", "--arg", "b=2")
    assert result.exit_code == 0
    assert result.stdout == f"localhost:5000/iris@{DIGEST}\n"
    assert "a tool's line" in result.stderr
    assert "kubectl apply -f modeldeployment.yaml" in result.stderr
    assert given[0].bento_arguments == ("a=1", "b=2")
    assert given[0].output == Path("modeldeployment.yaml")


def test_a_failure_is_told_without_a_traceback(monkeypatch):
    def push(_request, _progress):
        raise PackagingError("Pushing failed. buildah said:\n    no route")

    monkeypatch.setattr(command, "push_bento", push)
    result = call("iris:v1", "--registry", "localhost:5000")
    assert result.exit_code == 1
    assert result.stderr.strip() == "Error: Pushing failed. buildah said:\n    no route"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((".", "--registry", "https://registry.example.com"), "registry.example.com/team"),
        (("./nowhere", "--registry", "localhost:5000"), "There is no folder"),
        (("{empty}", "--registry", "localhost:5000"), "holds no BentoML project"),
        (("{built}", "--registry", "localhost:5000"), "Give its tag"),
        (("{project}", "--registry", "localhost:5000", "--name", "0"), "--name"),
    ],
)
def test_mistakes_are_found_before_anything_is_built(tmp_path, tools, arguments, said):
    tools("buildah", "[ $1 = info ]")
    for folder, file in (("empty", None), ("built", "bento.yaml"), ("project", "bentofile.yaml")):
        (tmp_path / folder).mkdir()
        if file:
            (tmp_path / folder / file).touch()
    places = {name: str(tmp_path / name) for name in ("empty", "built", "project")}
    result = call(*(argument.format(**places) for argument in arguments))
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Building" not in result.stderr


def test_no_builder_is_told_before_anything_is_built(tools):
    tools("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    result = call("iris:v1", "--registry", "localhost:5000")
    assert result.exit_code == 1
    assert "docker: Cannot connect to the Docker daemon" in result.stderr
