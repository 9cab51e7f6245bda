"""What requests say about a canary, told as the collector tells it: late, after a wait, or not at all.

In the place of Watchers: the same calls, the same evidence, without ticks. Histories with real counters, the real
collector and the real analysis exist as well (counters.py), and cost ten times as much.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ekiben.api.status import MetricEvidence
from ekiben.operator.queue import Key, WorkQueue
from ekiben.operator.traffic import observed
from ekiben.operator.world import World as Seen
from ekiben.rollout.observation import Drain, Evidence

if TYPE_CHECKING:
    from .world import World

_SETTLE = 2.0
_NO_TRAFFIC = 30.0
_STALE = 3.0


@dataclass
class Senses:
    """What can be known at all, whatever the revisions are like."""

    traffic: bool = True
    """Requests come."""
    counters: bool = True
    """The pods' counters can be read."""
    since: float = 0.0
    """When either last changed."""


class Testimony:
    """Evidence about one rollout at a time."""

    def __init__(self, world: World, queue: WorkQueue) -> None:
        self._world = world
        self._queue = queue
        self._canary = self._stable = ""
        self._image = ""
        self._baking = ""
        self._began = 0.0
        self._counted = 0.0
        self._until = 0.0
        self._exposed_since: float | None = None
        self._share = (0, False)
        self._baseline = True
        """The stable revision has pods to compare with."""
        self._quiet: dict[str, float] = {}

    async def follow(self, key: Key, seen: Seen, now: float) -> None:
        """Begin, continue or end watching, as the status says."""
        status = seen.resource.status
        rollout, stable, canary = status.rollout, status.stable, status.canary
        self._baking = stable.revision if rollout is None and stable is not None and status.former else ""
        self._image = stable.image if self._baking and stable else self._image
        if rollout is None or stable is None or canary is None:
            self._canary = ""
            return
        if (self._canary, self._stable) != (rollout.revision, stable.revision):
            self._canary, self._stable, self._image = rollout.revision, stable.revision, canary.image
            self._began, self._exposed_since, self._share = now, None, (0, False)
            self._counted = _restored(rollout.evidence, rollout.revision)
        self._count(now)
        self._baseline = bool(seen.pods.get(stable.revision))
        share = self._acknowledged(seen)
        if share != self._share:
            self._share = share
            self._exposed_since = now if share[0] or share[1] else None
            if self._exposed_since is not None:
                nature = self._world.nature(self._image)
                for wait in (_SETTLE + 0.1, _SETTLE + nature.judged_after + 0.1, _NO_TRAFFIC + 0.1):
                    self._world.later(wait, self._wake, key)

    def _acknowledged(self, seen: Seen) -> tuple[int, bool]:
        route = observed.route(seen)
        if route is None or not route.acknowledged:
            return (0, False)
        return ((route.actual or route.weights).get(self._canary, 0), route.mirror == self._canary)

    def _wake(self, key: Key) -> None:
        if self._canary:
            self._queue.add(key, urgent=True)

    def _count(self, now: float) -> None:
        """Add the seconds in which requests of both revisions were counted."""
        senses = self._world.senses
        if self._exposed_since is not None and senses.traffic and senses.counters:
            start = max(self._exposed_since + _SETTLE, senses.since + _SETTLE, self._until)
            if self._share[0] < 100 and self._baseline:
                self._counted += max(0.0, now - start)
        self._until = now

    def evidence(self, _key: Key) -> Evidence | None:
        """Return what is known about the canary now."""
        if self._baking:
            return self._objectives()
        if not self._canary:
            return None
        now, senses, nature = self._world.now, self._world.senses, self._world.nature(self._image)
        self._count(now)
        exposed = self._exposed_since is not None
        problem = ""
        if exposed and ((not senses.counters and now - senses.since >= _STALE) or not self._baseline):
            problem = "StaleMetrics"
        elif exposed and not senses.traffic and now - max(senses.since, self._exposed_since or 0) >= _NO_TRAFFIC:
            problem = "NoTraffic"
        fresh = exposed and now - max(self._exposed_since or now, senses.since) > _SETTLE
        usable = fresh and senses.traffic and senses.counters and self._baseline and self._counted > 0
        judged = self._counted >= nature.judged_after
        verdicts = {"good": "NotWorse", "bad": "Regressed"}
        verdict = verdicts.get(nature.verdict, "Unknown") if judged else "Unknown"
        return Evidence(
            revision=self._canary,
            verdict=verdict,
            message=f"told after {self._counted:.0f} s",
            metrics=(MetricEvidence(name="errors", canary_requests=int(self._counted)),),
            usable=usable,
            canary_requests=int(self._counted),
            problem=problem,
            problem_message="no request for a while" if problem else "",
            hung=judged and nature.verdict == "hung" and usable,
            state=json.dumps({"canary": self._canary, "counted": self._counted}),
        )

    def _objectives(self) -> Evidence:
        """What absolute objectives say in the bake, where there is no control."""
        nature = self._world.nature(self._image)
        bad = nature.verdict == "bad" and self._world.senses.traffic and self._world.senses.counters
        return Evidence(
            self._baking,
            stable=self._baking,
            stable_verdict="Regressed" if bad else "Unknown",
            stable_message="told by objectives",
        )

    def drains(self, _key: Key) -> Mapping[str, Drain]:
        """Return what is known about requests still on their way."""
        if not self._canary:
            return {}
        known, exposed = self._world.senses.counters, self._world.exposed()
        for name in (self._canary, self._stable):
            if exposed.get(f"{self._world.name}-{name}", 0):
                self._quiet.pop(name, None)
            else:
                self._quiet.setdefault(name, self._world.now)
        return {name: Drain(known, self._quiet.get(name)) for name in (self._canary, self._stable)}

    async def forget(self, _key: Key) -> None:
        """Stop watching."""
        self._canary = ""

    async def close(self) -> None:
        """Stop watching everything."""
        self._canary = ""


def _restored(state: str, canary: str) -> float:
    data = json.loads(state) if state else {}
    return float(data["counted"]) if data.get("canary") == canary else 0.0
