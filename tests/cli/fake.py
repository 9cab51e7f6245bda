"""An API server with one ModelDeployment, and an operator that answers requests after a while."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any

from ekiben.api.request import REQUEST_ANNOTATION, parse
from ekiben.cluster import kinds
from ekiben.cluster.connection import Source
from ekiben.cluster.errors import ClusterError, ConflictError, NotFoundError


class Api:
    """What the commands ask of the API server."""

    def __init__(self, resource: dict[str, Any], outcome: str = "Done", after: int = 1) -> None:
        self.resource = deepcopy(resource)
        self.outcome = outcome
        """What the operator answers; empty: nothing, it is down."""
        self.after = after
        """Reads after which the answer is there."""
        self.conflicts = 0
        """How many of the next writes meet a change by somebody else."""
        self.lost_answers = 0
        """How many of the next writes go through and are answered by a conflict."""
        self.leases: list[dict[str, Any]] | ClusterError = []
        self.patches: list[dict[str, Any]] = []
        self._reads = 0

    async def get(self, kind: kinds.Kind, namespace: str | None, name: str) -> dict[str, Any]:
        if name != self.resource["metadata"]["name"]:
            raise NotFoundError(f'modeldeployments.ekiben.dev "{name}" not found', 404)
        self._reads += 1
        if self.outcome and self._reads >= self.after:
            self._answer()
        return deepcopy(self.resource)

    async def merge(self, kind: kinds.Kind, namespace: str, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        metadata = self.resource["metadata"]
        if self.conflicts:
            self.conflicts -= 1
            self.change()
        if patch["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
            raise ConflictError("the object has been modified", 409)
        self.patches.append(patch)
        metadata.setdefault("annotations", {}).update(patch["metadata"]["annotations"])
        self.change()
        self._reads = 0
        if self.lost_answers:
            self.lost_answers -= 1
            raise ConflictError("the object has been modified", 409)
        return deepcopy(self.resource)

    async def list(
        self, kind: kinds.Kind, namespace: str | None, labels: str = "", fields: str = ""
    ) -> list[dict[str, Any]]:
        if kind == kinds.LEASE:
            if isinstance(self.leases, ClusterError):
                raise self.leases
            return self.leases
        return [deepcopy(self.resource)]

    def change(self) -> None:
        metadata = self.resource["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)

    @property
    def annotation(self) -> str:
        return str(self.resource["metadata"].get("annotations", {}).get(REQUEST_ANNOTATION, ""))

    def _answer(self) -> None:
        if not self.annotation:
            return
        request = parse(self.annotation)
        told = self.resource["status"].setdefault("requests", [])
        if all(one["id"] != request.id for one in told):
            told.append(
                {
                    "id": request.id,
                    "verb": request.verb.value,
                    "revision": request.revision,
                    "outcome": self.outcome,
                    "message": f"{request.verb.value} {request.revision}",
                    "at": "2026-03-02T10:00:00.000Z",
                }
            )


class FakePlace:
    """A place.Place that leads to the fake."""

    def __init__(self, api: Api, flags: str = "") -> None:
        self.api = api
        self.flags = flags
        self.source = Source()
        self.chosen = "shop"

    @asynccontextmanager
    async def cluster(self) -> Any:
        await asyncio.sleep(0)
        yield self.api
