"""Asks the activators each second what they hold, and has the models that it concerns looked at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import aiohttp
from yarl import URL

from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ClusterError, ForbiddenError
from ekiben.objects.activation import key_of
from ekiben.signals.counters import MetricsError
from ekiben.signals.http import Asker

from ..logs import Complaint
from ..queue import Key, WorkQueue
from ..scale.held import Held
from .counted import Counted
from .seen import NAME_LABEL, Activation, Seen, activation, addresses, page_from
from .table import Table

_log = logging.getLogger(__name__)
_TICK = 1.0
_PAGE_SECONDS = 0.8
_TABLE_TICKS = 30
_MAX_PAGE = 4 * 1024 * 1024
_GONE_SECONDS = 15.0
_LONGEST_LOOK = 2 * _TICK
"""Seconds that one look speaks for at most: while the API server is away, nobody knows whether they are."""


class Activators:
    """All activators of this operator."""

    def __init__(
        self, cluster: Cluster, queue: WorkQueue, namespace: str, deployment: str, *, port: int = 8080
    ) -> None:
        """Prepare.

        Args:
            cluster: the API server.
            queue: where models are put that something has changed for.
            namespace: where the activators run.
            deployment: name of their Deployment; empty where none is installed.
            port: of their pages.
        """
        self.table = Table(cluster, namespace)
        self.nudge: Callable[[Key], None] = lambda _key: None
        self._cluster = cluster
        self._queue = queue
        self._namespace = namespace
        self._deployment = deployment
        self._port = port
        self._http = Asker(at_once=16, max_body=_MAX_PAGE)
        self._seen: dict[str, Seen] = {}
        self._uids: dict[Key, str] = {}
        self._counted = Counted()
        self._told: dict[Key, Activation] = {}
        self._problems: dict[Key, str] = {}
        self._looked: float | None = None
        """When they were last looked at."""
        self._without = 0.0
        """Seconds of looks in a row in which none of them took requests; what nobody saw does not count."""
        self._complaint = Complaint(_log, "to look at the activators")
        self._read = asyncio.Lock()
        self._begun = False

    @property
    def installed(self) -> bool:
        """Whether there are activators that can be told something."""
        return bool(self._deployment) and self.table.installed

    async def follow(self, key: Key, uid: str, *, sleeps: bool) -> Activation | None:
        """Return what the activators are to a model; None where none is installed, or it neither sleeps nor did."""
        if not self._deployment or not (sleeps or self._begun):
            return None
        try:
            await self._begin()
        except ForbiddenError as error:
            self._complaint.met(error.message)
            return None
        if not self.installed or not (sleeps or self.table.port(*key, uid)):
            self._uids.pop(key, None)
            return None
        self._uids[key] = uid
        return self._activation(key)

    async def read(self, key: Key, timeout: float) -> Held | None:  # noqa: ASYNC109 - read each second anyway
        """Return what they hold for a model; None where none is installed."""
        if not self.installed or key not in self._uids:
            return None
        found = self._activation(key)
        return Held(found.waiting, found.arrived, found.forwarded, known=found.known, ready=bool(found.addresses))

    def refused(self, key: Key, problem: str) -> None:
        """Note why they cannot be told of a model; empty where they can."""
        if problem and problem != self._problems.get(key):
            _log.warning("%s/%s cannot sleep: %s", *key, problem)
        self._problems[key] = problem
        if not problem:
            del self._problems[key]

    def cannot_leave(self, key: Key, problem: str) -> None:
        """Tell once why what leads to activators that are not there any more cannot be taken away."""
        if problem != self._problems.get(key):
            _log.warning("%s/%s: what led to the activators stays in the way of its requests: %s", *key, problem)
        self._problems[key] = problem

    async def forget(self, key: Key) -> None:
        """A model is gone.

        Raises:
            ClusterError: its entry could not be removed.
        """
        self._uids.pop(key, None)
        self._told.pop(key, None)
        self._problems.pop(key, None)
        if self._deployment:
            await self._begin()
            await self.table.forget(*key)

    async def run(self) -> None:
        """Look each second, until cancelled."""
        ticks = 0
        while True:
            started = asyncio.get_running_loop().time()
            try:
                if self._deployment and (self._uids or self.table.entries or not self._begun):
                    await self._begin()
                    if ticks % _TABLE_TICKS == 0:
                        await self.table.read()
                    await self.look()
                    ticks += 1
                    self._complaint.over()
            except ClusterError as error:
                self._complaint.met(error.message)
            except Exception:  # noqa: BLE001 - a defect met here must not end the operator
                _log.exception("A defect of ekiben: one look at the activators is lost")
            await asyncio.sleep(max(0.0, started + _TICK - asyncio.get_running_loop().time()))

    async def look(self) -> None:
        """Look once: pods, pages, and whom a change concerns.

        Raises:
            ClusterError: the pods could not be listed.
        """
        # Each second: the API server answers from what it has in memory, and need not ask etcd.
        pods = await self._cluster.list(kinds.POD, self._namespace, NAME_LABEL, cached=True)
        found = addresses(pods, self._deployment)
        pages = await asyncio.gather(*(self._page(ip) for ip in found))
        before = self._seen
        self._seen = {
            ip: Seen(ip, ready, page)
            if page is not None
            else Seen(
                ip, ready, before[ip].page if ip in before else {}, (before[ip].misses if ip in before else 0) + 1
            )
            for (ip, ready), page in zip(found.items(), pages, strict=True)
        }
        self._counted.take(self._seen.values(), self._uids)
        now = asyncio.get_running_loop().time()
        since_then = min(_LONGEST_LOOK, now - self._looked) if self._looked is not None else 0.0
        taken = any(one.takes for one in self._seen.values())
        self._looked, self._without = now, 0.0 if taken else self._without + since_then
        for key in list(self._uids):
            self._tell(key)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _begin(self) -> None:
        """Read everything once before anything is decided on it."""
        async with self._read:
            if self._begun:
                return
            await self.table.read()
            await self.look()
            for key in self.table.entries:
                # A model that was deleted while no operator ran has an entry still.
                namespace, _, name = key.partition(".")
                self._queue.add(Key(namespace, name))
            self._begun = True

    async def _page(self, ip: str) -> dict[str, object] | None:
        url = URL.build(scheme="http", host=ip, port=self._port, path="/queues")
        try:
            async with asyncio.timeout(_PAGE_SECONDS):
                return dict(page_from(await self._http.ask("GET", url, f"activator {ip}")))
        except (MetricsError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            _log.debug("Activator %s: %s", ip, error or type(error).__name__)
            return None

    def _activation(self, key: Key) -> Activation:
        uid = self._uids[key]
        port = self.table.port(*key, uid)
        found = activation(self._seen, key_of(*key), uid, port, self._counted.of(key, uid))
        return replace(found, gone=self._without >= _GONE_SECONDS, problem=self._problems.get(key, ""))

    def _tell(self, key: Key) -> None:
        """Have a model looked at where requests came, or activators came or went."""
        now, before = self._activation(key), self._told.get(key, Activation())
        self._told[key] = now
        if (now.waiting and not before.waiting) or now.arrived != before.arrived:
            self.nudge(key)
        if _shown(now) != _shown(before):
            self._queue.add(key)


def _shown(one: Activation) -> tuple[object, ...]:
    return (
        one.addresses,
        one.ready,
        bool(one.waiting),
        bool(one.on_the_way),
        one.known,
        one.gone,
        one.turns,
        one.starved,
    )
