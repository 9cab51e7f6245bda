"""What happened: the last decisions and requests, the conditions, the history."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ekiben.api.status import Condition
from ekiben.cli import words
from ekiben.cli.history.command import table as history_table
from ekiben.cli.history.lines import lines
from ekiben.cli.seen import Seen

_BAD = ("RollingBack", "RolledBack", "BakeFailed", "CanaryUnavailable", "StableUnavailable", "RequestRefused", "Hung")
_GOOD = ("Promoted", "Available", "RequestDone")
_HEALTHY = {
    "Available": "True",
    "Healthy": "True",
    "RouteAccepted": "True",
    "ImagePinned": "True",
    "PolicyUsable": "True",
    "EvidenceUsable": "True",
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
    table = _table("decisions")
    for one in seen.status.decisions[-most:]:
        colour = "red" if one.decision in _BAD else "green" if one.decision in _GOOD else "default"
        reason = f" ({one.reason})" if one.decision == "Held" else ""
        table.add_row(
            words.clock(one.at, now), Text(one.decision + reason, style=colour), Text(one.message, style="dim")
        )
    return table


def requests(seen: Seen, now: float, most: int) -> RenderableType:
    """Return the last requests and what came of them."""
    table = _table("requests")
    for one in seen.status.requests[-most:]:
        done = one.outcome == "Done"
        verb = f"{one.verb or '?'} {one.outcome.lower()}"
        message = Text(one.message, style="dim")
        table.add_row(words.clock(one.at, now), Text(verb, style="green" if done else "red"), message)
    return table


def conditions(seen: Seen, *, everything: bool) -> RenderableType | None:
    """Return the conditions; without `everything` only those that are not as they are when all is well."""
    chosen = [one for one in seen.status.conditions if everything or _wrong(one)]
    if not chosen:
        return None
    table = _table("conditions")
    for one in chosen:
        state = Text(one.status, style="yellow" if _wrong(one) else "default")
        table.add_row(one.type, state, Text.assemble(one.reason, "  ", (one.message, "dim")))
    return table


def history(seen: Seen, now: float, most: int) -> RenderableType:
    """Return the last rollouts."""
    return history_table(lines(seen, now)[:most], now)


def _wrong(one: Condition) -> bool:
    usual = _HEALTHY.get(one.type)
    return usual is not None and one.status != "Unknown" and one.status != usual


def _table(title: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(title, style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="ellipsis", no_wrap=True)
    return table
