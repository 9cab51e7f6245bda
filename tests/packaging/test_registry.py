from __future__ import annotations

from pathlib import Path

import pytest

from ekiben.packaging import registry
from ekiben.packaging.builders import Builder
from ekiben.packaging.errors import ToolError
from ekiben.packaging.references import Registry
from ekiben.packaging.trust import Trust

DIGEST = "sha256:" + "a" * 64
LOCAL, COMPANY = Registry.parse("localhost:5000"), Registry.parse("registry.example.com/team")
WRITES_DIGEST = f"""
for last; do :; done
while [ $# -gt 0 ]; do
  echo "argument $1"
  if [ "$1" = --digestfile ]; then echo {DIGEST} > "$2"; fi
  shift
done
"""


def push(path, to, told=None, **more):
    builder = Builder(path.name, str(path))
    given = {"insecure": False, "progress": (told.append if told is not None else lambda _: None), **more}
    return registry.push(to.image("iris", "v1"), to, builder, given.pop("trust", Trust()), **given)


def test_the_digest_is_the_one_of_the_push(tools):
    assert push(tools("buildah", WRITES_DIGEST), LOCAL) == DIGEST


@pytest.mark.parametrize(
    ("to", "insecure", "plain"), [(LOCAL, False, True), (COMPANY, False, False), (COMPANY, True, True)]
)
def test_tls_is_left_out_on_loopback_or_when_asked(tools, to, insecure, plain):
    told: list[str] = []
    push(tools("podman", WRITES_DIGEST), to, told, insecure=insecure)
    assert ("argument --tls-verify=false" in told) is plain


def test_a_companys_certificates_are_used(tools):
    told: list[str] = []
    push(tools("buildah", WRITES_DIGEST), COMPANY, told, trust=Trust(registry_certificates=Path("/certs")))
    at = told.index("argument --cert-dir")
    assert told[at + 1] == "argument /certs"
    assert "argument --tls-verify=false" not in told


def test_docker_prints_its_digest(tools):
    docker = tools("docker", f"echo 'v1: digest: {DIGEST} size: 1234'")
    assert push(docker, COMPANY) == DIGEST


def test_docker_is_asked_when_it_prints_none(tools):
    image = "registry.example.com/team/iris"
    docker = tools(
        "docker",
        f"""[ "$1" = push ] && echo pushed && exit 0
echo '["elsewhere/iris@sha256:{"b" * 64}", "{image}@{DIGEST}"]'""",
    )
    assert push(docker, COMPANY) == DIGEST


def test_no_digest_is_a_failure(tools):
    with pytest.raises(ToolError, match="finding its digest failed"):
        push(tools("buildah", "echo done"), LOCAL)


@pytest.mark.parametrize(("to", "advised"), [(LOCAL, "a registry answers at localhost:5000"), (COMPANY, "--ca-bundle")])
def test_a_refused_push_says_what_to_do(tools, to, advised):
    buildah = tools("buildah", "echo 'unauthorized: authentication required' >&2; exit 125")
    with pytest.raises(ToolError) as failed:
        push(buildah, to)
    assert "unauthorized: authentication required" in str(failed.value)
    assert advised in str(failed.value)
    assert f"`buildah login {to.host}`" in str(failed.value)
