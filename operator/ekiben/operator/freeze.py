"""Freeze: nothing moves while a setting, or an annotation on the namespace, says so."""

from __future__ import annotations

import asyncio
import logging

from ekiben.api.base import GROUP
from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ForbiddenError

FREEZE_ANNOTATION = f"{GROUP}/freeze"

_log = logging.getLogger(__name__)
_GOOD_FOR = 1.0
_MOST = 1000
_LONGEST = 500


class Freezes:
    """Reads namespaces, each at most every second: all resources of a namespace share one."""

    def __init__(self, cluster: Cluster, everywhere: str) -> None:
        self._cluster = cluster
        self._everywhere = everywhere
        self._cache: dict[str, tuple[float, str]] = {}
        self._may_read = True

    async def look(self, namespace: str) -> str:
        """Return why nothing may move in a namespace; empty where it may.

        Raises:
            ClusterError: the API server was not reached. Without the right to read the namespace it is not frozen.
        """
        if self._everywhere:
            return f"{self._everywhere} (the operator's setting EKIBEN_FREEZE)"
        now = asyncio.get_running_loop().time()
        cached = self._cache.get(namespace)
        if cached and cached[0] > now:
            return cached[1]
        why = await self._read(namespace)
        if len(self._cache) >= _MOST:
            self._cache.clear()
        self._cache[namespace] = (now + _GOOD_FOR, why)
        return why

    async def _read(self, namespace: str) -> str:
        try:
            found = await self._cluster.find(kinds.NAMESPACE, None, namespace)
        except ForbiddenError as error:
            if self._may_read:
                self._may_read = False
                _log.warning("%s: until then the annotation %s has no effect", error.message, FREEZE_ANNOTATION)
            return ""
        annotations = (found or {"metadata": {}})["metadata"].get("annotations") or {}
        if FREEZE_ANNOTATION not in annotations:
            return ""
        why = str(annotations[FREEZE_ANNOTATION]).strip()[:_LONGEST] or "no reason is given"
        return f"{why} (annotation {FREEZE_ANNOTATION} of namespace {namespace})"
