"""What is asked of a builder, and what becomes of its failures; the program that calls it is a stand-in here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ekiben.packaging import builders, containerize
from ekiben.packaging.bentos import Bento
from ekiben.packaging.builders import Builder
from ekiben.packaging.containerize import ImageOrder
from ekiben.packaging.errors import PackagingError, ToolError
from ekiben.packaging.trust import Trust

BENTO = Bento("iris", "v1", base_image="python:3.11-slim")
IMAGE = "localhost:5000/iris:v1"


@pytest.fixture
def worker(tools, monkeypatch, tmp_path):
    """`worker(script)` replaces the Python that runs BentoML; `$2` is the order. Returns the orders it was given."""
    orders = tmp_path / "orders"
    monkeypatch.setenv("ORDERS", str(orders))
    monkeypatch.setattr(builders, "inside_container", lambda: False)
    monkeypatch.delenv("BUILDAH_ISOLATION", raising=False)

    def make(script: str):
        path = tools("fakepython", f'echo "$2" >> "$ORDERS"\nidentity="${{2##*--iidfile\\", \\"}}"\n'
                                   f'identity="${{identity%%\\"*}}"\n{script}')  # fmt: skip
        monkeypatch.setattr(containerize, "bentoml_python", lambda: str(path))
        return lambda: [json.loads(line) for line in orders.read_text().splitlines()]

    return make


def order(builder: str, **more) -> ImageOrder:
    return ImageOrder(BENTO, IMAGE, Builder(builder, f"/usr/bin/{builder}"), more.pop("trust", Trust()), **more)


def pairs(arguments: list[str]) -> list[tuple[str, str]]:
    return list(zip(arguments[::2], arguments[1::2], strict=True))


def test_buildah_gets_each_mount_and_the_base_image(worker):
    orders = worker('echo sha256:1 > "$identity"')
    trust = Trust(mounts=((Path("/a/ca.pem"), "/etc/ca.pem"), (Path("/a/pip.conf"), "/etc/pip.conf")))
    containerize.containerize(order("buildah", trust=trust, base_image="base:1"), lambda _: None)
    [given] = orders()
    assert given["bento"] == "iris:v1"
    assert given["buildkit"] is False
    passed = pairs(given["arguments"])
    assert ("--tag", IMAGE) in passed
    assert ("--from", "base:1") in passed
    assert ("--volume", "/a/ca.pem:/etc/ca.pem:ro") in passed
    assert ("--volume", "/a/pip.conf:/etc/pip.conf:ro") in passed


def test_docker_replaces_the_base_image_by_name(worker):
    orders = worker('echo sha256:1 > "$identity"')
    containerize.containerize(order("docker", base_image="base:1"), lambda _: None)
    [given] = orders()
    assert given["buildkit"] is True
    assert ("--build-context", "python:3.11-slim=docker-image://base:1") in pairs(given["arguments"])


def test_docker_says_that_it_cannot_show_files_to_a_build(worker):
    worker("exit 1")
    with pytest.raises(PackagingError, match="need buildah or podman"):
        containerize.containerize(order("docker", trust=Trust(environment={"SSL_CERT_FILE": "x"})), lambda _: None)


def test_an_image_that_is_not_there_is_a_failure_whatever_the_exit_code(worker):
    worker("echo 'Encountered exception while trying to building image'; exit 0")
    with pytest.raises(ToolError, match="buildah said:\n    Encountered exception"):
        containerize.containerize(order("buildah"), lambda _: None)


def test_the_builders_own_words_reach_the_user(worker):
    orders = worker("echo 'error: no matching distribution for torch==99'; exit 1")
    with pytest.raises(ToolError) as failed:
        containerize.containerize(order("buildah"), lambda _: None)
    assert "Building the image of iris:v1 with buildah failed" in str(failed.value)
    assert "no matching distribution for torch==99" in str(failed.value)
    assert "--index-url" in str(failed.value)
    assert len(orders()) == 1, "what fails inside a container is not tried again"


def test_buildah_tries_again_with_chroot_where_no_container_starts(worker):
    told: list[str] = []
    orders = worker(
        'if [ "$BUILDAH_ISOLATION" = chroot ]; then echo sha256:1 > "$identity"; '
        "else echo 'error running container: runc: cgroup not mounted'; exit 1; fi"
    )
    containerize.containerize(order("buildah"), told.append)
    assert len(orders()) == 2
    assert any("chroot" in line for line in told)


def test_the_users_isolation_is_not_overruled(worker, monkeypatch):
    orders = worker("echo 'runc: cgroup not mounted'; exit 1")
    monkeypatch.setenv("BUILDAH_ISOLATION", "oci")
    with pytest.raises(ToolError):
        containerize.containerize(order("buildah"), lambda _: None)
    assert len(orders()) == 1
