"""What end-to-end tests stand on: the local cluster, the operator installed by its chart, real bentos."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ekiben import localcluster
from ekiben.cli.demo import stage
from ekiben.localcluster.progress import Lines
from ekiben.localcluster.settings import ClusterInfo


@pytest.fixture(scope="session")
def cluster() -> ClusterInfo:
    """The local cluster; it stays up, as the demo's does."""
    return localcluster.up(localcluster.Settings(), Lines())


@pytest.fixture(scope="session")
def operator(cluster: ClusterInfo) -> ClusterInfo:
    """The operator of these sources, installed by the chart with zero values."""
    stage.install_operator(stage.source_root(), cluster, Lines())
    return cluster


@pytest.fixture(scope="session")
def images(operator: ClusterInfo) -> dict[str, stage.Packed]:
    """The four iris revisions in the cluster's registry."""
    packed = stage.pack(stage.source_root(), operator, Lines(), lambda _text: None)
    return {one.version: one for one in packed}


@dataclass(frozen=True)
class Namespace:
    """A namespace that enforces Pod Security "restricted", and kubectl in it."""

    name: str
    cluster: ClusterInfo

    def kubectl(self, *arguments: str, body: dict[str, Any] | None = None, check: bool = True) -> str:
        command = [str(self.cluster.kubectl), "--namespace", self.name, *arguments]
        result = subprocess.run(
            command,
            env={**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig)},
            input=json.dumps(body) if body else None,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert not check or result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
        return result.stdout + result.stderr

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def apply(self, model: dict[str, Any], **spec: Any) -> None:
        body = {
            "apiVersion": "ekiben.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": "iris"},
            "spec": {"model": model, **spec},
        }
        self.kubectl("apply", "-f", "-", body=body)

    def wait(self, condition: str, seconds: int = 120) -> str:
        """Wait as a user would, and return the condition's reason; on failure, the whole story is shown."""
        out = self.kubectl("wait", "mdep/iris", f"--for=condition={condition}", f"--timeout={seconds}s", check=False)
        assert "condition met" in out, out + self.kubectl("describe", "mdep", "iris") + self.kubectl("get", "pods")
        return str(
            next(c for c in self.get("mdep", "iris")["status"]["conditions"] if c["type"] == condition)["reason"]
        )

    async def wait_async(self, condition: str, seconds: int = 120) -> str:
        return await asyncio.to_thread(self.wait, condition, seconds)

    @property
    def host(self) -> str:
        return f"iris.{self.name}.{self.cluster.domain}"


@pytest.fixture(scope="module")
def namespace(operator: ClusterInfo, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A fresh namespace of this file."""
    name = "e2e-" + request.path.stem.removeprefix("test_").replace("_", "-")
    one = Namespace(name, operator)
    one.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait", "--timeout=120s")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    one.kubectl(
        "create",
        "-f",
        "-",
        body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
    )
    yield one
    one.kubectl("delete", "namespace", name, "--wait=false")
