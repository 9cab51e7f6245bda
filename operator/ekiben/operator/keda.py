"""KEDA's objects, where the operator's settings allow any."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.scaling import Writer
from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import NotFoundError
from ekiben.objects import names, scaled_object
from ekiben.objects.meta import is_owned
from ekiben.rollout.observation import Measured

from .world import Json

_ASK_AGAIN = {True: 300.0, False: 30.0}
"""Seconds that an answer holds: KEDA comes later than what waits for it more often than it goes."""


@dataclass(frozen=True)
class Found:
    """What there is of one resource."""

    objects: tuple[Json, ...] = ()
    problem: str = ""
    """Why spec.scaling.keda cannot be carried out."""


class Keda:
    """Reads ScaledObjects; without a trigger in the settings it asks nothing, since the role does not let it."""

    def __init__(self, cluster: Cluster, triggers: tuple[str, ...]) -> None:
        self._cluster = cluster
        self._triggers = triggers
        self._installed: tuple[bool, float] | None = None

    async def read(self, resource: ModelDeployment) -> Found:
        """Return the resource's ScaledObjects.

        Raises:
            ClusterError: they could not be read.
        """
        installed = bool(self._triggers) and await self._is_installed()
        items: list[Json] = []
        if installed:
            meta = resource.metadata
            labels = f"{names.RESOURCE_LABEL}={meta.name}"
            try:
                items = await self._cluster.list(kinds.SCALED_OBJECT, meta.namespace, labels)
            except NotFoundError:  # it was uninstalled meanwhile, which is no reason to leave resources alone
                installed, self._installed = False, (False, time.monotonic())
        problem = ""
        if resource.spec.writer is Writer.KEDA:
            problem = scaled_object.refused(resource, self._triggers, installed=installed)
        return Found(tuple(item for item in items if is_owned(item, resource)), problem)

    async def _is_installed(self) -> bool:
        now = time.monotonic()
        if self._installed is None or now - self._installed[1] > _ASK_AGAIN[self._installed[0]]:
            self._installed = (await self._cluster.serves(kinds.SCALED_OBJECT), now)
        return self._installed[0]


def handing_over(resource: ModelDeployment, objects: Iterable[Json], autoscalers: Iterable[Json]) -> frozenset[str]:
    """Return the revisions that KEDA still scales although its object goes, or is gone.

    It makes an autoscaler of its own, with the labels of the ScaledObject, which the garbage collector takes away
    later. Until then anybody else would be the second one to write replicas.
    """
    going = {_revision(item) for item in objects if item["metadata"].get("deletionTimestamp") is not None}
    kept = {_revision(item) for item in objects} - going
    left = {_revision(item) for item in autoscalers if not is_owned(item, resource)} - kept
    return frozenset(filter(None, going | left))


def measured(item: Json | None) -> Measured:
    """Return what KEDA says of one ScaledObject; None where there is none yet. Its load it does not say."""
    told = {one.get("type"): one for one in ((item or {}).get("status") or {}).get("conditions") or ()}
    ready, paused = told.get("Ready", {}), told.get("Paused", {})
    for condition, status in ((ready, "False"), (paused, "True")):
        if condition.get("status") == status:
            reason, message = str(condition.get("reason") or "NotReady"), str(condition.get("message") or "")
            return Measured(reason=reason[:64], message=f"KEDA says: {message}"[:1000], problem=True)
    return Measured(pending=ready.get("status") != "True")


def _revision(item: Json) -> str:
    return str((item["metadata"].get("labels") or {}).get(names.REVISION_LABEL, ""))
