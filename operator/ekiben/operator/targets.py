"""Which pods' counters are evidence: those that a revision's own Deployment made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from ekiben.api.model import Model
from ekiben.objects.container import CONTAINER
from ekiben.objects.deployment import model_of
from ekiben.objects.runtime import server_of
from ekiben.signals.source import ScrapeTarget

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
    return tuple(
        _target(pod, revision, model)
        for revision in revisions
        if revision in world.deployments
        for model in (model_at(world, revision),)
        for pod in world.pods.get(revision, ())
        if _made_by(world.deployments[revision], pod) and _can_be_asked(pod) and not _warms_up(pod, model)
    )


def model_at(world: World, revision: str) -> Model:
    """Return the model of a revision as its Deployment keeps it: spec.model may ask for another runtime by now."""
    try:
        return Model.model_validate(model_of(world.deployments[revision]))
    except (KeyError, ValidationError):
        return world.resource.spec.model


def _made_by(deployment: Json, pod: Json) -> bool:
    made = owner(pod, "ReplicaSet")
    template = (pod["metadata"].get("labels") or {}).get(_HASH_LABEL)
    return made is not None and bool(template) and made[0] == f"{deployment['metadata']['name']}-{template}"


def _can_be_asked(pod: Json) -> bool:
    status: dict[str, Any] = pod.get("status") or {}
    return bool(status.get("podIP")) and still_runs(pod) and not pod["spec"].get("hostNetwork")


def _warms_up(pod: Json, model: Model) -> bool:
    """Whether a pod still answers what warms it up, which no caller asked: no request is lost to it by not asking."""
    containers = (pod.get("status") or {}).get("containerStatuses") or ()
    return model.warm_up is not None and not any(one.get("started") for one in containers)


def _target(pod: Json, revision: str, model: Model) -> ScrapeTarget:
    server = server_of(model)
    meta = pod["metadata"]
    return ScrapeTarget(
        uid=str(meta["uid"]),
        name=str(meta["name"]),
        namespace=str(meta["namespace"]),
        ip=str(pod["status"]["podIP"]),
        port=server.scraped_port,
        revision=revision,
        runtime=model.runtime,
        path=server.metrics_path,
        serving_port=server.port,
        restarts=_restarts(pod),
    )


def _restarts(pod: Json) -> int:
    containers = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(int(one.get("restartCount") or 0) for one in containers if one.get("name") == CONTAINER)
