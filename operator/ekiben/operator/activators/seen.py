"""What is known of the activators: their pods, and the page of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from ekiben.signals.counters import MetricsError
from ekiben.signals.scrape import checked

from ..pods import owner, parse_pod, still_runs

Json = dict[str, Any]
NAME_LABEL = "app.kubernetes.io/name=ekiben-activator"
_HASH_LABEL = "pod-template-hash"
_MISSES = 3
_STARVED_SECONDS = 10.0


@dataclass(frozen=True)
class Activation:
    """The activators, as far as one model goes."""

    ready: int = 0
    """Activators that take requests."""
    addresses: tuple[str, ...] = ()
    """IP addresses of those that have opened its port."""
    turns: tuple[str, ...] = ()
    """Names of those that take or hold requests, where requests have waited longest first."""
    starved: bool = False
    """One that has nothing on the way waits, and has for much longer than those that have."""
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
    told: dict[str, Json] = {
        one.ip: dict(found) for one in asked if (found := one.model(key)) is not None and found.get("uid") == uid
    }
    return Activation(
        ready=sum(one.takes for one in asked),
        addresses=tuple(sorted(one.ip for one in asked if one.takes and told.get(one.ip, {}).get("port") == port)),
        turns=_turns(asked, told),
        starved=_starved(told),
        port=port,
        waiting=float(sum(_count(one, "waiting") for one in told.values())),
        on_the_way=float(sum(_count(one, "onTheWay") for one in told.values())),
        arrived=counted[0],
        forwarded=counted[1],
        known=all(one.page and one.misses == 0 for one in asked),
    )


def _turns(asked: list[Seen], told: Mapping[str, Json]) -> tuple[str, ...]:
    def rank(one: Seen) -> tuple[float, float, str]:
        found = told.get(one.ip, {})
        return -min(1, _count(found, "waiting")), -(_longest(found) // _STARVED_SECONDS), one.source[1]

    taking = [one for one in asked if one.takes or _holds(told.get(one.ip, {}))]
    names = [one.source[1] for one in sorted(taking, key=rank)]
    # Those that do not say who they are cannot be told their turn.
    return tuple(names) if all(names) and len(set(names)) == len(names) else ()


def _starved(told: Mapping[str, Json]) -> bool:
    longest = [_longest(one) for one in told.values() if _count(one, "onTheWay")]
    others = [_longest(one) for one in told.values() if _count(one, "waiting") and not _count(one, "onTheWay")]
    return bool(longest) and max(others, default=0.0) >= max(longest) + _STARVED_SECONDS


def _holds(model: Mapping[str, Any]) -> bool:
    return bool(_count(model, "waiting") or _count(model, "onTheWay"))


def _longest(model: Mapping[str, Any]) -> float:
    value = model.get("longestWait")
    return float(value) if isinstance(value, int | float) and 0 <= value < inf else 0.0


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
