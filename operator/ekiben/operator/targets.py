"""Which pods' counters are evidence: those that a revision's own Deployment made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ekiben.objects.runtime import MODEL_SERVERS
from ekiben.signals.scrape import ScrapeTarget

from .pods import owner, still_runs
from .world import Json, World

_HASH_LABEL = "pod-template-hash"


def targets(world: World, revisions: Iterable[str]) -> tuple[ScrapeTarget, ...]:
    """Return the pods to be asked.

    A label alone makes no pod a revision's: its controller has to be the ReplicaSet that the Deployment names after
    itself and the template. Reading the ReplicaSet too would prove no more, since whoever may make pods may write any
    owner into them, and would need one more right. A pod on its node's network is not ours either, and its address
    would be the node's.
    """
    port = MODEL_SERVERS[world.resource.spec.model.runtime].port
    return tuple(
        _target(pod, revision, port)
        for revision in revisions
        if revision in world.deployments
        for pod in world.pods.get(revision, ())
        if _made_by(world.deployments[revision], pod) and _can_be_asked(pod)
    )


def _made_by(deployment: Json, pod: Json) -> bool:
    made = owner(pod, "ReplicaSet")
    template = (pod["metadata"].get("labels") or {}).get(_HASH_LABEL)
    return made is not None and bool(template) and made[0] == f"{deployment['metadata']['name']}-{template}"


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
