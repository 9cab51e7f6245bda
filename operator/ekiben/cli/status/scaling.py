"""Load, capacity, and why there are so many replicas."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ekiben.api.status import RevisionScaling
from ekiben.cli import words
from ekiben.cli.seen import Seen


def table(seen: Seen, now: float) -> RenderableType | None:
    """Return what replicas follow, and a line or two for each revision; None before anything was decided."""
    scaling = seen.status.scaling
    if scaling is None or not scaling.revisions:
        return None
    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="dim", min_width=6)
    shown.add_row("scaling", Text(scaling.follows))
    roles = {
        one.revision: role for role, one in (("stable", seen.status.stable), ("canary", seen.status.canary)) if one
    }
    for one in scaling.revisions:
        shown.add_row(roles.get(one.revision, one.revision), _line(one, now))
        if one.message:
            shown.add_row("", Text(words.sentence(one.message), style="dim"))
    return shown


def _line(one: RevisionScaling, now: float) -> Text:
    text = Text.assemble((f"{one.desired} wanted", "bold"), f" by {one.writer}")
    if one.load is not None:
        text.append(f", load {number(one.load)} {one.unit}")
    if one.capacity is not None:
        text.append(f", {number(one.capacity)} a replica")
    text.append(f"; {one.reason} {words.ago(one.at, now)}", style="dim")
    return text


def number(value: float) -> str:
    """Return a load with as many digits as matter."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
