from __future__ import annotations

import sys

import pytest

from ekiben.packaging.commands import run, without_credentials
from ekiben.packaging.errors import ToolError


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def test_output_is_returned_and_told_line_by_line():
    told: list[str] = []
    assert run(shell("echo one; echo two >&2"), what="x", advice="y", progress=told.append) == "one\ntwo"
    assert told == ["one", "two"]


def test_a_failure_has_what_the_tool_said_and_what_to_do():
    with pytest.raises(ToolError) as failed:
        run(shell("echo 'no space left on device' >&2; exit 3"), what="Pushing it", advice="Make room.", tool="buildah")
    assert str(failed.value) == "Pushing it failed. buildah said:\n    no space left on device\nMake room."


def test_only_the_last_lines_of_a_long_failure_are_shown():
    script = "for i in $(seq 1 500); do echo line $i; done; exit 1"
    with pytest.raises(ToolError) as failed:
        run(shell(script), what="Building", advice="")
    assert "line 500" in str(failed.value)
    assert "line 480" not in str(failed.value)


def test_a_program_that_is_not_there():
    with pytest.raises(ToolError, match="No such file"):
        run(["/nowhere/buildah"], what="Building", advice="Install it.")


def test_the_environment_is_added_to():
    command = [sys.executable, "-c", "import os; print(os.environ['PATH'] != '', os.environ['EXTRA'])"]
    assert run(command, what="x", advice="y", environment={"EXTRA": "1"}) == "True 1"


def test_credentials_reach_neither_screen_nor_error():
    told: list[str] = []
    with pytest.raises(ToolError) as failed:
        run(shell("echo GET https://me:hunter2@host/simple; exit 1"), what="x", advice="y", progress=told.append)
    assert "hunter2" not in str(failed.value) + "".join(told)
    assert "https://***@host/simple" in str(failed.value)
    assert without_credentials("see http://host/a@b") == "see http://host/a@b"


def test_what_is_printed_for_each_layer_does_not_hide_the_error():
    script = "echo 'Error: denied'; for i in $(seq 1 50); do echo Copying blob sha256:$i; done; exit 1"
    with pytest.raises(ToolError, match=r"said:\n    Error: denied\nLog in\."):
        run(shell(script), what="Pushing", advice="Log in.", tool="buildah")
