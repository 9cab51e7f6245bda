from __future__ import annotations

import pytest

from ekiben.packaging import builders
from ekiben.packaging.builders import find_builder
from ekiben.packaging.errors import PackagingError


def test_the_first_that_works_is_taken(tools):
    tools("buildah", "echo 'cannot set up namespace using newuidmap' >&2; exit 125")
    tools("podman", "exit 0")
    tools("docker", "exit 0")
    assert find_builder().name == "podman"


def test_each_refusal_is_explained(tools):
    tools("podman", "echo 'warning: odd'; echo 'Error: no space left on device' >&2; exit 125")
    tools("docker", "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1")
    with pytest.raises(PackagingError) as refused:
        find_builder()
    assert "buildah: not installed (not on PATH)" in str(refused.value)
    assert "podman: " in str(refused.value)
    assert "docker: Cannot connect to the Docker daemon" in str(refused.value)
    assert "Install buildah" in str(refused.value)


def test_one_that_was_asked_for_is_not_replaced(tools):
    tools("buildah", "exit 0")
    tools("docker", "exit 1")
    with pytest.raises(PackagingError, match="docker: ended with exit code 1"):
        find_builder("docker")


def test_one_that_hangs_is_refused(tools, monkeypatch):
    tools("buildah", "exec /bin/sleep 60")
    monkeypatch.setattr(builders, "_PATIENCE", 0.2)
    with pytest.raises(PackagingError, match="buildah: gave no answer"):
        find_builder("buildah")


def test_an_unknown_name_is_refused(tools):
    with pytest.raises(PackagingError, match="Choose one of: buildah, podman, docker, auto"):
        find_builder("kaniko")


@pytest.mark.parametrize(
    ("inside", "given", "expected"),
    [(True, None, "chroot"), (False, None, None), (True, "oci", None)],
)
def test_isolation_is_chosen_only_inside_a_container_and_never_against_the_user(
    tools, monkeypatch, inside, given, expected
):
    tools("buildah", "exit 0")
    monkeypatch.setattr(builders, "inside_container", lambda: inside)
    monkeypatch.delenv("BUILDAH_ISOLATION", raising=False)
    if given:
        monkeypatch.setenv("BUILDAH_ISOLATION", given)
    environment = find_builder("buildah").environment()
    assert environment.get("BUILDAH_ISOLATION") == expected
    assert environment["BUILDAH_LAYERS"] == "true"
