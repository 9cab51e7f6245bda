"""What one can do next, with the exact commands: pure."""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.api.status import RolloutStatus
from ekiben.cli import asleep
from ekiben.cli.seen import Seen
from ekiben.rollout.proven import served

from .story import Option

_BACK = ("RollingBack", "Restoring")
_JUDGED = ("Step", "Preview", "Shadow")


@dataclass(frozen=True)
class Commands:
    """How commands about one resource are typed."""

    prog: str
    name: str
    namespace: str
    flags: str = ""
    """What reaches the same namespace and cluster, such as " -n shop"."""

    def of(self, verb: str, options: str = "") -> str:
        """Return a command of ekiben."""
        return f"{self.prog} {verb} {self.name}{self.flags}{options}"

    def kubectl(self, rest: str) -> str:
        """Return a command of kubectl in the resource's namespace."""
        return f"kubectl -n {self.namespace} {rest}"


def options(seen: Seen, commands: Commands) -> tuple[Option, ...]:
    """Return what can be done about the resource as it stands; the most likely first."""
    running = seen.status.rollout
    if seen.told("Frozen"):
        return (Option(commands.of("status", " -w"), "watch it; nothing can be asked for while it is frozen"),)
    if running is None:
        return tuple(_settled(seen, commands))
    if running.state == "First":
        return tuple(_first(running, commands))
    if running.state in _BACK:
        return (*_barred(seen, running, commands), Option(commands.of("status", " -w"), "watch it until it is over"))
    return tuple(_rollout(seen, running, commands))


def _barred(seen: Seen, running: RolloutStatus, commands: Commands) -> list[Option]:
    """Return what there is besides waiting where the revision that comes back (recreate) is not ready in time."""
    late = seen.paused_by("ProgressDeadlineExceeded")
    again = late and running.state == "Restoring" and running.revision == seen.status.rejected_revision
    return [Option(commands.of("retry"), f"try {seen.called(running.revision)} again")] if again else []


def _rollout(seen: Seen, running: RolloutStatus, commands: Commands) -> list[Option]:
    paused = seen.told("Paused")
    found = []
    if paused and paused.reason == "AwaitingApproval":
        found.append(Option(commands.of("approve"), "let it go on"))
    found += _ways_on(seen, commands)
    if running.state in (*_JUDGED, "Starting") and not _held_by_pause(seen):
        found.append(Option(commands.of("promote"), "give it all requests now"))
        if running.state in _JUDGED:
            found.append(Option(commands.of("skip"), "leave this step now"))
        found.append(Option(commands.of("pause"), "hold it where it is"))
    found.append(Option(commands.of("abort"), "roll it back"))
    found.append(Option(commands.of("status", " -w"), "watch it"))
    return found


def _held_by_pause(seen: Seen) -> bool:
    return seen.status.paused or bool((seen.spec.get("rollout") or {}).get("paused"))


def _ways_on(seen: Seen, commands: Commands) -> list[Option]:
    """Return what ends a pause, by whoever made it."""
    found = []
    if seen.status.paused:
        found.append(Option(commands.of("resume"), "go on"))
    if (seen.spec.get("rollout") or {}).get("paused"):
        patch = """patch mdep %s --type merge -p '{"spec":{"rollout":{"paused":false}}}'"""
        found.append(Option(commands.kubectl(patch % commands.name), "go on (or take paused out of your YAML)"))
    return found


def _first(running: RolloutStatus, commands: Commands) -> list[Option]:
    labels = f"-l ekiben.dev/modeldeployment={commands.name},ekiben.dev/revision={running.revision}"
    found = [Option(commands.kubectl(f"get pods {labels}"), "see its pods")]
    if running.reason in ("Crashed", "OutOfMemory"):
        found.append(Option(commands.kubectl(f"logs {labels} --previous --tail 50"), "read what they said last"))
    elif running.reason:
        found.append(Option(commands.kubectl(f"describe pods {labels}"), "see what they wait for"))
    return [*found, Option(commands.of("status", " -w"), "watch it")]


def _settled(seen: Seen, commands: Commands) -> list[Option]:
    status = seen.status
    found = _ways_on(seen, commands)
    if asleep.state(seen) in ("asleep", "falling asleep"):
        found.append(Option(commands.of("wake"), "start it before anybody asks for it"))
    pinned = status.pinned
    if status.rejected_revision is not None:
        found.append(Option(commands.of("retry"), f"try {seen.called(status.rejected_revision)} again"))
    proven = [one for one in served(status) if status.stable is not None and one != status.stable.revision]
    if pinned is not None and pinned.instead_of in proven:
        again = seen.called(pinned.instead_of)
        found.append(Option(commands.of("undo", f" --to {pinned.instead_of}"), f"return to {again} after all"))
    elif pinned is not None and status.rejected_revision is None and pinned.revision != pinned.instead_of:
        again = seen.called(pinned.instead_of)
        found.append(Option(commands.of("retry"), f"roll out {again} after all, from its first step"))
    elif seen.before() and status.rejected_revision is None:
        former = status.former
        at_once = f"go back to revision {former.number} at once: its pods are still up" if former else ""
        found.append(Option(commands.of("undo"), at_once or f"go back to {seen.called(seen.before())}"))
    found.append(Option(commands.of("history"), "see every rollout"))
    return found
