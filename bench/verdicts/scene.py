"""One ModelDeployment of a bento whose true error rate is known, and what the gateway's route says when."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ekiben.cli.demo import stage
from ekiben.cli.demo.load import Load
from ekiben.cli.demo.pushed import Pushed
from ekiben.localcluster.images import ensure_base_image
from ekiben.localcluster.progress import Progress, step
from ekiben.localcluster.settings import ClusterInfo, cache_folder
from ekiben.packaging import PushRequest, push

NAME = "doubtful"
BENTO = Path(__file__).parent / "bento"
SMALL = {"resources": {"requests": {"cpu": "100m", "memory": "256Mi"}}}
"""What makes ten replicas of it fit on a node of two cores, to be put into spec.model."""
_DEADLINE = 900.0


def image(info: ClusterInfo, progress: Progress) -> str:
    """Return the bench's bento in the cluster's registry, built unless it is there (two minutes)."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(BENTO.iterdir()))).hexdigest()[:12]
    pushed = Pushed(cache_folder() / "pushed.json")
    found = pushed.find(f"{NAME}:{digest}", info.registry)
    if found is not None:
        return found
    os.environ["BENTOML_HOME"] = str(cache_folder() / "bentoml")
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    base = ensure_base_image(progress=progress)
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    bundle = Path(named) if named and Path(named).is_file() else None
    with step(progress, f"ekiben push {BENTO.name}"):
        request = PushRequest(str(BENTO), info.registry, ca_bundle=bundle, base_image=base, output=None)
        made = push(request, lambda _line: None).image
    pushed.remember(f"{NAME}:{digest}", made)
    return made


@dataclass(frozen=True)
class Truth:
    """How a revision behaves."""

    version: str
    errors: float = 0.0
    seconds: float = 0.05

    def env(self) -> list[dict[str, str]]:
        """Return the variables that make it so."""
        values = {"VERSION": self.version, "ERROR_RATE": f"{self.errors:g}", "SECONDS": f"{self.seconds:g}"}
        return [{"name": name, "value": value} for name, value in values.items()]


class Scene:
    """The resource in a namespace of its own."""

    def __init__(
        self,
        info: ClusterInfo,
        image: str,
        namespace: str,
        rollout: dict[str, Any],
        scaling: dict[str, Any] | None = None,
        model: dict[str, Any] | None = None,
    ) -> None:
        self._info = info
        self._image = image
        self._namespace = namespace
        self._rollout = rollout
        self._scaling = scaling or {"minReplicas": 3, "maxReplicas": 3}
        self._model = model or {}

    @property
    def host(self) -> str:
        """The model's hostname."""
        return f"{NAME}.{self._namespace}.{self._info.domain}"

    def load(self, rate: float, timeout: float = 30.0) -> Load:
        """Return steady callers of the model."""
        url = f"{self._info.gateway_url.rstrip('/')}/predict"
        return Load(url, self.host, rate, [{"value": 1.0}], timeout=timeout)

    async def apply(self, truth: Truth) -> None:
        """Ask for a revision that behaves so."""
        body = {
            "apiVersion": "ekiben.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": NAME},
            "spec": {
                "model": {"image": self._image, "env": truth.env(), **self._model},
                "scaling": self._scaling,
                "rollout": self._rollout,
            },
        }
        await self.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    async def forget(self) -> None:
        """Remove the resource with all that belongs to it, if it is there."""
        await self.kubectl("delete", "mdep", NAME, "--ignore-not-found", "--wait", "--cascade=foreground")

    async def until(self, *conditions: str) -> str:
        """Wait until one of these conditions is True and no rollout runs; returns which one."""
        deadline = time.monotonic() + _DEADLINE
        while time.monotonic() < deadline:
            one = json.loads(await self.kubectl("get", "mdep", NAME, "-o", "json"))
            status = one.get("status") or {}
            held = {item["type"] for item in status.get("conditions") or () if item["status"] == "True"}
            current = status.get("observedGeneration") == one["metadata"]["generation"]
            if current and not status.get("rollout") and held & set(conditions):
                return next(kind for kind in conditions if kind in held)
            await asyncio.sleep(1)
        raise TimeoutError(f"none of {conditions} within {_DEADLINE:g} s: {json.dumps(status, indent=1)[:6000]}")

    async def verdict(self) -> str:
        """Return what the evidence said last."""
        one = json.loads(await self.kubectl("get", "mdep", NAME, "-o", "json"))
        return str(((one.get("status") or {}).get("verdict") or {}).get("message") or "")

    @contextlib.asynccontextmanager
    async def weights(self) -> AsyncIterator[list[tuple[float, int]]]:
        """Follow the route: a list that grows by (event loop's time, the newest revision's weight) with each change."""
        command = [str(self._info.kubectl), "-n", self._namespace, "get", "httproute", NAME, "--watch", "-o", "json"]
        environment = {**os.environ, "KUBECONFIG": str(self._info.kubeconfig)}
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.PIPE, limit=2**20
        )
        seen: list[tuple[float, int]] = []
        following = asyncio.create_task(_follow(process, seen))
        try:
            yield seen
        finally:
            process.terminate()
            await process.wait()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the namespace and return what it printed."""
        command = [str(self._info.kubectl), "-n", self._namespace, *arguments]
        return await asyncio.to_thread(stage.tool, command, self._info, stdin=stdin)


async def _follow(process: asyncio.subprocess.Process, seen: list[tuple[float, int]]) -> None:
    """Read kubectl's objects one after the other; each ends with a brace at the beginning of a line."""
    assert process.stdout is not None
    lines: list[str] = []
    async for line in process.stdout:
        lines.append(line.decode())
        if line.startswith(b"}"):
            backends = json.loads("".join(lines))["spec"]["rules"][-1]["backendRefs"]
            weight = int(backends[1].get("weight", 1)) if len(backends) > 1 else 0
            if not seen or seen[-1][1] != weight:
                seen.append((asyncio.get_running_loop().time(), weight))
            lines.clear()
