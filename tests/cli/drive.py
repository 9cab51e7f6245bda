"""The state machine's world, as the command line would read it from the API server."""

from __future__ import annotations

from typing import Any

from tests.rollout.world import World

from ekiben.api.request import REQUEST_ANNOTATION, Verb
from ekiben.api.status import RequestStatus
from ekiben.cli.requests.choose import choose
from ekiben.cli.seen import Seen, seen

V = "registry.test/iris:v"


def raw(one: World) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "iris",
            "namespace": "shop",
            "uid": "u",
            "generation": one.generation,
            "resourceVersion": str(one.writes),
            "annotations": {REQUEST_ANNOTATION: one.request} if one.request else {},
        },
        "spec": one.spec,
        "status": one.status.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def look(one: World) -> Seen:
    return seen(raw(one))


def ask(one: World, verb: Verb, to: str = "") -> RequestStatus:
    """Choose as the command does, and let the operator answer."""
    chosen = choose(verb, look(one), to=to)
    one.ask(verb.value, chosen.revision)
    return one.status.requests[-1]
