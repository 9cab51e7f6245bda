"""HorizontalPodAutoscalers keep their bounds and follow a load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ekiben.cluster import kinds

if TYPE_CHECKING:
    from .world import World

Json = dict[str, Any]

_PERIOD = 15.0


class Autoscalers:
    """The horizontal pod autoscaler: a look at each every 15 s, as the real one takes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._running = False
        self.load = 2
        """Pods that all the requests need at the moment."""

    def changed(self, _body: Json) -> None:
        """An autoscaler was written."""
        if not self._running:
            self._running = True
            self._world.later(self._world.rng.uniform(1, _PERIOD), self._sync)

    def _sync(self) -> None:
        server = self._world.server
        found = list(server.all(kinds.AUTOSCALER))
        self._running = bool(found)
        if found:
            self._world.later(_PERIOD, self._sync)
        for autoscaler in found:
            self._scale(autoscaler)

    def _scale(self, autoscaler: Json) -> None:
        spec, world = autoscaler["spec"], self._world
        name = spec["scaleTargetRef"]["name"]
        target = world.server.peek(kinds.DEPLOYMENT, world.namespace, name)
        if target is None or target["spec"].get("replicas", 1) == 0:
            return  # at 0 replicas autoscaling is off
        share = world.exposed().get(name, 0)
        wanted = max(1, -(-self.load * share // 100))
        wanted = min(max(wanted, spec.get("minReplicas", 1)), spec["maxReplicas"])
        if wanted != target["spec"].get("replicas", 1):
            body = {**target, "spec": {**target["spec"], "replicas": wanted}}
            world.server.put(kinds.DEPLOYMENT, body, "hpa")
