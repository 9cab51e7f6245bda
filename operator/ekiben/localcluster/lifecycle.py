"""Up, down, status and load, whatever the provider."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ekiben.localcluster import external, lock, providers, transfer
from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.native import checks
from ekiben.localcluster.native import down as native_down
from ekiben.localcluster.native import status as native_status
from ekiben.localcluster.native import up as native_up
from ekiben.localcluster.native.layout import Layout
from ekiben.localcluster.native.status import Part, Status
from ekiben.localcluster.processes import running, write_atomically
from ekiben.localcluster.progress import Progress, Silent, step
from ekiben.localcluster.settings import DEFAULT_GATEWAY_PORT, DEFAULT_REGISTRY_PORT, ClusterInfo, Settings

_RECORDS = "timings.jsonl"


def up(settings: Settings | None = None, progress: Progress | None = None) -> ClusterInfo:
    """Bring a cluster up, or bring back what is missing of the one that is there.

    A cluster that is there keeps its provider and its ports unless others are asked for.

    Raises:
        ClusterError: a step failed; the message names the component, its last log lines and what to do.
    """
    settings, progress = settings or Settings(), progress or Silent()
    provider, why = providers.choose(settings)
    recorded = _recorded(settings)
    settings = replace(
        settings,
        gateway_port=settings.gateway_port or int(recorded.get("gateway_port", DEFAULT_GATEWAY_PORT)),
        registry_port=settings.registry_port or int(recorded.get("registry_port", DEFAULT_REGISTRY_PORT)),
    )
    if provider != "context" and settings.provider is None and (there := recorded.get("provider")):
        provider, why = there, "it is there already"
    progress.note(f"Provider: {provider} ({why})")
    if provider == "context":
        return external.use_context(settings)
    with lock.exclusive(_lock_file(settings), progress):
        began, cold = time.monotonic(), not (settings.cache / "go").exists()
        native = provider == "native"
        info = native_up.up(settings, progress) if native else external.up(provider, settings, progress)
        write_atomically(_info_file(settings), json.dumps(_document(settings, info), indent=2))
        fresh = not recorded.get("ready")
        _record(
            settings,
            {"provider": provider, "cold": cold, "fresh": fresh, "seconds": round(time.monotonic() - began, 1)},
        )
    return info


def down(settings: Settings | None = None, progress: Progress | None = None, *, purge: bool = False) -> None:
    """Take the cluster away with all that belongs to it; `purge` removes the cache of built parts too.

    Raises:
        ClusterError: something could not be removed.
    """
    settings, progress = settings or Settings(), progress or Silent()
    with lock.exclusive(_lock_file(settings), progress):
        provider = _recorded(settings).get("provider", "native")
        if provider == "native":
            checks.supported()
            native_down.down(settings, progress)
        else:
            external.down(provider, settings)
        if purge:
            with step(progress, f"Remove {settings.cache}"):
                shutil.rmtree(settings.cache, ignore_errors=True)
    for folder in (settings.state.parent, settings.cache):
        if folder.name == "ekiben" and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def current(settings: Settings | None = None) -> ClusterInfo | None:
    """Return how to reach the cluster that `up` brought up; None where there is none, or where it has stopped."""
    settings = settings or Settings()
    recorded = _recorded(settings)
    if not recorded.get("ready"):
        return None
    if recorded["provider"] == "native" and running(Layout(settings.state).pid("kube-apiserver")) is None:
        return None
    paths = {name: Path(recorded["info"][name]) for name in ("kubeconfig", "kubectl", "helm")}
    return ClusterInfo(**{**recorded["info"], **paths})


def status(settings: Settings | None = None) -> Status:
    """Return how the cluster is."""
    settings = settings or Settings()
    provider = _recorded(settings).get("provider", "native")
    if provider == "native":
        return native_status.status(settings)
    there = external.exists(provider)
    return Status(provider, [Part(provider, running=there, healthy=there)] if there else [])


def load(image: str, settings: Settings | None = None, progress: Progress | None = None) -> str:
    """Copy an image of this machine into the cluster; returns the reference to write into resources.

    Raises:
        ClusterError: there is no cluster, no such image, or copying failed.
    """
    info = current(settings)
    if info is None:
        raise ClusterError("cluster", "there is none, or it has stopped", advice="Run: ekiben cluster up")
    return transfer.into_cluster(image, info, progress or Silent())


def _lock_file(settings: Settings) -> Path:
    return settings.state.with_suffix(".lock")


def _info_file(settings: Settings) -> Path:
    return settings.state / "cluster.json"


def _document(settings: Settings, info: ClusterInfo) -> dict[str, Any]:
    fields = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(info).items()}
    ports = {"gateway_port": settings.gateway_port, "registry_port": settings.registry_port}
    return {"provider": info.provider, "ready": True, "kubeconfig": str(settings.kubeconfig), "info": fields, **ports}


def _recorded(settings: Settings) -> dict[str, Any]:
    try:
        found = json.loads(_info_file(settings).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _record(settings: Settings, entry: dict[str, Any]) -> None:
    """Append how long an `up` took to the cache, where `bench/cluster` reads it."""
    settings.cache.mkdir(parents=True, exist_ok=True)
    with (settings.cache / _RECORDS).open("a") as file:
        file.write(json.dumps({**entry, "at": int(time.time())}) + "\n")
