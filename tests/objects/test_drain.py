"""How a pod is told to have its callers go: the files it gets, and what happens with images of another make."""

import os
import subprocess

import pytest
from tests.objects.resources import IMAGE

from ekiben.api.model import Model
from ekiben.objects import drain
from ekiben.objects.pod import template


def pod(**model):
    """Return the pod template of a model."""
    return template("iris", "bcdfghjk", Model.model_validate({"image": IMAGE} | model), "60s")


def test_the_pods_annotations_become_the_files():
    rendered = pod()
    volume = next(one for one in rendered["spec"]["volumes"] if "downwardAPI" in one)
    for item in volume["downwardAPI"]["items"]:
        key = item["fieldRef"]["fieldPath"].removeprefix("metadata.annotations['").removesuffix("']")
        assert rendered["metadata"]["annotations"][key]
    assert [item["path"] for item in volume["downwardAPI"]["items"]] == ["env.sh", "sitecustomize.py"]
    mount = next(one for one in rendered["spec"]["containers"][0]["volumeMounts"] if one["name"] == volume["name"])
    variable = next(one for one in rendered["spec"]["containers"][0]["env"] if one["name"] == "BASH_ENV")
    assert variable["value"] == f"{mount['mountPath']}/env.sh"


def test_the_mark_is_made_where_the_hook_looks_for_it():
    rendered = pod()
    command = rendered["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    mark = next(line for line in env_file().splitlines() if "EKIBEN_DRAIN_MARK" in line).partition("=")[2]
    assert command == ["/bin/sh", "-c", f"touch {mark}; exec sleep 10"]
    mount = next(one for one in rendered["spec"]["containers"][0]["volumeMounts"] if mark.startswith(one["mountPath"]))
    assert "readOnly" not in mount


def env_file():
    """Return the file that bash reads."""
    return next(text for key, text in drain.pod_annotations().items() if key.endswith("env.sh"))


@pytest.mark.parametrize(("before", "after"), [(None, "/.ekiben/hook"), ("/a:/b", "/.ekiben/hook:/a:/b")])
def test_bash_puts_the_hook_before_what_the_image_or_the_user_has(tmp_path, before, after):
    (tmp_path / "env.sh").write_text(env_file())
    start = tmp_path / "entrypoint.sh"
    start.write_text("#!/usr/bin/env bash\nset -Eeuo pipefail\nexec env\n")
    start.chmod(0o755)
    variables = {"PATH": os.environ["PATH"], "BASH_ENV": str(tmp_path / "env.sh")}
    if before is not None:
        variables["PYTHONPATH"] = before
    shown = subprocess.run([start], env=variables, capture_output=True, text=True, check=True).stdout.splitlines()
    assert f"PYTHONPATH={after}" in shown
    assert not [line for line in shown if line.startswith("BASH_ENV")]


def test_a_bash_env_of_the_users_own_wins():
    env = pod(env=[{"name": "BASH_ENV", "value": "/data/env"}])["spec"]["containers"][0]["env"]
    assert [one["value"] for one in env if one["name"] == "BASH_ENV"] == ["/data/env"]


def test_an_image_that_may_have_no_shell_only_waits():
    rendered = pod(runtime="http")
    assert rendered["spec"]["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}
    assert not [one for one in rendered["spec"]["volumes"] if "downwardAPI" in one]


def test_the_hook_is_a_small_part_of_what_annotations_may_hold():
    assert sum(map(len, drain.pod_annotations().values())) < 8192
