"""The process: connect, wait for the lease, watch and work until something ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import uuid
from collections.abc import Coroutine
from typing import Any

import kopf

from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.connection import Source, own_namespace
from ekiben.cluster.errors import ClusterError
from ekiben.cluster.lease import Elector
from ekiben.objects.settings import Settings as Rendering

from . import handlers, health
from .activators.activators import Activators
from .apply import Applier
from .evidence import Watchers
from .gateways import Gateways
from .metrics import Metrics
from .observe import Observer
from .queue import WorkQueue
from .reconcile import Reconciler
from .scale.scalers import Scalers
from .settings import Settings
from .sources import Sources

_log = logging.getLogger(__name__)
_STOP_SECONDS = 8.0
_RELEASE_SECONDS = 3.0


class StartError(Exception):
    """The operator cannot start; the message says what to do."""


async def run(settings: Settings, source: Source) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raises:
        StartError, ClusterError: it cannot start.
        LeaseLostError: another operator has taken over.
    """
    queue, metrics = WorkQueue(), Metrics()
    state = health.Health(queue, metrics)
    cluster = await Cluster.connect(source, metrics.count_request)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # until kopf sets its own
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await _check(cluster)
        server, port = await _listen(settings, source, state)
        state.ready = True
        _log.info("Serving /metrics, /livez and /readyz on port %d", port)
        try:
            elector = await _elector(settings, source, cluster)
            if await _unless(stop, elector.acquire()):
                state.leading = True
                try:
                    await _lead(settings, source, cluster, state, elector, stop)
                finally:
                    state.leading = False
                    with contextlib.suppress(TimeoutError):  # an API server that is away must not hold up the exit
                        async with asyncio.timeout(_RELEASE_SECONDS):
                            await elector.release()
        finally:
            await server.cleanup()
    finally:
        await cluster.close()
    _log.info("Stopped")


async def _lead(
    settings: Settings, source: Source, cluster: Cluster, state: health.Health, elector: Elector, stop: asyncio.Event
) -> None:
    rendering = Rendering(settings.gateway_name, settings.gateway_namespace, settings.domain, settings.hostnames)
    gateways = Gateways(cluster, rendering, settings.public_port)
    try:
        sources = Sources(settings, cluster, state.metrics, in_cluster=source.in_cluster)
    except (ValueError, OSError) as unusable:
        raise StartError(f"The settings of Prometheus or of the queries cannot be used: {unusable}") from unusable
    watchers = Watchers(sources, state.queue, settings)
    where = settings.activator_namespace or (own_namespace() if source.in_cluster else "") or "default"
    activators = Activators(cluster, state.queue, where, settings.activator)
    scalers = Scalers(
        sources.pods,
        state.queue,
        state.metrics,
        tick=settings.tick,
        tick_many_pods=settings.tick_many_pods,
        holding=activators,
    )
    activators.nudge = scalers.nudge
    observer = Observer(cluster, rendering, gateways, settings.freeze, settings.keda_triggers, activators)
    reconciler = Reconciler(
        cluster,
        observer,
        Applier(cluster, rendering, lambda action: state.metrics.writes.labels(action).inc(), activators),
        watchers,
        scalers,
        rendering,
        state.queue,
        state.metrics,
        settings.resync,
    )
    kopf_settings = kopf.OperatorSettings()
    handlers.configured(kopf_settings)

    async def stopping() -> None:
        stop.set()  # kopf otherwise waits five seconds for its own task that waits for this flag
        await scalers.close()
        await watchers.close()

    registry = handlers.registry(state.queue, source, state, observer.policies, stopping)
    # The workers are there before the first event is. They are never expected to end: the first of these tasks that
    # does ends the process.
    tasks = [asyncio.create_task(reconciler.work(), name=f"worker {n}") for n in range(settings.concurrency)]
    tasks.append(asyncio.create_task(elector.hold(), name="lease"))
    tasks.append(asyncio.create_task(activators.run(), name="activators"))
    watching = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=kopf_settings,
            standalone=True,
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
            stop_flag=stop,
        ),
        name="kopf",
    )
    try:
        done, _ = await asyncio.wait([*tasks, watching], return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Nothing is written any more from here on: the lease may be somebody else's by now.
        await _cancel(tasks)
        stop.set()
        await asyncio.wait([watching], timeout=_STOP_SECONDS)
        await _cancel([watching])
        await scalers.close()
        await activators.close()
        await watchers.close()
    for task in done:
        error = task.exception()
        if task is watching and error:
            raise StartError(f"Watching the cluster ended: {error}") from error
        task.result()


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do some work unless asked to stop first; returns whether it was done."""
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        await _cancel([task])
        return False
    task.result()
    return True


async def _check(cluster: Cluster) -> None:
    version = await cluster.version()
    _log.info("Connected to Kubernetes %s at %s", version, cluster.client.configuration.host)
    if not await cluster.serves(kinds.MODEL_DEPLOYMENT):
        raise StartError(
            "This cluster does not know the kind ModelDeployment. Install ekiben with `helm install ekiben "
            "charts/ekiben`, or only its resource with `ekiben crd | kubectl apply --server-side -f -`."
        )
    if not await cluster.serves(kinds.HTTP_ROUTE):
        _log.warning("Gateway API is not installed: no model can be reached until it is, and ekiben started again")


async def _listen(settings: Settings, source: Source, state: health.Health) -> tuple[Any, int]:
    address = settings.address or ("0.0.0.0" if source.in_cluster else "127.0.0.1")  # noqa: S104 - probes come from outside
    try:
        return await health.serve(state, address, settings.http_port)
    except OSError as error:
        raise StartError(
            f"Cannot listen on {address}:{settings.http_port} ({error.strerror}). Choose another port with --port or "
            "EKIBEN_HTTP_PORT; 0 takes a free one."
        ) from error


async def _elector(settings: Settings, source: Source, cluster: Cluster) -> Elector:
    namespace = settings.lease_namespace or (own_namespace() if source.in_cluster else "")
    if not namespace:
        fallback = settings.namespaces[0] if settings.namespaces else "default"
        namespace = await _found(cluster, settings.lease_name) or fallback
    identity = f"{os.environ.get('POD_NAME') or socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    return Elector(cluster, namespace, settings.lease_name, identity)


async def _found(cluster: Cluster, lease: str) -> str:
    """Return the namespace of an operator in the cluster, so that one on a laptop waits for it; empty if none."""
    try:
        leases = await cluster.list(kinds.LEASE, None, fields=f"metadata.name={lease}")
    except ClusterError as error:
        _log.debug("Leases of other namespaces cannot be listed: %s", error.message)
        return ""
    latest = max(leases, key=lambda item: str(item["spec"].get("renewTime") or ""), default=None)
    return str(latest["metadata"]["namespace"]) if latest else ""
