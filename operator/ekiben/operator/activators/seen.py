"""What is known of the activators: their pods, and the page of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ekiben.signals.counters import MetricsError
from ekiben.signals.scrape import checked

from ..pods import owner, parse_pod, still_runs

Json = dict[str, Any]
NAME_LABEL = "app.kubernetes.io/name=ekiben-activator"
_HASH_LABEL = "pod-template-hash"
_MISSES = 3


@dataclass(frozen=True)
class Activation:
    """The activators, as far as one model goes."""

    ready: int = 0
    """Activators that take requests."""
    addresses: tuple[str, ...] = ()
    """IP addresses of those that have opened its port."""
    port: int = 0
    """Its port there; 0 before it has one."""
    waiting: float = 0.0
    """Requests that they hold."""
    on_the_way: float = 0.0
    """Requests that they have handed on and that are not answered."""
    arrived: int = 0
    """Requests that came to them since the model is followed."""
    forwarded: int = 0
    """Requests that they handed on since then."""
    known: bool = False
    """The page of each that may hold requests was read."""
    gone: bool = False
    """For a while now none has taken requests: not only while one replaces another."""
    problem: str = ""
    """Why they cannot be told of the model; empty where they can."""


@dataclass(frozen=True)
class Seen:
    """One activator."""

    ip: str
    ready: bool
    page: Mapping[str, Any] = field(default_factory=dict)
    """Empty before it was read."""
    misses: int = 0
    """How many times in a row it could not be read."""

    @property
    def takes(self) -> bool:
        """Whether it takes requests. One page that cannot be read takes it out of no path: it may only be busy."""
        return self.ready and bool(self.page.get("ready")) and self.misses < _MISSES

    @property
    def matters(self) -> bool:
        """Whether it may hold requests: one that starts, or that crashes again and again, does not."""
        return self.ready or (bool(self.page) and self.misses < _MISSES)

    def model(self, key: str) -> Mapping[str, Any] | None:
        """Return what it says of a model."""
        models = self.page.get("models")
        found = models.get(key) if isinstance(models, dict) else None
        return found if isinstance(found, dict) else None

    @property
    def source(self) -> tuple[str, str]:
        """What its counters are told from others' by: address and name of the pod."""
        return self.ip, str(self.page.get("instance", ""))

    def counters(self, key: str, uid: str) -> tuple[int, int] | None:
        """Return what it has counted for a model, (arrived, forwarded); None where it does not know it."""
        found = self.model(key)
        return (_count(found, "arrived"), _count(found, "forwarded")) if found and found.get("uid") == uid else None


def activation(
    activators: Mapping[str, Seen], key: str, uid: str, port: int, counted: tuple[int, int] = (0, 0)
) -> Activation:
    """Return what the activators are to one model.

    Args:
        activators: IP address -> what was seen of it.
        key: the model's.
        uid: the model's.
        port: the one that they were told.
        counted: requests of the model that have arrived, and that were handed on.
    """
    asked = [one for one in activators.values() if one.matters]
    told = {one.ip: found for one in asked if (found := one.model(key)) is not None and found.get("uid") == uid}
    return Activation(
        ready=sum(one.takes for one in asked),
        addresses=tuple(sorted(one.ip for one in asked if one.takes and told.get(one.ip, {}).get("port") == port)),
        port=port,
        waiting=float(sum(_count(one, "waiting") for one in told.values())),
        on_the_way=float(sum(_count(one, "onTheWay") for one in told.values())),
        arrived=counted[0],
        forwarded=counted[1],
        known=all(one.page and one.misses == 0 for one in asked),
    )


def addresses(pods: list[Json], deployment: str) -> dict[str, bool]:
    """Return IP address -> ready, of the pods that the activators' own Deployment has made."""
    found = {}
    for pod in pods:
        made = owner(pod, "ReplicaSet")
        template = (pod["metadata"].get("labels") or {}).get(_HASH_LABEL)
        ours = made is not None and bool(template) and made[0] == f"{deployment}-{template}"
        ip = (pod.get("status") or {}).get("podIP")
        if not ours or not ip or not still_runs(pod) or pod["spec"].get("hostNetwork"):
            continue
        try:
            address = checked(str(ip), f"pod {pod['metadata']['name']}")
        except MetricsError:
            continue
        seen = parse_pod(pod)
        found[address] = seen.ready and not seen.terminating
    return found


def page_from(body: bytes) -> Mapping[str, Any]:
    """Return an activator's page.

    Raises:
        ValueError: it is none.
    """
    page = json.loads(body)
    if not isinstance(page, dict) or not isinstance(page.get("models"), dict):
        raise ValueError("not the page of an activator")
    return page


def _count(model: Mapping[str, Any], name: str) -> int:
    value = model.get(name)
    return value if isinstance(value, int) and value >= 0 else 0
