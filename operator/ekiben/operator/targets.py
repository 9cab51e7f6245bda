"""Which pods' counters are evidence: those that a revision's own Deployment made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.objects.names import RESOURCE_LABEL
from ekiben.objects.runtime import MODEL_SERVERS
from ekiben.signals.scrape import ScrapeTarget

from .pods import owner, still_runs
from .world import Json, World


class Ownership:
    """ReplicaSet uid -> Deployment uid, remembered: neither ever changes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[str, str] = {}

    async def learn(self, world: World, revisions: Iterable[str]) -> None:
        """Read the ReplicaSets of the resource if a pod's is not known yet."""
        wanted = {
            found[1]
            for revision in revisions
            for pod in world.pods.get(revision, ())
            if (found := owner(pod, "ReplicaSet"))
        }
        if wanted <= self._known.keys():
            return
        meta = world.resource.metadata
        items = await self._cluster.list(kinds.REPLICA_SET, meta.namespace, f"{RESOURCE_LABEL}={meta.name}")
        self._known = {str(item["metadata"]["uid"]): found[1] for item in items if (found := owner(item, "Deployment"))}

    def targets(self, world: World, revisions: Iterable[str]) -> tuple[ScrapeTarget, ...]:
        """Return the pods to be asked.

        A label can be put on any pod of the namespace; the chain of owners cannot be had without the right to make
        ReplicaSets. A pod on its node's network is not ours either, and its address would be the node's.
        """
        found = []
        port = MODEL_SERVERS[world.resource.spec.model.runtime].port
        for revision in revisions:
            deployment = world.deployments.get(revision)
            uid = deployment["metadata"]["uid"] if deployment else None
            found += [
                _target(pod, revision, port)
                for pod in world.pods.get(revision, ())
                if uid and self._deployment(pod) == uid and _can_be_asked(pod)
            ]
        return tuple(found)

    def _deployment(self, pod: Json) -> str | None:
        found = owner(pod, "ReplicaSet")
        return self._known.get(found[1]) if found else None


def _can_be_asked(pod: Json) -> bool:
    status: dict[str, Any] = pod.get("status") or {}
    return bool(status.get("podIP")) and still_runs(pod) and not pod["spec"].get("hostNetwork")


def _target(pod: Json, revision: str, port: int) -> ScrapeTarget:
    meta = pod["metadata"]
    return ScrapeTarget(
        uid=str(meta["uid"]),
        name=str(meta["name"]),
        namespace=str(meta["namespace"]),
        ip=str(pod["status"]["podIP"]),
        port=port,
        revision=revision,
    )
