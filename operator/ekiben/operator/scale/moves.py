"""Replicas that changed: what the status says before and after a look, whoever moved them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ekiben.api.status import Status
from ekiben.operator.world import World
from ekiben.rollout.why import Why

FORMER = "former"
"""Role of a revision that serves no more."""


@dataclass(frozen=True)
class Move:
    """One change of one revision's replicas."""

    role: str
    """stable, canary or former."""
    before: int
    after: int
    reason: str
    message: str


def roles(status: Status) -> dict[str, str]:
    """Return revision -> stable or canary."""
    parts = (("canary", status.canary), ("stable", status.stable))
    return {one.revision: role for role, one in parts if one is not None}


def moves(before: Status, after: Status, read: Mapping[str, int]) -> list[Move]:
    """Return what changed between two statuses, with the reason that the second one tells.

    Args:
        before: the status that was read.
        after: the one that was written.
        read: revision -> replicas that its Deployment asked for then; the first status has no word on those that take
            part again, such as the way back in a bake.
    """
    if after.scaling is None or (before.scaling is None and before.stable is not None):
        return []  # nobody had noted how many there were
    noted = {one.revision: one.desired for one in before.scaling.revisions} if before.scaling is not None else {}
    known = {**read, **noted}
    named = roles(after)
    return [
        Move(named[one.revision], known.get(one.revision, 0), one.desired, one.reason, one.message)
        for one in after.scaling.revisions
        if one.revision in named and one.desired != known.get(one.revision, 0)
    ]


def sizes(world: World) -> dict[str, int]:
    """Return revision -> replicas that its Deployment asks for."""
    return {name: int(item["spec"].get("replicas", 1)) for name, item in world.deployments.items()}


def ended(before: Mapping[str, int], world: World, after: Status) -> list[Move]:
    """Return what was changed of revisions that have no part any more, of which the status says nothing.

    Args:
        before: the sizes that were read.
        world: what was read, with what has been written since.
        after: the status of the same look.
    """
    named, now = roles(after), sizes(world)
    return [
        Move(FORMER, size, now[name], Why.ROLLOUT, "it serves no more")
        for name, size in before.items()
        if name not in named and now.get(name, size) != size
    ]
