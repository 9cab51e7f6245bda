"""What happened: the last decisions and requests, the conditions, the history."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ekiben.api.status import Condition
from ekiben.cli import words
from ekiben.cli.colours import colour
from ekiben.cli.history.command import table as history_table
from ekiben.cli.history.lines import lines
from ekiben.cli.seen import Seen

_HEALTHY = {
    "Available": "True",
    "Healthy": "True",
    "RouteAccepted": "True",
    "ImagePinned": "True",
    "PolicyUsable": "True",
    "EvidenceUsable": "True",
    "ObjectivesMet": "True",
    "Paused": "False",
    "RolledBack": "False",
    "Frozen": "False",
    "Drifted": "False",
    "TrafficFeatureUnsupported": "False",
    "Degraded": "False",
}
"""What each condition is when all is well; of the others neither answer is bad."""


def decisions(seen: Seen, now: float, most: int) -> RenderableType:
    """Return the last decisions, the latest last."""
    rows = []
    for one in seen.status.decisions[-most:]:
        reason = f" ({one.reason})" if one.decision == "Held" else ""
        rows.append(
            (
                words.clock(one.at, now),
                Text(one.decision + reason, style=colour(one.decision)),
                Text(words.shortened(one.message), style="dim"),
            )
        )
    return _table("decisions", rows)


def requests(seen: Seen, now: float, most: int) -> RenderableType:
    """Return the last requests and what came of them."""
    rows = []
    for one in seen.status.requests[-most:]:
        verb = Text(f"{one.verb or '?'} {one.outcome.lower()}", style="green" if one.outcome == "Done" else "red")
        rows.append((words.clock(one.at, now), verb, Text(one.message, style="dim")))
    return _table("requests", rows)


def conditions(seen: Seen, *, everything: bool) -> RenderableType | None:
    """Return the conditions; without `everything` only those that are not as they are when all is well."""
    rows = []
    for one in seen.status.conditions:
        if everything or _wrong(one):
            state = Text(one.status, style="yellow" if _wrong(one) else "default")
            rows.append((one.type, state, Text.assemble(one.reason, "  ", (one.message, "dim"))))
    return _table("conditions", rows) if rows else None


def history(seen: Seen, now: float, most: int) -> RenderableType:
    """Return the last rollouts."""
    return history_table(lines(seen, now)[:most], now)


def _wrong(one: Condition) -> bool:
    usual = _HEALTHY.get(one.type)
    return usual is not None and one.status != "Unknown" and one.status != usual


def _table(title: str, rows: list[tuple[str, Text, Text]]) -> Table:
    """Return three columns, of which the last one gives way."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    table.add_column(title, style="dim", no_wrap=True, min_width=max(len(title), *(len(row[0]) for row in rows)))
    table.add_column(no_wrap=True, min_width=max(row[1].cell_len for row in rows))
    table.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    for row in rows:
        table.add_row(*row)
    return table
