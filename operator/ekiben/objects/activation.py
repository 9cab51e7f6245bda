"""What the activators are told about the models that may sleep: an entry each, in a ConfigMap of the operator's own.

Nothing in it comes from an object that a resource's author may write: a model is told by the port that its requests
come to, and the addresses behind it are those of pods that the operator has looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from ipaddress import ip_address
from typing import Any

TABLE = "ekiben-activator"
"""Name of the ConfigMap, in the operator's namespace."""
FIRST_PORT, LAST_PORT = 20000, 21999
"""Ports of the activators, one a model. A ConfigMap holds 1 MiB, which is some 400 bytes for each."""
MOST_PODS = 50
"""Pods of a model that the activators know at most: they take part until the first is ready, not for ever."""


class EntryError(ValueError):
    """An entry cannot be read; the message says why."""


@dataclass(frozen=True)
class Entry:
    """One model that may sleep."""

    namespace: str
    name: str
    uid: str
    """Of the ModelDeployment: another one of the same name has another entry."""
    port: int
    """Where the activators take its requests."""
    pod_port: int
    """Where its pods do."""
    pods: tuple[str, ...] = ()
    """IP addresses of the pods that are ready."""
    cold_start: float = 120.0
    """Seconds that a request waits for a pod at most."""
    timeout: float = 60.0
    """Seconds that it may take from then on."""
    queue: int = 100
    """Requests that one activator holds at most."""
    at_once: int = 32
    """Requests that each activator has on the way to one pod at most, where `activators` is empty."""
    concurrency: int = 0
    """Requests that all of `activators` together have on the way to one pod at most."""
    activators: tuple[str, ...] = ()
    """Names of the activators, in order of their turns, where a pod's places cannot be shared evenly."""
    private: tuple[str, ...] = ()
    """Paths of the model server itself: who asks for its metrics or its health wakes nobody."""

    @property
    def key(self) -> str:
        """The entry's key in the ConfigMap."""
        return key_of(self.namespace, self.name)

    def places(self, activator: str) -> dict[str, int]:
        """Return pod -> requests that one activator has on the way to it at most.

        The places that are left when each has got as many go to one after the other, beginning with another activator
        for each pod: together they never have more than there are, and none has more than one beyond the others'.
        """
        if activator not in self.activators:
            return dict.fromkeys(self.pods, self.at_once)
        number, turn = len(self.activators), self.activators.index(activator)
        each, left = divmod(self.concurrency, number)
        return {pod: each + ((turn - index) % number < left) for index, pod in enumerate(self.pods)}

    def to_json(self) -> str:
        """Return the entry as text."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True)


def key_of(namespace: str, name: str) -> str:
    """Return the key of a resource's entry; a namespace has no dot, so that none is taken for another."""
    return f"{namespace}.{name}"


def entry_from(text: str) -> Entry:
    """Return an entry from its text; fields that a later version has added are left out.

    Raises:
        EntryError: it is none, or names an address or port that no pod can have.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        known = {field.name for field in fields(Entry)}
        lists = {key: tuple(data.get(key) or ()) for key in ("pods", "private", "activators")}
        entry = Entry(**{key: value for key, value in data.items() if key in known} | lists)
        _check(entry)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EntryError(f"not an entry of the activators' table: {error}") from error
    return entry


def entries(table: Mapping[str, Any], holders: Mapping[int, str] | None = None) -> dict[str, Entry]:
    """Return the entries of the ConfigMap by their keys; what cannot be read is left out.

    Of two that name one port only one is returned: requests for the other would reach its pods.

    Args:
        table: the ConfigMap.
        holders: port -> key of the entry that has it already; by default the first by name does.
    """
    found: dict[str, Entry] = {}
    for key, text in sorted((table.get("data") or {}).items()):
        try:
            entry = entry_from(text)
        except EntryError:
            continue
        if entry.key == key:
            found[key] = entry
    holding = {entry.port: key for key, entry in reversed(found.items())}
    holding |= {port: key for port, key in (holders or {}).items() if key in found and found[key].port == port}
    return {key: entry for key, entry in found.items() if holding[entry.port] == key}


def _check(entry: Entry) -> None:
    if not FIRST_PORT <= entry.port <= LAST_PORT:
        raise ValueError(f"port {entry.port} is not one of {FIRST_PORT} to {LAST_PORT}")
    if not 0 < entry.pod_port < 65536:
        raise ValueError(f"pods have no port {entry.pod_port}")
    if min(entry.cold_start, entry.timeout, entry.queue, entry.at_once) <= 0:
        raise ValueError("times and counts are more than 0")
    if entry.concurrency < 0 or len(set(entry.activators)) < len(entry.activators):
        raise ValueError("each activator has a name of its own, and places are no fewer than none")
    for pod in entry.pods:
        address = ip_address(pod)
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            raise ValueError(f"no pod has the address {pod}")
