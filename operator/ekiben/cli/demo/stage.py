"""What stands before the curtain rises: the cluster, the operator in it, and four bentos in its registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ekiben import localcluster
from ekiben.localcluster.images import ensure_base_image
from ekiben.localcluster.operator_image import build_operator_image
from ekiben.localcluster.progress import Progress, step
from ekiben.localcluster.settings import ClusterInfo, cache_folder
from ekiben.packaging import PushRequest, push

from .pushed import Pushed

OPERATOR_NAMESPACE = "ekiben-system"
_TIMEOUT = 600


class DemoError(Exception):
    """The demo cannot go on; the message says what failed and what to do."""


@dataclass(frozen=True)
class Packed:
    """One revision of the bento, in the registry."""

    version: str
    """Name of the revision: v1 to v4."""
    image: str
    """Reference by digest."""
    header: str
    """What its answers carry in the model's header."""
    log_loss: float
    """On held-out flowers; smaller is better."""


def source_root() -> Path:
    """Return the checkout that this module runs from, or that the working directory is.

    Raises:
        DemoError: neither holds bentos/ and charts/, which an installed package does not.
    """
    for folder in (Path(__file__).resolve().parents[4], Path.cwd()):
        if (folder / "bentos/iris/service.py").exists() and (folder / "charts/ekiben").is_dir():
            return folder
    raise DemoError("The demo needs bentos/ and charts/ of ekiben's repository: run it in a checkout of it.")


def raise_cluster(progress: Progress, gateway_port: int) -> ClusterInfo:
    """Bring the local cluster up, or find it up."""
    return localcluster.up(localcluster.Settings(gateway_port=gateway_port), progress)


def install_operator(root: Path, info: ClusterInfo, progress: Progress, *values: str) -> None:
    """Build the operator's image from the sources, give it to the cluster, and install the chart.

    `values` are what the chart is to be set to, such as `activator.enabled=true`; it has its own without any.
    """
    tag = f"ekiben-operator:{_chart_version(root)}"
    with step(progress, "base image"):
        base = ensure_base_image(progress=progress)
    with step(progress, "operator image"):
        build_operator_image(root, tag, _ca_bundle(), progress.note, base)
    with step(progress, "operator image into the cluster"):
        localcluster.load(tag)
    with step(progress, " ".join(["helm install ekiben charts/ekiben", *values])):
        chart = str(root / "charts/ekiben")
        options = ["--namespace", OPERATOR_NAMESPACE, "--create-namespace", "--wait", "--timeout", "3m"]
        # Without it helm would keep what an earlier call has set.
        options += ["--reset-values", *(part for value in values for part in ("--set", value))]
        tool([str(info.helm), "upgrade", "--install", "ekiben", chart, *options], info)
    with step(progress, "operator running these sources"):
        _restart_if_changed(root, info, tag)


def _restart_if_changed(root: Path, info: ClusterInfo, tag: str) -> None:
    """The chart's tag stays the same while one works on the sources: have the pod made anew when the image changed."""
    found = subprocess.run(
        ["buildah", "images", "--format", "{{.ID}}", tag], capture_output=True, text=True, check=False
    ).stdout.strip()
    patch = {"spec": {"template": {"metadata": {"annotations": {"ekiben.dev/image-id": found[:64]}}}}}
    target = ["-n", OPERATOR_NAMESPACE, "deployment/ekiben"]
    tool([str(info.kubectl), "patch", *target, "--type", "merge", "-p", json.dumps(patch)], info)
    tool([str(info.kubectl), "rollout", "status", *target, "--timeout=3m"], info)


def pack(root: Path, info: ClusterInfo, progress: Progress, told: Callable[[str], None]) -> list[Packed]:
    """Train and build the four revisions, make their images, and push them; what is there already is not made again."""
    # A store of the demo's own: the user's bentos are none of its business.
    os.environ["BENTOML_HOME"] = str(cache_folder() / "bentoml")
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    Path(os.environ["BENTOML_HOME"]).mkdir(parents=True, exist_ok=True)
    with step(progress, "base image"):
        base = ensure_base_image(progress=progress)
    with step(progress, "training and `bentoml build`"):
        command = [sys.executable, "build_revisions.py", "--json"]
        printed = tool(command, info, cwd=root / "bentos/iris")
    pushed = Pushed(cache_folder() / "pushed.json")
    packed = []
    for built in map(json.loads, printed.splitlines()):
        version, tag = built["revision"], built["bento_tag"]
        told(f"{version}: held-out log-loss {built['log_loss']:.3f}, accuracy {built['accuracy']:.1%}")
        image = pushed.find(tag, info.registry)
        if image is None:
            with step(progress, f"ekiben push {tag}"):
                ordered = PushRequest(tag, info.registry, ca_bundle=_ca_bundle(), base_image=base, output=None)
                image = push(ordered, lambda _line: None).image
            pushed.remember(tag, image)
        packed.append(Packed(version, image, built["model_version"], built["log_loss"]))
    return packed


def tool(command: list[str], info: ClusterInfo, *, cwd: Path | None = None, stdin: str | None = None) -> str:
    """Run a tool against the cluster and return what it printed.

    Raises:
        DemoError: it failed; the message carries the tool's own last lines.
    """
    environment = {**os.environ, "KUBECONFIG": str(info.kubeconfig)}
    result = subprocess.run(
        command, env=environment, cwd=cwd, input=stdin, capture_output=True, text=True, check=False, timeout=_TIMEOUT
    )
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines()[-15:]
        shown = " ".join([Path(command[0]).name, *command[1:4]])
        raise DemoError(f"`{shown} …` ended with exit code {result.returncode}:\n" + "\n".join(lines))
    return result.stdout


def _chart_version(root: Path) -> str:
    for line in (root / "charts/ekiben/Chart.yaml").read_text().splitlines():
        if line.startswith("appVersion:"):
            return line.partition(":")[2].strip().strip("\"'")
    raise DemoError("charts/ekiben/Chart.yaml names no appVersion")


def _ca_bundle() -> Path | None:
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    return Path(named) if named and Path(named).is_file() else None
