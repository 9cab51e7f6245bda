"""Deployments become pods, and pods start, fail, recover and end, on virtual time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ekiben.cluster import kinds

from .clock import text
from .schema import REPLICA_SET

if TYPE_CHECKING:
    from .world import World

Json = dict[str, Any]

_GRACE = (2.0, 12.0)
_BACK_OFF = 3.0


@dataclass
class Nature:
    """How the pods of one image behave."""

    start: float = 3.0
    """Seconds from creation to readiness."""
    trouble: str = ""
    """crash, pull, memory, node or hang; empty where they are well."""
    verdict: str = "good"
    """What their requests will say: good, bad, hung or unsure."""
    judged_after: float = 5.0
    """Seconds of usable traffic until they say it."""


class Workloads:
    """The Deployment controller, the scheduler and the kubelets."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._due: set[str] = set()
        self._number = 0

    def changed(self, body: Json) -> None:
        """A Deployment was written, or a pod of it has gone: look at it soon."""
        name = body["metadata"]["name"]
        if name not in self._due:
            self._due.add(name)
            self._world.later(0.05 + self._world.some_lag(), self._sync, name)

    def pods_of(self, name: str) -> list[Json]:
        """Return the pods of a Deployment, those that are ending included."""
        prefix = f"{name}-"
        return [
            pod
            for pod in self._world.server.all(kinds.POD)
            if pod["metadata"]["ownerReferences"][0]["name"].startswith(prefix)
        ]

    def end(self, pod: Json) -> None:
        """Delete a pod as the API does: it leaves its Services at once, and goes after its grace."""
        meta, world = pod["metadata"], self._world
        if meta.get("deletionTimestamp") is None:
            world.server.mark_deleted(kinds.POD, meta["namespace"], meta["name"])
            world.later(world.rng.uniform(*_GRACE), self._gone, meta["name"], meta["uid"])

    def break_pod(self, pod: Json, trouble: str) -> None:
        """Let a pod that runs meet with trouble."""
        self._write(pod, **_TROUBLES[trouble](self._world.now))

    def heal(self) -> None:
        """Whatever was wrong with pods is over: they start anew."""
        for pod in list(self._world.server.all(kinds.POD)):
            if pod["metadata"].get("deletionTimestamp") is None and not is_ready(pod):
                self._world.later(self._world.rng.uniform(1, 3), self._well, pod["metadata"]["name"])

    def _sync(self, name: str) -> None:
        self._due.discard(name)
        world = self._world
        body = world.server.peek(kinds.DEPLOYMENT, world.namespace, name)
        if body is None:
            return
        pods = [pod for pod in self.pods_of(name) if pod["metadata"].get("deletionTimestamp") is None]
        wanted = int(body["spec"].get("replicas", 1))
        surplus = len(pods) - wanted
        for pod in sorted(pods, key=is_ready)[: max(0, surplus)]:
            self.end(pod)
        for _ in range(-surplus):
            self._start(body)
        self._report(body, wanted, sum(map(is_ready, pods)))

    def _report(self, body: Json, wanted: int, ready: int) -> None:
        status = {"observedGeneration": body["metadata"]["generation"], "replicas": wanted, "readyReplicas": ready}
        if body.get("status") != status:
            self._world.server.put(kinds.DEPLOYMENT, {**body, "status": status}, subresource="status")

    def _start(self, deployment: Json) -> None:
        world, template = self._world, deployment["spec"]["template"]
        self._number += 1
        meta, digest = deployment["metadata"], deployment["metadata"]["uid"].rpartition("-")[2]
        owner = self._replica_set(deployment, f"{meta['name']}-{digest}")
        image = template["spec"]["containers"][0]["image"]
        body = {
            "metadata": {
                "name": f"{owner['name']}-{self._number:05d}",
                "namespace": meta["namespace"],
                "labels": {**template["metadata"]["labels"], "pod-template-hash": digest},
                "ownerReferences": [owner],
            },
            "spec": {"containers": [{"name": "model", "image": image}]},
            "status": {"phase": "Pending"},
        }
        made = world.server.put(kinds.POD, body)
        name, nature = made["metadata"]["name"], world.nature(image)
        trouble = nature.trouble
        if trouble == "memory":
            world.later(nature.start, self._well, name)
            world.later(nature.start + 6, self._meets, name, trouble)
        elif trouble:
            world.later(min(nature.start, 3.0), self._meets, name, trouble)
        else:
            world.later(nature.start * (1 + world.some_lag()), self._well, name)

    def _replica_set(self, deployment: Json, name: str) -> Json:
        server, meta = self._world.server, deployment["metadata"]
        found = server.peek(REPLICA_SET, meta["namespace"], name)
        if found is None:
            owner = {"kind": "Deployment", "name": meta["name"], "uid": meta["uid"], "controller": True}
            body = {"metadata": {"name": name, "namespace": meta["namespace"], "ownerReferences": [owner]}}
            found = server.put(REPLICA_SET, body)
        return {"kind": "ReplicaSet", "name": name, "uid": found["metadata"]["uid"], "controller": True}

    def _well(self, name: str) -> None:
        pod = self._living(name)
        if pod is None or is_ready(pod):
            return
        nature = self._world.nature(pod["spec"]["containers"][0]["image"])
        if nature.trouble in ("", "memory"):
            before = (pod["status"].get("containerStatuses") or [{}])[0]
            kept = {key: before[key] for key in ("restartCount", "lastState") if key in before}
            self._write(pod, ready=True, container={**kept, "state": {"running": {}}})

    def _meets(self, name: str, trouble: str) -> None:
        pod = self._living(name)
        if pod is None or self._world.nature(pod["spec"]["containers"][0]["image"]).trouble != trouble:
            if pod is not None:
                self._well(name)
            return
        self._write(pod, **_TROUBLES[trouble](self._world.now))
        if trouble == "memory":
            self._world.later(_BACK_OFF, self._well, name)

    def _living(self, name: str) -> Json | None:
        pod = self._world.server.peek(kinds.POD, self._world.namespace, name)
        return None if pod is None or pod["metadata"].get("deletionTimestamp") else pod

    def _write(
        self, pod: Json, *, ready: bool, container: Json, scheduled: bool = True, phase: str = "Running"
    ) -> None:
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
        if not scheduled:
            message = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
            conditions.append(
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
            )
        number = pod["metadata"]["name"].rpartition("-")[2]
        status = {"phase": phase if scheduled else "Pending", "conditions": conditions, "podIP": f"10.0.0.{number}"}
        status["containerStatuses"] = [{"name": "model", "restartCount": 0, **container}]
        self._world.server.put(kinds.POD, {**pod, "status": status}, subresource="status")

    def _gone(self, name: str, uid: str) -> None:
        pod = self._world.server.peek(kinds.POD, self._world.namespace, name)
        if pod is not None and pod["metadata"]["uid"] == uid:
            self._world.server.remove(kinds.POD, self._world.namespace, name)


def is_ready(pod: Json) -> bool:
    """Whether a pod says that it is ready."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _waiting(reason: str, message: str, **container: Any) -> Json:
    return {"ready": False, "container": {"state": {"waiting": {"reason": reason, "message": message}}, **container}}


def _ended(now: float, reason: str, code: int) -> Json:
    return {"terminated": {"reason": reason, "exitCode": code, "finishedAt": text(now)}}


_TROUBLES = {
    "crash": lambda now: _waiting(
        "CrashLoopBackOff", "back-off restarting", restartCount=2, lastState=_ended(now, "Error", 1)
    ),
    "pull": lambda _now: _waiting("ImagePullBackOff", "not found"),
    "memory": lambda now: {
        "ready": False,
        "container": {"restartCount": 1, "lastState": _ended(now, "OOMKilled", 137), "state": {"running": {}}},
    },
    "node": lambda _now: {"ready": False, "scheduled": False, "container": {}},
    "hang": lambda _now: {"ready": False, "container": {"state": {"running": {}}}},
}
"""What the API shows of a pod in each kind of trouble."""
