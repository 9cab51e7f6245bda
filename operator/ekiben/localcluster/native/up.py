"""Bring the native cluster up, or bring back what is missing of it."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import yaml

from ekiben.localcluster import build, debian, kubeconfig
from ekiben.localcluster.commands import environment, run
from ekiben.localcluster.native import cgroups, checks, network, parts_images, pki, render, seed
from ekiben.localcluster.native.components import Component, components
from ekiben.localcluster.native.health import Api, available, condition, wait_answer, wait_healthy
from ekiben.localcluster.native.layout import CONTAINERD_SOCKET, NODE, RUN, Layout
from ekiben.localcluster.native.manifests import ENVOY_GATEWAY_NAMESPACE
from ekiben.localcluster.native.parts_images import Prepared
from ekiben.localcluster.processes import Identity, command_of, running, start, stop, write_atomically
from ekiben.localcluster.progress import Progress, step
from ekiben.localcluster.settings import GATEWAY, GATEWAY_NAMESPACE, NAME, ClusterInfo, Settings

_HEALTHY_SECONDS = 60
_READY_SECONDS = 120
_APISERVER = "kube-apiserver"
_APPLIED = "applied"
_DEPLOYMENTS = {
    "coredns": "/apis/apps/v1/namespaces/kube-system/deployments/coredns",
    "metrics-server": "/apis/apps/v1/namespaces/kube-system/deployments/metrics-server",
    "envoy-gateway": f"/apis/apps/v1/namespaces/{ENVOY_GATEWAY_NAMESPACE}/deployments/envoy-gateway",
}
_DAMAGED = (
    "Where it says that something is not found, the cluster's files are damaged. Make it anew: ekiben cluster down, up"
)
_DNS_SERVICE = "/api/v1/namespaces/kube-system/services/kube-dns"
_GATEWAY = f"/apis/gateway.networking.k8s.io/v1/namespaces/{GATEWAY_NAMESPACE}/gateways/{GATEWAY}"


def up(settings: Settings, progress: Progress) -> ClusterInfo:
    """Bring it up; the caller holds the lock.

    Raises:
        ClusterError: a check or a step failed.
    """
    layout = Layout(settings.state)
    checks.supported()
    checks.alone(layout)
    _check_ports(settings)
    debian.ensure(debian.NODE, progress)
    parts = build.ensure(settings.cache, progress)
    prepared = parts_images.prepare(settings.cache, parts, progress)
    node = components(layout, parts.bin)
    with step(progress, "Network, certificates and configuration"):
        _clear_strays(layout, node)
        network.ensure(settings.gateway_port, settings.registry_port)
        _configure(settings, layout)
    planted = _seed(parts.bin, layout, prepared, node, progress)
    with ThreadPoolExecutor(len(node) + 2) as pool:
        started = _start_all(pool, layout, node, progress)
        running_all = list(started.values())
        running_all.append(pool.submit(_import, parts.bin, prepared, started["containerd"], progress))
        if not planted:
            running_all.append(pool.submit(_reinstall, parts.bin, layout, prepared, started[_APISERVER], progress))
        for done in running_all:
            done.result()
    _wait_ready(layout, settings.gateway_port, progress)
    write_atomically(layout.data / _APPLIED, str(prepared.base))
    return ClusterInfo(
        provider="native", kubeconfig=layout.kubeconfig, context=NAME,
        gateway_url=f"http://127.0.0.1:{settings.gateway_port}", registry=f"localhost:{settings.registry_port}",
        kubectl=parts.bin / "kubectl", helm=parts.bin / "helm",
    )  # fmt: skip


def _check_ports(settings: Settings) -> None:
    """Refuse taken ports before anything is changed. Our own forwarding does not take a port: it listens nowhere."""
    network.refuse_taken_port(settings.gateway_port, "--gateway-port")
    network.refuse_taken_port(settings.registry_port, "--registry-port")


def _clear_strays(layout: Layout, node: list[Component]) -> None:
    """End what runs but is not what should run.

    That is: in a namespace that is gone (somebody deleted it), of another version or with other options than today's,
    or started and never written down (an `up` that was killed in between).
    """
    lost_network = not network.exists()
    inside = set(network.processes_inside())
    known = {c.name: identity for c in node if (identity := running(layout.pid(c.name))) is not None}
    lost = [
        known[c.name]
        for c in node
        if c.name in known and (known[c.name].pid not in inside or command_of(known[c.name].pid) != list(c.command))
    ]
    programs = {c.command[0] for c in node}
    for pid in inside - {identity.pid for identity in known.values()}:
        identity = Identity.of(pid)
        if identity is not None and (command_of(pid) or [""])[0] in programs:
            lost.append(identity)
    stop(lost, grace_seconds=5)
    if lost_network:
        # They hang on a bridge that nobody reaches. The kubelet has to be gone: it would make them anew there.
        stop(_pods(Path(node[0].command[0]).parent), grace_seconds=0)


def _pods(bin_folder: Path) -> list[Identity]:
    shim = str(bin_folder / "containerd-shim-runc-v2")
    pids = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()}
    shims = {pid for pid in pids if (command_of(pid) or [""])[0] == shim}
    return [found for pid in shims | cgroups.members() if (found := Identity.of(pid))]


def _configure(settings: Settings, layout: Layout) -> None:
    shutil.rmtree(layout.removing, ignore_errors=True)
    for folder in (layout.root, layout.config, layout.logs, layout.pids, layout.data, layout.kubelet, RUN):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pki.ensure(layout.pki)
    cgroups.ensure()
    for name, text in render.files(layout, debian.program("runc"), settings.registry_port).items():
        file = layout.config / name
        if not file.exists() or file.read_text() != text:
            write_atomically(file, text)
    admin = render.component_kubeconfig(layout, "admin")
    write_atomically(layout.kubeconfig, yaml.safe_dump(admin))
    kubeconfig.merge_into(settings.kubeconfig, admin)
    if not layout.info.exists():  # enough for `down` to find what this writes to, should it end early
        write_atomically(layout.info, json.dumps({"kubeconfig": str(settings.kubeconfig)}))


def _seed(bin_folder: Path, layout: Layout, prepared: Prepared, node: list[Component], progress: Progress) -> bool:
    """Give a new cluster a filled etcd, made first if the cache has none. False where etcd has data already."""
    data, place = layout.data / "etcd", seed.place(prepared.base)
    if data.exists():
        return False
    if not seed.plant(place, data):
        with step(progress, "Prepare what every new cluster begins with"), ThreadPoolExecutor(2) as pool:
            first = [component for component in node if component.name in {"etcd", _APISERVER}]
            started = _start_all(pool, layout, first, progress)
            _install(bin_folder, layout, prepared, started[_APISERVER], progress)
            for name in (_APISERVER, "etcd"):
                stop([found for found in [running(layout.pid(name))] if found], grace_seconds=20)
            seed.keep(data, place)
    return True


def _start_all(
    pool: ThreadPoolExecutor, layout: Layout, node: list[Component], progress: Progress
) -> dict[str, Future[None]]:
    started: dict[str, Future[None]] = {}
    for component in node:
        before = [started[name] for name in component.after]
        started[component.name] = pool.submit(_start, component, layout, before, progress)
    return started


def _start(component: Component, layout: Layout, before: list[Future[None]], progress: Progress) -> None:
    for done in before:
        done.result()
    pid_file, log = layout.pid(component.name), layout.log(component.name)
    if running(pid_file) is None:
        with step(progress, f"Start {component.name}"):
            path = {"PATH": f"{Path(component.command[0]).parent}:{environment()['PATH']}"}
            start(component.name, component.line(), pid_file=pid_file, log=log, environment=environment(path))
            wait_healthy(component, layout, _HEALTHY_SECONDS)
    else:
        wait_healthy(component, layout, _HEALTHY_SECONDS)


def _import(bin_folder: Path, prepared: Prepared, containerd: Future[None], progress: Progress) -> None:
    containerd.result()
    ctr = [bin_folder / "ctr", "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io", "images"]
    # Whole ones only: a machine that lost power knows of images whose layers were never written. The check ends with
    # an error at the first of those; what it did not reach is loaded once more.
    present = set(run("containerd", [*ctr, "check", "--quiet"], check=False).stdout.split())
    wanted = {reference: archive for reference, archive in prepared.archives.items() if reference not in present}
    if wanted:
        with step(progress, f"Load {len(wanted)} images"), ThreadPoolExecutor(2) as pool:
            commands = [[*ctr, "import", "--local", archive] for archive in wanted.values()]
            loading = [pool.submit(run, "containerd", one, timeout=300, advice=_DAMAGED) for one in commands]
            for done in loading:
                done.result()


def _reinstall(
    bin_folder: Path, layout: Layout, prepared: Prepared, apiserver: Future[None], progress: Progress
) -> None:
    """Apply once more unless an earlier `up` of these manifests ended well and what matters is still there."""
    apiserver.result()
    mark = layout.data / _APPLIED
    if mark.exists() and mark.read_text() == str(prepared.base):
        api = Api(layout)
        if all(api.get(path) is not None for path in (*_DEPLOYMENTS.values(), _DNS_SERVICE, _GATEWAY)):
            return
    _install(bin_folder, layout, prepared, apiserver, progress)


def _install(bin_folder: Path, layout: Layout, prepared: Prepared, apiserver: Future[None], progress: Progress) -> None:
    apiserver.result()
    kubectl = [bin_folder / "kubectl", f"--kubeconfig={layout.kubeconfig}"]
    apply = [
        *kubectl,
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=ekiben-cluster",
        "--validate=false",
    ]
    with step(progress, "Apply DNS, metrics and gateway controller"):
        run("kubectl", [*apply, "--filename", prepared.base], timeout=120)
        extra = {"KUBECONFIG": str(layout.kubeconfig), "ENVOY_GATEWAY_NAMESPACE": ENVOY_GATEWAY_NAMESPACE}
        certificates = [bin_folder / "envoy-gateway", "certgen", "--disable-topology-injector"]
        run("envoy-gateway", certificates, extra=extra, timeout=60)
    with step(progress, "Apply the Gateway"):
        deadline = time.monotonic() + 30
        while True:  # a custom resource's new type takes a moment to be served
            result = run("kubectl", [*apply, "--filename", prepared.gateway], check=time.monotonic() > deadline)
            if result.returncode == 0:
                return
            time.sleep(0.2)


def _wait_ready(layout: Layout, gateway_port: int, progress: Progress) -> None:
    api = Api(layout)
    with step(progress, "Node ready"):
        api.wait("node", f"/api/v1/nodes/{NODE}", lambda found: condition(found, "Ready"), _READY_SECONDS)
    with step(progress, "DNS ready"):
        api.wait("coredns", _DEPLOYMENTS["coredns"], available, _READY_SECONDS)
    with step(progress, "Gateway programmed"):
        api.wait("envoy-gateway", _DEPLOYMENTS["envoy-gateway"], available, _READY_SECONDS)
        api.wait("gateway", _GATEWAY, lambda found: condition(found, "Programmed"), _READY_SECONDS)
        # After a repair the conditions may still be those of before; an answer needs the proxy, its controller and DNS.
        wait_answer(f"http://127.0.0.1:{gateway_port}/", _READY_SECONDS)
