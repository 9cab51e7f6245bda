"""Everything that the status says about one resource."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ekiben.api.status import RevisionStatus
from ekiben.cli import asleep, words
from ekiben.cli.bars import bar
from ekiben.cli.explain.options import Commands
from ekiben.cli.explain.render import headline
from ekiben.cli.explain.story import Tone
from ekiben.cli.explain.tell import tell
from ekiben.cli.explain.waits import waits
from ekiben.cli.fit import Fit
from ekiben.cli.seen import Seen

from . import evidence, ledger, scaling
from .overview import COLOURS
from .progress import clock, clock_bar, track

_WEIGHT = 24
_ROOMY = 90


def detail(seen: Seen, now: float, *, live: bool = False, wide: bool = False) -> RenderableType:
    """Return the picture of one resource.

    Args:
        seen: the resource.
        now: seconds since the epoch, for "in 40 s" and the progress of a step.
        live: for --watch: only what matters at the moment, so that it fits on a screen.
        wide: whole image references.
    """
    parts: list[RenderableType] = [_head(seen, now), Text(), Fit(lambda width: _revisions(seen, wide, width >= _ROOMY))]
    load = scaling.table(seen, now)
    parts += [Text(), load] if load is not None else []
    rollout = _rollout(seen, now)
    parts += [Text(), rollout] if rollout is not None else []
    shown = evidence.table(seen)
    parts += [Text(), shown] if shown is not None else []
    if seen.status.decisions:
        parts += [Text(), ledger.decisions(seen, now, most=6 if live else 12)]
    if seen.status.requests:
        parts += [Text(), ledger.requests(seen, now, most=3)]
    conditions = ledger.conditions(seen, everything=not live)
    parts += [Text(), conditions] if conditions is not None else []
    if seen.status.history and not live:
        parts += [Text(), ledger.history(seen, now, most=5)]
    return _framed(seen, Group(*parts), words.clock(words.written(now), now) if live else "")


def _head(seen: Seen, now: float) -> RenderableType:
    story, sleeps = tell(seen, now, Commands("ekiben", seen.name, seen.namespace)), asleep.headline(seen, now)
    if sleeps:
        # Of a model that has no pods the way of its last rollout is not what one looks for.
        waits = Tone.WAITING if asleep.state(seen) == "waking" else Tone.PLAIN
        story = replace(story, headline=sleeps, tone=story.tone if story.tone is Tone.BAD else waits)
    return Group(headline(story), Text(seen.status.url or "no URL yet", style="dim"))


def _framed(seen: Seen, body: RenderableType, time: str) -> Panel:
    name = seen.status.phase.value
    colour = COLOURS.get(name, "cyan")
    title = Text.assemble((f"{seen.namespace}/{seen.name}", "bold default"), (f"  ● {name}", colour))
    return Panel(
        body,
        title=title,
        title_align="left",
        subtitle=time or None,
        subtitle_align="right",
        border_style=colour,
        padding=(0, 1),
    )


def _revisions(seen: Seen, wide: bool, roomy: bool) -> Table:
    table = Table.grid(padding=(0, 2))
    roles = (("stable", seen.status.stable), ("canary", seen.status.canary), ("former", seen.status.former))
    for role, one in roles:
        if one is None:
            continue
        cells = [
            Text(role, style="dim"),
            Text.assemble((f"revision {one.number}", "bold"), (f" {one.revision}", "dim"), no_wrap=True),
            bar(one.weight / 100, _WEIGHT if roomy else _WEIGHT // 2, "cyan" if role == "canary" else "green"),
            _weight(one),
            _ready(one, asleep.state(seen) if role == "stable" else ""),
        ]
        if roomy or wide:
            cells.append(Text(one.image if wide else words.short_image(one.image), style="dim"))
        table.add_row(*cells)
    if not table.rows:
        table.add_row(Text("no revision yet", style="dim"))
    return table


def _weight(one: RevisionStatus) -> Text:
    text = Text(f"{one.weight:>3} %")
    if one.acknowledged_weight != one.weight:
        text.append(f" asked, {one.acknowledged_weight} % acknowledged", style="yellow")
    return text


def _ready(one: RevisionStatus, sleeps: asleep.State) -> Text:
    if sleeps and one.ready == 0:
        colour = "yellow" if sleeps == "waking" else "default"
        return Text(f"{sleeps}, {one.ready}/{one.replicas} ready", style=colour)
    short = one.ready < one.replicas or (one.ready == 0 and one.weight > 0)
    return Text(f"{one.ready}/{one.replicas} ready", style="yellow" if short else "default")


def _rollout(seen: Seen, now: float) -> RenderableType | None:
    """Return the way of the rollout, the time of its step, and what it waits for."""
    rows: list[tuple[str, RenderableType]] = []
    line, time, wait = track(seen), clock(seen, now), waits(seen)
    if line is not None:
        rows.append(("steps", line))
    if time is not None:
        rows.append(("time", clock_bar(time)))
    if wait.text:
        rows.append(("now", Text(wait.text)))
    if wait.until is not None:
        then = f"  {wait.then}" if wait.then else ""
        rows.append(("", Text.assemble((words.until(wait.until, now), "bold"), then)))
    running = seen.status.rollout
    if running is not None and running.deadline is not None and running.deadline != wait.until:
        rows.append(("", Text(f"deadline {words.until(running.deadline, now)}", style="dim")))
    if not rows:
        return None
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", min_width=6)
    for name, what in rows:
        table.add_row(name, what)
    return table
