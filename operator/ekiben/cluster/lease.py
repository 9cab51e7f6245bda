"""One leader at a time: a Lease, acquired, renewed and released.

A lock by lease is not perfect (a process may sleep through its expiry), which is why every write that carries a
decision also names the version that it was decided on.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from dataclasses import dataclass, field
from typing import Any

from .api import Cluster
from .errors import ClusterError, ConflictError
from .kinds import LEASE

_log = logging.getLogger(__name__)


class LeaseLostError(Exception):
    """Somebody else leads, or may soon: stop writing at once."""


@dataclass
class Elector:
    """Holds a Lease on behalf of `identity`."""

    cluster: Cluster
    namespace: str
    name: str
    identity: str
    duration: float = 20.0
    """Seconds after which a holder that does not renew has lost it."""
    renew_every: float = 3.0
    give_up_after: float = 15.0
    """Seconds without a successful renewal after which this process stops; less than `duration`, so that it stops
    before another one starts. Time for three attempts: on a busy node one may well take seconds."""
    _seen: tuple[str, float] = field(default=("", 0.0), init=False)

    async def acquire(self) -> None:
        """Wait until this process holds the lease."""
        told = ""
        while True:
            try:
                holder = await self._try()
            except ClusterError as error:
                if error.code in {401, 403, 404}:  # waiting would not help
                    raise
                _log.warning("Cannot read the lease %s/%s: %s", self.namespace, self.name, error.message)
                holder = told
            if holder == self.identity:
                _log.info("Leading, by the lease %s/%s", self.namespace, self.name)
                return
            if holder != told:
                _log.info("Waiting: %s leads, by the lease %s/%s", holder, self.namespace, self.name)
                told = holder
            await asyncio.sleep(self.renew_every / 2)

    async def hold(self) -> None:
        """Renew the lease for as long as this process runs.

        Raises:
            LeaseLostError: another process took it, or it could not be renewed in time.
        """
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(self.renew_every)
            try:
                holder = await self._renew(renewed + self.give_up_after)
            except (ClusterError, TimeoutError) as error:
                raise LeaseLostError(
                    f"The lease {self.namespace}/{self.name} could not be renewed for {self.give_up_after:.0f} s: "
                    f"{str(error) or 'no answer from the API server'}"
                ) from error
            if holder != self.identity:
                raise LeaseLostError(f"{holder} has taken the lease {self.namespace}/{self.name}")
            renewed = time.monotonic()

    async def _renew(self, deadline: float) -> str:
        """Try until it is known who holds the lease; the last error where that takes longer than the deadline."""
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                async with asyncio.timeout(min(left, self.give_up_after / 3)):
                    return await self._try()
            except (ClusterError, TimeoutError) as error:
                if time.monotonic() + self.renew_every / 3 >= deadline:
                    raise
                _log.warning("The lease was not renewed, trying again: %s", str(error) or "no answer in time")
            await asyncio.sleep(self.renew_every / 3)

    async def release(self) -> None:
        """Let the next one start at once; best effort."""
        try:
            lease = await self.cluster.get(LEASE, self.namespace, self.name)
            if lease["spec"].get("holderIdentity") == self.identity:
                await self.cluster.replace(LEASE, self.namespace, self._held(lease, "", 1))
        except ClusterError as error:
            _log.info("The lease %s/%s was not released: %s", self.namespace, self.name, error.message)

    async def _try(self) -> str:
        """Take or renew the lease if that is possible now; returns the holder."""
        lease = await self.cluster.find(LEASE, self.namespace, self.name)
        try:
            if lease is None:
                body = {
                    "apiVersion": LEASE.api_version,
                    "kind": LEASE.kind,
                    "metadata": {"name": self.name, "namespace": self.namespace},
                    "spec": {},
                }
                await self.cluster.create(LEASE, self.namespace, self._held(body, self.identity, self.duration))
            else:
                holder = str(lease["spec"].get("holderIdentity") or "")
                if holder not in {"", self.identity} and not self._expired(lease):
                    return holder
                await self.cluster.replace(LEASE, self.namespace, self._held(lease, self.identity, self.duration))
        except ConflictError:  # somebody was faster
            lease = await self.cluster.get(LEASE, self.namespace, self.name)
            return str(lease["spec"].get("holderIdentity") or "")
        return self.identity

    def _expired(self, lease: dict[str, Any]) -> bool:
        """Whether the holder was not seen to renew for its own duration, by this process's clock alone."""
        version = lease["metadata"]["resourceVersion"]
        if self._seen[0] != version:
            self._seen = (version, time.monotonic())
        return time.monotonic() - self._seen[1] > float(lease["spec"].get("leaseDurationSeconds") or self.duration)

    def _held(self, lease: dict[str, Any], identity: str, duration: float) -> dict[str, Any]:
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(lease.get("spec") or {})
        if spec.get("holderIdentity") != identity:
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + (1 if identity else 0)
            spec["acquireTime"] = now
        spec |= {"holderIdentity": identity, "leaseDurationSeconds": max(1, int(duration)), "renewTime": now}
        return {**lease, "spec": spec}
