"""What is still known of the revisions of the time: which model server each of them was."""

from __future__ import annotations

from typing import Any, Protocol

from ekiben.api.model import Runtime
from ekiben.cli.seen import Seen
from ekiben.cluster import kinds
from ekiben.cluster.errors import ClusterError
from ekiben.objects.deployment import model_of
from ekiben.objects.names import RESOURCE_LABEL, revision_from


class Lister(Protocol):
    """The part of the API server that is asked."""

    async def list(
        self, kind: kinds.Kind, namespace: str | None, labels: str = "", fields: str = ""
    ) -> list[dict[str, Any]]:
        """Read all objects that match."""


async def runtimes(cluster: Lister, seen: Seen) -> dict[str, Runtime]:
    """Return revision -> its model server, of those whose Deployments are still there and may be read."""
    try:
        deployments = await cluster.list(kinds.DEPLOYMENT, seen.namespace, f"{RESOURCE_LABEL}={seen.name}")
    except ClusterError:
        return {}
    found = {}
    for deployment in deployments:
        revision = revision_from(seen.name, str(deployment["metadata"]["name"]))
        model = model_of(deployment)
        if revision is not None and model:
            found[revision] = runtime_in(model)
    return found


def runtime_in(model: dict[str, Any]) -> Runtime:
    """Return the model server that a spec.model names."""
    try:
        return Runtime(model.get("runtime") or Runtime.BENTOML)
    except ValueError:
        return Runtime.BENTOML
